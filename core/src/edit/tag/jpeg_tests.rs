//! Tables for what is planned and refused; properties for what a patch may touch.

use proptest::prelude::*;

use super::*;
use crate::format::jpeg::XMP_START;
use crate::format::tiff::Tiff;

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
    block[6 + 19] = stored;
    segment(jpeg::APP1, &block)
}

/// A block of fields (tag, type, count, value), big-endian.
fn exif_of(fields: &[(u16, u16, u32, u32)], rest: &[u8]) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0\x2A\0\0\0\x08".to_vec();
    block.extend((fields.len() as u16).to_be_bytes());
    for (tag, kind, count, value) in fields {
        block.extend([tag.to_be_bytes(), kind.to_be_bytes()].concat());
        block.extend([count.to_be_bytes(), value.to_be_bytes()].concat());
    }
    block.extend([0; 4]);
    block.extend(rest);
    segment(jpeg::APP1, &block)
}

const MODEL: (u16, u16, u32, u32) = (0x0110, 2, 4, 0x41424300);

fn exif_without_orientation() -> Vec<u8> {
    exif_of(&[MODEL], b"")
}

/// A multi-picture index of two pictures of this length, the second at `offset` from the index.
fn mpf(length: u32, offset: u32) -> Vec<u8> {
    let mut index = b"MPF\0II\x2A\0\x08\0\0\0\x01\0".to_vec();
    index.extend([2, 0xB0, 7, 0, 32, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]);
    for offset in [0, offset] {
        index.extend([0; 4]);
        index.extend([length.to_le_bytes(), offset.to_le_bytes()].concat());
        index.extend([0; 4]);
    }
    segment(jpeg::APP2, &index)
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
    let followed = |mut bytes: Vec<u8>, by: &[u8]| { bytes.extend(by); bytes };
    let trailed = |bytes: Vec<u8>| followed(bytes, b"trailer");
    let two_fields = |first: u32, second: u32| exif_of(&[(0x0112, 3, 1, first << 16), (0x0112, 3, 1, second << 16)], b"");
    let of_kind = |kind, count, value| exif_of(&[(0x0112, kind, count, value)], b"");
    // What lies behind the end is 20 bytes behind the block's own end, and an offset there counts from 12.
    let names_trailer = exif_of(&[MODEL, (0x8769, 4, 1, 38)], &[&[0; 8][..], &74u32.to_le_bytes()].concat());
    let full = exif_of(&[MODEL], &vec![0; 65_490]);
    let outside = exif_of(&[(0x0110, 2, 40, 26)], b"");
    for (name, bytes, expected) in [
        ("a field is overwritten",        photo(&[exif(1)]),                          Ok((1, 6, true))),
        ("a wrong tag is turned on",      photo(&[exif(6)]),                          Ok((6, 3, true))),
        ("a mirror is kept",              photo(&[exif(2)]),                          Ok((2, 7, true))),
        ("zero counts as one",            photo(&[exif(0)]),                          Ok((1, 6, true))),
        ("no EXIF: a block is inserted",  photo(&[jfif()]),                           Ok((1, 6, false))),
        ("XMP is kept in step",           photo(&[exif(1), xmp(XMP_ATTRIBUTE)]),      Ok((1, 6, false))),
        ("a trailer stays where it is",   trailed(photo(&[exif(1)])),                 Ok((1, 6, true))),
        ("MPF stays where it is",         photo(&[exif(1), segment(0xE2, b"MPF\0..")]), Ok((1, 6, true))),
        ("nine counts as one",            photo(&[exif(9)]),                          Ok((1, 6, true))),
        ("so does a swapped one",         photo(&[of_kind(3, 1, 0x0100_0000)]),       Ok((1, 6, false))),
        ("two fields are both turned",    photo(&[two_fields(6, 1)]),                 Ok((6, 3, false))),
        ("a LONG becomes a SHORT",        photo(&[of_kind(4, 1, 6)]),                 Ok((6, 3, false))),
        ("so does a BYTE",                photo(&[of_kind(1, 1, 6 << 24)]),           Ok((6, 3, false))),
        ("and an SSHORT",                 photo(&[of_kind(8, 1, 6 << 16)]),           Ok((6, 3, false))),
        ("of two values one is left",     photo(&[of_kind(3, 2, 6 << 16 | 1)]),       Ok((6, 3, false))),
        ("EXIF without the field",        photo(&[exif_without_orientation()]),       Ok((1, 6, false))),
        ("and padding at the end",        followed(photo(&[exif_without_orientation()]), b"\0\0\n"), Ok((1, 6, false))),
        ("and a picture behind",          followed(photo(&[exif_without_orientation()]), &photo(&[])), Ok((1, 6, false))),
        ("and text behind",               trailed(photo(&[exif_without_orientation()])), Err("trailing_data")),
        ("and its place in EXIF",         followed(photo(&[names_trailer]), &photo(&[])), Err("exif_without_orientation")),
        ("and a full segment",            photo(&[full]),                             Err("exif_without_orientation")),
        ("and a value outside",           photo(&[outside]),                          Err("exif_without_orientation")),
        ("and an unreadable index",       photo(&[exif_without_orientation(), segment(0xE2, b"MPF\0..")]), Err("multi_picture")),
        ("and an index",                  photo(&[exif_without_orientation(), mpf(40, 0)]), Ok((1, 6, false))),
        ("two EXIF blocks",               photo(&[exif(1), exif(1)]),                 Err("duplicate_exif")),
        ("broken EXIF",                   photo(&[segment(jpeg::APP1, b"Exif\0\0II")]), Err("malformed_exif")),
        ("empty EXIF",                    photo(&[segment(jpeg::APP1, b"Exif\0")]),   Err("malformed_exif")),
        ("no end marker",                 cut(photo(&[exif(1)])),                     Err("no_end_marker")),
        ("inserting before a trailer",    trailed(photo(&[jfif()])),                  Err("trailing_data")),
        ("inserting before a film",       followed(photo(&[jfif()]), b"\0\0\0\x18ftypmp42"), Ok((1, 6, false))),
        ("inserting before bad MPF",      photo(&[segment(0xE2, b"MPF\0..")]),  Err("multi_picture")),
        ("C2PA",                          photo(&[exif(1), segment(0xEB, b"JP..")]), Err("signed_c2pa")),
        ("unclear XMP",                   photo(&[exif(1), xmp("<tiff:Orientation>")]), Err("xmp_orientation")),
        ("two XMP packets",               photo(&[exif(1), xmp(XMP_ATTRIBUTE), xmp(XMP_ATTRIBUTE)]), Err("xmp_orientation")),
        ("a broken header",               vec![0xFF, 0xD8, 0, 0],                     Err("malformed_jpeg")),
        ("garbage between segments",      photo(&[exif(1), vec![0, 7, 0]]),           Ok((1, 6, true))),
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
        assert_eq!(stated(&after), Some(6));
    }
}

