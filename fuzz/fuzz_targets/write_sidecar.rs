//! Any bytes as a sidecar: refused, or changed so that it states what was meant, all other bytes kept.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::edit::patch::Patch;
use orientd_core::edit::sidecar;
use orientd_core::orientation::Orientation;

fuzz_target!(|bytes: &[u8]| {
    let ending = sidecar::for_extension(bytes);
    assert!(ending.is_none_or(|ending| !ending.is_empty()));
    let Ok(read) = sidecar::read(bytes) else { return };
    for to in Orientation::all() {
        let from = read.said.map_or(Orientation::UPRIGHT, |(orientation, _)| orientation);
        let edit = sidecar::edit(&read, to);
        assert!(edit.old.len() <= 1);
        let patch = Patch { edits: vec![edit], from, to };
        let new = patch.apply(bytes).expect("the edit is of these bytes");
        assert_eq!(patch.inverse().apply(&new).as_deref(), Ok(bytes));
        // The writer reads back what it is about to write, and refuses what it cannot.
        if let Ok(again) = sidecar::read(&new) {
            assert_eq!(again.said.map(|(orientation, _)| orientation), Some(to));
        }
    }
});
