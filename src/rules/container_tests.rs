//! What every container's plan must keep, on files made of random parts, and on garbage.

use proptest::prelude::*;

use super::orientation::{Orientation, Turn};
use super::patch::{Patch, Refusal, plan_tag};
use super::{exif, png};

fn png_of(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = png::SIGNATURE.to_vec();
    out.extend(png::chunk(*b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]));
    for (kind, data) in parts {
        out.extend(match kind % 4 {
            0 => png::chunk(*b"tEXt", data),
            1 => png::chunk(*b"eXIf", &block(data)),
            2 => png::chunk(*b"iTXt", &xmp(data)),
            _ => png::chunk(*b"prVt", data),
        });
    }
    out.extend(png::chunk(*b"IDAT", b"pixels"));
    out.extend(png::chunk(*b"IEND", b""));
    out
}

fn webp_of(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        body.extend_from_slice(kind);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend_from_slice(data);
        body.resize(body.len() + data.len() % 2, 0);
    };
    if !parts.is_empty() {
        chunk(b"VP8X", &[0x30, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
    }
    chunk(b"VP8L", &[0x2F, 9, 0x40, 2, 0x10, 1, 2, 3]);
    for (kind, data) in parts {
        match kind % 3 {
            0 => chunk(b"EXIF", &block(data)),
            1 => chunk(b"XMP ", &xmp(data)[22..]),
            _ => chunk(b"prVt", data),
        }
    }
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}

fn tiff_of(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut entries: Vec<(u16, u16)> =
        parts.iter().map(|(kind, data)| (0x0100 + u16::from(*kind), data.len() as u16)).collect();
    entries.sort_unstable();
    entries.dedup_by_key(|(tag, _)| *tag);
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in &entries {
        let value = if *tag == exif::ORIENTATION { value % 9 } else { *value };
        out.extend([tag.to_le_bytes(), 3u16.to_le_bytes()].concat());
        out.extend(1u32.to_le_bytes());
        out.extend([value.to_le_bytes(), [0, 0]].concat());
    }
    out.extend(0u32.to_le_bytes());
    out.extend(parts.iter().flat_map(|(_, data)| data.clone()));
    out
}

fn block(data: &[u8]) -> Vec<u8> {
    let tag = u16::from(data.first().copied().unwrap_or(0) % 8 + 1);
    exif::minimal_block(Orientation::from_stored(Some(tag)))[6..].to_vec()
}

fn xmp(data: &[u8]) -> Vec<u8> {
    let digit = data.first().copied().unwrap_or(0) % 8 + 1;
    let text =
        format!("<x xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\" tiff:Orientation=\"{digit}\"/>");
    [b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), text.as_bytes()].concat()
}

/// The plan can be performed, undone to the same bytes, and leaves a file that says what it should.
fn holds(bytes: &[u8], turn: Turn, patch: &Patch) {
    let new = patch.apply(bytes).expect("a plan fits its file");
    assert_eq!(patch.inverse().apply(&new).as_deref(), Ok(bytes));
    let back = plan_tag(&new, turn.inverse()).expect("what was written can be read");
    assert_eq!((back.from, back.to), (patch.to, patch.from));
    assert_eq!(patch.to, patch.from.then(turn.orientation()));
    // All old bytes are there in order but those that the plan names.
    let (removed, added): (usize, usize) = patch
        .edits
        .iter()
        .fold((0, 0), |(old, new), edit| (old + edit.old.len(), new + edit.new.len()));
    assert_eq!(new.len(), bytes.len() - removed + added);
    assert!(removed <= 2 * 8 + 4 * parts_of(patch), "{patch:?}");
}

fn parts_of(patch: &Patch) -> usize {
    patch.edits.len()
}

fn parts() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..5)
}

proptest! {
    #[test]
    fn a_plan_keeps_everything_else(parts in parts(), turn in 1u8..4, kind in 0..3) {
        let turn = Turn::quarters(turn);
        let bytes = match kind {
            0 => png_of(&parts),
            1 => webp_of(&parts),
            _ => tiff_of(&parts),
        };
        match plan_tag(&bytes, turn) {
            Ok(patch) => holds(&bytes, turn, &patch),
            Err(Refusal::DuplicateExif | Refusal::Xmp | Refusal::Exif(_)) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// Cut anywhere, or with any byte changed: refused, or a plan that still keeps its promises.
    #[test]
    fn damage_is_refused_or_harmless(
        parts in parts(), kind in 0..3, cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut bytes = match kind {
            0 => png_of(&parts),
            1 => webp_of(&parts),
            _ => tiff_of(&parts),
        };
        let index = at.index(bytes.len());
        bytes[index] = value;
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            if let Ok(patch) = plan_tag(bytes, Turn::quarters(1)) {
                let new = patch.apply(bytes).expect("a plan fits its file");
                let restored = patch.inverse().apply(&new);
                prop_assert_eq!(restored.as_deref(), Ok(bytes));
            }
        }
    }

    #[test]
    fn garbage_behind_a_signature_never_panics(kind in 0..4usize, tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let head: &[u8] = [png::SIGNATURE, b"RIFF\x40\0\0\0WEBP", b"II\x2A\0\x08\0\0\0", b"MM\0\x2A"][kind];
        let bytes = [head, &tail].concat();
        if let Ok(patch) = plan_tag(&bytes, Turn::quarters(1)) {
            patch.apply(&bytes).expect("a plan fits its file");
        }
    }
}

#[test]
fn png_checksums_are_right() {
    let bytes = png_of(&[(1, vec![0]), (2, vec![0])]);
    let new = plan_tag(&bytes, Turn::quarters(1)).unwrap().apply(&bytes).unwrap();
    for part in png::chunks(&new).unwrap() {
        let data = &new[part.data.clone()];
        let whole = &new[part.data.start - 8..part.data.end + 4];
        assert_eq!(png::chunk(part.kind, data), whole, "{:?}", part.kind);
    }
}

#[test]
fn a_simple_webp_gains_a_header_with_its_size_and_alpha() {
    let bytes = webp_of(&[]);
    let new = plan_tag(&bytes, Turn::quarters(1)).unwrap().apply(&bytes).unwrap();
    // 0x00024009: width 10, height 10, alpha used.
    assert_eq!(&new[12..30], b"VP8X\x0A\0\0\0\x18\0\0\0\x09\0\0\x09\0\0");
    assert_eq!(new.len() as u32 - 8, u32::from_le_bytes(new[4..8].try_into().unwrap()));
}

#[test]
fn big_tiff_and_circles_are_refused() {
    let big = b"II\x2B\0\x08\0\0\0\x10\0\0\0\0\0\0\0";
    assert_eq!(plan_tag(big, Turn::quarters(1)), Err(Refusal::BigTiff));
    let mut circle = tiff_of(&[(0, vec![])]);
    circle[22..26].copy_from_slice(&8u32.to_le_bytes());
    let refused = plan_tag(&circle, Turn::quarters(1));
    assert!(matches!(refused, Err(Refusal::Malformed { format: "TIFF", .. })), "{refused:?}");
}
