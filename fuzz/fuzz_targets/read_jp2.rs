//! The codestream of JPEG 2000: never a panic; without its last bytes none is whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::format::jp2;

fuzz_target!(|bytes: &[u8]| {
    if jp2::is_whole(bytes) && bytes.starts_with(jp2::CODESTREAM) {
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        assert!(!jp2::is_whole(&bytes[..end]) || bytes[..end].ends_with(b"\xFF\xD9"));
    }
});
