//! Boxes: never a panic, no range beyond the file, an orientation that is one of the eight.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::format::cr3;
use orientd_core::format::isobmff;

fuzz_target!(|bytes: &[u8]| {
    if let Some(primary) = isobmff::primary(bytes) {
        assert!((1..=8).contains(&primary.stored.to_exif()));
    }
    let canon = cr3::canon(bytes);
    for range in [canon.first_directory, canon.preview].into_iter().flatten() {
        assert!(range.start <= range.end && range.end <= bytes.len(), "{range:?}");
    }
});
