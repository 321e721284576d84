//! What a file says of itself, and what a JPEG decoder is given of it: never a panic, and what is made
//! readable is so at once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::format::{jpeg, metadata, panorama};

fuzz_target!(|bytes: &[u8]| {
    let _ = metadata::embedded_orientation(bytes);
    let _ = metadata::taken(bytes);
    let is_panorama = panorama::is_panorama(bytes, 4000, 2000);
    // Sides of another shape never make one of it.
    assert!(is_panorama || !panorama::is_panorama(bytes, 3000, 2000));
    let readable = jpeg::readable(bytes);
    // An end is the most that it adds.
    assert!(readable.len() <= bytes.len() + 2);
    if let Ok(layout) = jpeg::layout(&readable)
        && layout.scan.is_some()
    {
        assert_eq!(jpeg::readable(&readable), readable);
        let indexed: &[std::ops::Range<usize>] = &[];
        let end = layout.end.unwrap_or(readable.len());
        if let Some(parts) = jpeg::parts_behind(&readable, end, indexed) {
            assert!(parts.iter().all(|part| (end..=readable.len()).contains(part)));
        }
    }
});
