//! The header of JPEG XL: never a panic, and what was read does not change with what follows.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::format::jxl;

fuzz_target!(|bytes: &[u8]| {
    let Some(header) = jxl::header(bytes) else { return };
    assert!((1..=8).contains(&header.orientation.to_exif()));
    // A codestream by itself goes on as it likes.
    if !bytes.starts_with(jxl::SIGNATURE) {
        let longer = [bytes, &[0x55; 32]].concat();
        assert_eq!(jxl::header(&longer), Some(header));
    }
});
