//! Tables for what is planned and refused; properties for what a patch may touch.

use proptest::prelude::*;

use super::*;
use crate::format::jpeg::XMP_START;

const XMP_ATTRIBUTE: &str =
    "<x xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff:Orientation=\"1\"/>";

fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFF, marker];
    out.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
    out
}

fn jfif() -> Vec<u8> {
    segment(jpeg::APP0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")
}

fn exif(stored: u8) -> Vec<u8> {
    let mut block = exif::minimal_block(Orientation::UPRIGHT);
    let field = exif::find_orientation(&block[6..]).unwrap().unwrap();
    block[6 + field.low_byte] = stored;
    segment(jpeg::APP1, &block)
}

fn exif_without_orientation() -> Vec<u8> {
    let mut block = exif::minimal_block(Orientation::UPRIGHT);
    block[6 + 10] = 0x01; // The entry's tag 0x0112 becomes 0x0110... of its high byte 0x01 stays,
    block[6 + 11] = 0x10; // so the one field is Model.
    segment(jpeg::APP1, &block)
}

fn xmp(packet: &str) -> Vec<u8> {
    segment(jpeg::APP1, &[XMP_START, packet.as_bytes()].concat())
}

fn photo(header: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    out.extend(header.concat());
    out.extend([0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0, 4, 0xFF, 0xD9]);
    out
}

const QUARTER: Turn = Turn::quarters(1);

#[test]
#[rustfmt::skip]
fn plans_or_refuses() {
    let cut = |mut bytes: Vec<u8>| { bytes.truncate(bytes.len() - 2); bytes };
    let trailed = |mut bytes: Vec<u8>| { bytes.extend(b"trailer"); bytes };
    for (name, bytes, expected) in [
        ("a field is overwritten",        photo(&[exif(1)]),                          Ok((1, 6, true))),
        ("a wrong tag is turned on",      photo(&[exif(6)]),                          Ok((6, 3, true))),
        ("a mirror is kept",              photo(&[exif(2)]),                          Ok((2, 7, true))),
        ("zero counts as one",            photo(&[exif(0)]),                          Ok((1, 6, true))),
        ("no EXIF: a block is inserted",  photo(&[jfif()]),                           Ok((1, 6, false))),
        ("XMP is kept in step",           photo(&[exif(1), xmp(XMP_ATTRIBUTE)]),      Ok((1, 6, false))),
        ("a trailer stays where it is",   trailed(photo(&[exif(1)])),                 Ok((1, 6, true))),
        ("MPF stays where it is",         photo(&[exif(1), segment(0xE2, b"MPF\0..")]), Ok((1, 6, true))),
        ("nine is no orientation",        photo(&[exif(9)]),                          Err("invalid_orientation")),
        ("EXIF without the field",        photo(&[exif_without_orientation()]),       Err("exif_without_orientation")),
        ("two EXIF blocks",               photo(&[exif(1), exif(1)]),                 Err("duplicate_exif")),
        ("broken EXIF",                   photo(&[segment(jpeg::APP1, b"Exif\0\0II")]), Err("malformed_exif")),
        ("empty EXIF",                    photo(&[segment(jpeg::APP1, b"Exif\0")]),   Err("malformed_exif")),
        ("no end marker",                 cut(photo(&[exif(1)])),                     Err("no_end_marker")),
        ("inserting before a trailer",    trailed(photo(&[jfif()])),                  Err("trailing_data")),
        ("inserting before MPF",          photo(&[segment(0xE2, b"MPF\0..")]),  Err("multi_picture")),
        ("C2PA",                          photo(&[exif(1), segment(0xEB, b"JP..")]), Err("signed_c2pa")),
        ("unclear XMP",                   photo(&[exif(1), xmp("<tiff:Orientation>")]), Err("xmp_orientation")),
        ("two XMP packets",               photo(&[exif(1), xmp(XMP_ATTRIBUTE), xmp(XMP_ATTRIBUTE)]), Err("xmp_orientation")),
        ("a broken header",               vec![0xFF, 0xD8, 0, 0],                     Err("malformed_jpeg")),
    ] {
        let planned = plan(&bytes, QUARTER);
        let seen = planned.as_ref().map(|p| (p.from.to_exif(), p.to.to_exif(), p.is_one_byte()));
        assert_eq!(seen.map_err(|refusal| refusal.code()), expected, "{name}");
    }
}

#[test]
fn the_block_goes_behind_jfif_and_reads_back() {
    for header in [vec![jfif()], vec![jfif(), segment(jpeg::APP0, b"JFXX\0\x10")], vec![]] {
        let before = photo(&header);
        let after = plan(&before, QUARTER).unwrap().apply(&before).unwrap();
        assert!(after.starts_with(&[&[0xFF, 0xD8][..], &header.concat()].concat()));
        let exif = exif::find_orientation;
        let layout = jpeg::layout(&after).unwrap();
        let block = exif_edit::in_jpeg(&after, &layout).unwrap().unwrap();
        assert_eq!(exif(&after[block]).unwrap().unwrap().value, 6);
    }
}

#[test]
fn xmp_that_already_agrees_is_left_alone() {
    let packet = XMP_ATTRIBUTE.replace('1', "6").replace("/6.0/", "/1.0/");
    let bytes = photo(&[exif(1), xmp(&packet)]);
    assert!(plan(&bytes, QUARTER).unwrap().is_one_byte());
}

#[test]
fn a_patch_refuses_other_bytes() {
    let bytes = photo(&[exif(1)]);
    let patch = plan(&bytes, QUARTER).unwrap();
    assert_eq!(patch.apply(&photo(&[exif(3)])), Err(Refusal::NotAsJournaled));
    assert_eq!(patch.apply(&bytes[..8]), Err(Refusal::NotAsJournaled));
}

fn any_photo() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(jfif()),
        (0..=9u8).prop_map(exif),
        Just(exif_without_orientation()),
        Just(xmp(XMP_ATTRIBUTE)),
        Just(xmp("<nothing/>")),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| segment(0xED, &bytes)),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| segment(jpeg::APP1, &bytes)),
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| photo(&parts))
}

proptest! {
    /// Whatever is planned, undoing it gives the same bytes, and only what must change changed.
    #[test]
    fn undo_restores_and_little_changes(bytes in any_photo(), quarters in 1..4u8) {
        if let Ok(patch) = plan(&bytes, Turn::quarters(quarters)) {
            let after = patch.apply(&bytes).unwrap();
            prop_assert_eq!(&patch.inverse().apply(&after).unwrap(), &bytes);
            prop_assert_eq!(&patch.inverse().inverse(), &patch);
            if after.len() == bytes.len() {
                let differing = bytes.iter().zip(&after).filter(|(a, b)| a != b).count();
                prop_assert!((1..=2).contains(&differing));
            } else {
                prop_assert_eq!(after.len(), bytes.len() + 36);
            }
        }
    }

    /// Turning on by the rest of the circle gives the first orientation again.
    #[test]
    fn a_full_circle_is_nothing(bytes in any_photo(), quarters in 1..4u8) {
        if let Ok(patch) = plan(&bytes, Turn::quarters(quarters)) {
            let after = patch.apply(&bytes).unwrap();
            let back = plan(&after, Turn::quarters(4 - quarters)).unwrap();
            prop_assert_eq!(back.to, patch.from);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(mut bytes in any_photo(), at in any::<prop::sample::Index>(), value: u8) {
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = plan(&bytes, QUARTER);
        let _ = plan(&bytes[..at], QUARTER);
    }
}
