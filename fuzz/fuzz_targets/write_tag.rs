//! Any bytes and a turn: a refusal, or a patch that changes what it says and can be taken back. One
//! byte overwritten, or what was there is all still there; and read again, the file says what was meant,
//! to the reader that looking at it uses as well.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::edit::tag;
use orientd_core::format::metadata::embedded_orientation;
use orientd_core::orientation::Turn;

fuzz_target!(|input: &[u8]| {
    let Some((quarters, bytes)) = input.split_first() else { return };
    // `write_heif` looks for these.
    if bytes.get(4..8) == Some(b"ftyp") {
        return;
    }
    let turn = Turn::ALL[usize::from(quarters % 4)];
    let Ok(patch) = tag::plan(bytes, turn) else { return };
    assert_eq!(patch.to, patch.from.then(turn.orientation()));
    let new = patch.apply(bytes).expect("a patch applies to what it was planned for");
    let back = patch.inverse().apply(&new).expect("and its inverse to what it made");
    assert_eq!(back, bytes);
    if patch.is_one_byte() {
        assert_eq!(bytes.len(), new.len());
        assert!(bytes.iter().zip(&new).filter(|(a, b)| a != b).count() <= 1);
    }
    let replaced: usize = patch.edits.iter().map(|edit| edit.old.len()).sum();
    let added: usize = patch.edits.iter().map(|edit| edit.new.len()).sum();
    // At most the directories once more, and a profile's copy.
    assert!(added <= replaced + 2 * bytes.len() + 128, "{added} bytes for {replaced}");
    let again = tag::plan(&new, Turn::NONE).expect("what was written can be read");
    assert_eq!(again.from, patch.to);
    assert_eq!(embedded_orientation(bytes), patch.from);
    assert_eq!(embedded_orientation(&new), patch.to);
});
