//! What a file is, by its first bytes and then by all of them: never a panic, and what the whole file
//! says of a raw kind agrees with what its head says, where that says anything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::format::{isobmff, raw};

fuzz_target!(|bytes: &[u8]| {
    let head = &bytes[..bytes.len().min(64)];
    let by_head = raw::kind_of(head);
    let by_all = raw::kind_of(bytes);
    // DNG, NEF and ARW may only show in the whole; the others show at once and for good.
    if let Some(
        raw::RawKind::Cr2
        | raw::RawKind::Cr3
        | raw::RawKind::Raf
        | raw::RawKind::Orf
        | raw::RawKind::Rw2,
    ) = by_head
    {
        assert_eq!(by_head, by_all);
    }
    // A Canon film of raw pictures is no HEIF picture by its first brand.
    if isobmff::major_brand(bytes) == Some(*b"crx ") {
        assert_eq!(by_all, Some(raw::RawKind::Cr3));
    }
    let _ = isobmff::heif_kind(head);
});