fn stated(bytes: &[u8]) -> Option<u8> {
    let layout = jpeg::layout(bytes).unwrap();
    let block = exif_edit::in_jpeg(bytes, &layout).unwrap()?;
    let field = exif::find_orientation(&bytes[block]).unwrap()?;
    Some(field.stated.to_exif())
}

/// An index says where pictures lie from itself on; the first one has become longer.
#[test]
fn a_multi_picture_index_stays_right() {
    let second = photo(&[]);
    for (name, header) in [
        ("behind EXIF", [exif_without_orientation(), mpf(0, 0)]),
        ("before EXIF", [mpf(0, 0), exif_without_orientation()]),
        ("no EXIF", [mpf(0, 0), jfif()]),
    ] {
        let length = photo(&header).len();
        let at = photo(&header).windows(4).position(|window| window == b"MPF\0").unwrap() + 4;
        let offset = (length - at) as u32;
        let header = header.map(|part| {
            if part[4..].starts_with(b"MPF") { mpf(length as u32, offset) } else { part }
        });
        let before = [photo(&header), second.clone()].concat();
        let after = plan(&before, QUARTER).unwrap().apply(&before).unwrap();
        assert_eq!(stated(&after), Some(6), "{name}");
        let layout = jpeg::layout(&after).unwrap();
        let index = mpf::index(&after, &layout).unwrap().unwrap();
        let places: Vec<_> = index.pictures.iter().map(|p| index.place(p).unwrap()).collect();
        assert_eq!(places[0], 0..layout.end.unwrap(), "{name}");
        assert_eq!(after[places[1].start..], second, "{name}");
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

/// Blocks of several fields and other data, with and without the orientation.
fn any_exif() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![Just(0x0112_u16), 0x0100..0x0120_u16, any::<u16>()];
    let field = (tag, 0..14_u16, 0..5_u32, any::<u32>());
    let fields = proptest::collection::vec(field, 0..6);
    let rest = proptest::collection::vec(any::<u8>(), 0..60);
    (fields, rest).prop_map(|(fields, rest)| exif_of(&fields, &rest))
}

fn any_photo() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(jfif()),
        (0..=9u8).prop_map(exif),
        any_exif(),
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
            // Only the field's own entries, or one more entry and what points to it.
            prop_assert!(after.len() <= bytes.len() + 6 + 12 * 7);
            prop_assert!(after.len() >= bytes.len());
            prop_assert_eq!(stated(&after), Some(patch.to.to_exif()));
        }
    }

    /// Every field of a block is where it was with the value that it had, but for the orientation.
    #[test]
    fn all_other_fields_stay(block in any_exif(), quarters in 1..4u8) {
        let bytes = photo(&[block]);
        if let Ok(patch) = plan(&bytes, Turn::quarters(quarters)) {
            let after = patch.apply(&bytes).unwrap();
            let fields = |bytes: &[u8]| {
                let layout = jpeg::layout(bytes).unwrap();
                let block = bytes[exif_edit::in_jpeg(bytes, &layout).unwrap().unwrap()].to_vec();
                let tiff = Tiff::new(&block).unwrap();
                let (directory, next) = tiff.directory(tiff.first().unwrap()).unwrap();
                let others = directory.fields.iter().filter(|field| field.tag != 0x0112);
                let values = others.map(|f| (f.tag, f.kind, f.count, tiff.value(f).unwrap().1.to_vec()));
                (values.collect::<Vec<_>>(), next.unwrap_or(0))
            };
            prop_assert_eq!(fields(&after), fields(&bytes));
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
