//! Boxes of the ISO base media file format (ISO 14496-12), as far as HEIF (ISO 23008-12), AVIF and
//! Canon's CR3 need: brands, and the stored orientation of the primary picture.
//!
//! Own code, since the orientation must be known apart from the pixels: libheif's interface applies
//! `irot` and `imir` or not, but tells neither before version 1.16.

use std::ops::Range;

use crate::orientation::{Orientation, Turn};

/// More boxes side by side than any encoder writes.
const MAX_BOXES: usize = 4096;

/// Properties of one picture; encoders write a handful.
const MAX_PROPERTIES: usize = 256;

/// One box. Offsets count from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Box4 {
    pub kind: [u8; 4],
    /// Where its header begins, with its size.
    pub start: usize,
    pub payload: Range<usize>,
}

impl Box4 {
    /// Header and payload.
    pub fn whole(&self) -> Range<usize> {
        self.start..self.payload.end
    }
}

/// The boxes in `range`, up to the first that is cut short or says nonsense of its size.
pub fn boxes(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Box4> + '_ {
    let mut at = range.start;
    let end = range.end.min(bytes.len());
    let step = move || {
        let head = bytes.get(at..at.checked_add(8)?)?;
        let short = u32::from_be_bytes(head.get(..4)?.try_into().ok()?);
        let kind = head.get(4..8)?.try_into().ok()?;
        let (header, length) = match short {
            0 => (8, end.checked_sub(at)?), // To the end.
            1 => {
                let long = u64::from_be_bytes(bytes.get(at + 8..at + 16)?.try_into().ok()?);
                (16, usize::try_from(long).ok()?)
            }
            short => (8, usize::try_from(short).ok()?),
        };
        let next = at.checked_add(length)?;
        if length < header || next > end {
            return None;
        }
        let payload = at + header..next;
        let start = std::mem::replace(&mut at, next);
        Some(Box4 { kind, start, payload })
    };
    std::iter::from_fn(step).take(MAX_BOXES)
}

/// The boxes that fill `range`; `None` if they do not fill it to the last byte.
pub(super) fn filling(bytes: &[u8], range: Range<usize>) -> Option<Vec<Box4>> {
    let all: Vec<Box4> = boxes(bytes, range.clone()).collect();
    let end = all.last().map_or(range.start, |last| last.payload.end);
    (end == range.end).then_some(all)
}

pub(super) fn find(bytes: &[u8], range: Range<usize>, kind: &[u8; 4]) -> Option<Range<usize>> {
    boxes(bytes, range).find(|found| found.kind == *kind).map(|found| found.payload)
}

/// The payload of a full box: without its version and flags, which come first.
pub(super) fn full(bytes: &[u8], payload: Range<usize>) -> Option<(u8, u32, Range<usize>)> {
    let head = u32::from_be_bytes(
        bytes.get(payload.start..payload.start.checked_add(4)?)?.try_into().ok()?,
    );
    let [version, ..] = head.to_be_bytes();
    Some((version, head & 0x00FF_FFFF, payload.start + 4..payload.end))
}

/// The first brand of the `ftyp` box, which must come first.
pub fn major_brand(bytes: &[u8]) -> Option<[u8; 4]> {
    (bytes.get(4..8)? == b"ftyp").then(|| bytes.get(8..12)?.try_into().ok())?
}

/// Pictures of this container that libheif reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeifKind {
    Heif,
    Avif,
}

/// By the brands of the `ftyp` box, as far as `head` has them (ISO 23008-12 annex B, AVIF 1.1
/// section 8). `None`: something else, such as a film.
pub fn heif_kind(head: &[u8]) -> Option<HeifKind> {
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.min(head.len());
    let major = major_brand(head)?;
    let others = head.get(16..end).unwrap_or_default();
    let mut brands = std::iter::once(major).chain(others.as_chunks::<4>().0.iter().copied());
    if brands.clone().any(|brand| matches!(&brand, b"avif" | b"avis")) {
        return Some(HeifKind::Avif);
    }
    // `mif1` says only that it is a picture, of any codec; as the first brand that is enough.
    let is_picture = is_heif(major) || matches!(&major, b"mif1" | b"msf1" | b"mif2");
    (is_picture || brands.any(is_heif)).then_some(HeifKind::Heif)
}

/// A picture or a sequence of them, coded with HEVC.
fn is_heif(brand: [u8; 4]) -> bool {
    matches!(&brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs")
}

/// The primary picture as its properties describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Width and height of the coded picture (`ispe`), before any transformation.
    pub size: Option<(u32, u32)>,
    /// `irot` and `imir`, in the order in which they apply.
    pub stored: Orientation,
}

/// What the properties of the primary item say. `None` if there is no such item.
pub fn primary(bytes: &[u8]) -> Option<Primary> {
    let meta = find(bytes, 0..bytes.len(), b"meta")?;
    let (_, _, meta) = full(bytes, meta)?;
    let item = primary_item(bytes, find(bytes, meta.clone(), b"pitm")?)?;
    let mut primary = Primary { size: None, stored: Orientation::UPRIGHT };
    let Some(properties) = find(bytes, meta, b"iprp") else { return Some(primary) };
    let Some(container) = find(bytes, properties.clone(), b"ipco") else { return Some(primary) };
    let all: Vec<Box4> = boxes(bytes, container).collect();
    let associations = boxes(bytes, properties).filter(|found| found.kind == *b"ipma");
    let of_item = associations.filter_map(|found| associated(bytes, found.payload, item));
    for index in of_item.flatten().take(MAX_PROPERTIES) {
        // Properties count from one; zero means none.
        let Some(property) = index.checked_sub(1).and_then(|index| all.get(index)) else {
            continue;
        };
        apply(bytes, property, &mut primary);
    }
    Some(primary)
}

fn apply(bytes: &[u8], property: &Box4, primary: &mut Primary) {
    let first = bytes.get(property.payload.start).filter(|_| !property.payload.is_empty());
    match (&property.kind, first) {
        (b"ispe", _) => {
            primary.size = size(bytes, property.payload.clone()).or(primary.size);
        }
        // Quarter turns counter-clockwise (ISO 23008-12 section 6.5.10).
        (b"irot", Some(angle)) => {
            let turn = Turn::quarters(angle & 3).inverse();
            primary.stored = primary.stored.then(turn.orientation());
        }
        // 0: top and bottom change places; 1: left and right (section 6.5.12, as libheif and libavif
        // read it).
        (b"imir", Some(axis)) => {
            let exif = if axis & 1 == 0 { 4 } else { 2 };
            primary.stored = primary.stored.then(Orientation::from_stored(Some(exif)));
        }
        _ => {}
    }
}

fn primary_item(bytes: &[u8], payload: Range<usize>) -> Option<u32> {
    let (version, _, payload) = full(bytes, payload)?;
    let mut at = payload.start;
    number(bytes, &mut at, if version == 0 { 2 } else { 4 })
}

fn size(bytes: &[u8], payload: Range<usize>) -> Option<(u32, u32)> {
    let (_, _, payload) = full(bytes, payload)?;
    let mut at = payload.start;
    Some((number(bytes, &mut at, 4)?, number(bytes, &mut at, 4)?))
}

/// The numbers of the properties that an `ipma` box gives to `item`, in order.
fn associated(bytes: &[u8], payload: Range<usize>, item: u32) -> Option<Vec<usize>> {
    let (version, flags, payload) = full(bytes, payload)?;
    let mut at = payload.start;
    let n_items = number(bytes, &mut at, 4)?;
    // Every item takes three bytes at least, so the file's length bounds this.
    for _ in 0..n_items {
        if at >= payload.end {
            return None;
        }
        let id = number(bytes, &mut at, if version == 0 { 2 } else { 4 })?;
        let n_properties = number(bytes, &mut at, 1)?;
        let width = if flags & 1 == 0 { 1 } else { 2 };
        let mut properties = Vec::new();
        for _ in 0..n_properties {
            // The highest bit says that the property is essential.
            let index = number(bytes, &mut at, width)? & (if width == 1 { 0x7F } else { 0x7FFF });
            properties.push(usize::try_from(index).ok()?);
        }
        if id == item {
            return Some(properties);
        }
    }
    None
}

/// A big-endian number of `n` bytes, up to four.
pub(super) fn number(bytes: &[u8], at: &mut usize, n: usize) -> Option<u32> {
    let end = at.checked_add(n)?;
    let value =
        bytes.get(*at..end)?.iter().fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
    *at = end;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 8).expect("short").to_be_bytes();
        [&length[..], kind, payload].concat()
    }

    /// A HEIF file of nothing but properties, which the primary item 1 has in the order given.
    fn heif(properties: &[(&[u8; 4], &[u8])], order: &[u8]) -> Vec<u8> {
        let all: Vec<u8> = properties.iter().flat_map(|(kind, value)| boxed(kind, value)).collect();
        let ipma = [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, order.len() as u8][..], order].concat();
        let iprp = [boxed(b"ipco", &all), boxed(b"ipma", &ipma)].concat();
        let meta =
            [vec![0; 4], boxed(b"pitm", &[0, 0, 0, 0, 0, 1]), boxed(b"iprp", &iprp)].concat();
        [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), boxed(b"meta", &meta)].concat()
    }

    #[test]
    #[rustfmt::skip]
    fn transformations_become_an_orientation() {
        let ispe: (&[u8; 4], &[u8]) = (b"ispe", &[0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 12, 0]);
        for (name, properties, order, exif) in [
            ("none",                   vec![ispe],                                        vec![1],          1),
            ("90 counter-clockwise",   vec![ispe, (b"irot", &[1][..])],                   vec![0x81, 0x82], 8),
            ("180",                    vec![ispe, (b"irot", &[2][..])],                   vec![1, 2],       3),
            ("270 counter-clockwise",  vec![ispe, (b"irot", &[3][..])],                   vec![1, 2],       6),
            ("top and bottom",         vec![ispe, (b"imir", &[0][..])],                   vec![1, 2],       4),
            ("left and right",         vec![ispe, (b"imir", &[1][..])],                   vec![1, 2],       2),
            ("turned, then mirrored",  vec![ispe, (b"irot", &[1][..]), (b"imir", &[1])],  vec![1, 2, 3],    7),
            ("mirrored, then turned",  vec![ispe, (b"irot", &[1][..]), (b"imir", &[1])],  vec![1, 3, 2],    5),
            ("not the primary's",      vec![ispe, (b"irot", &[1][..])],                   vec![1],          1),
            ("no such property",       vec![ispe],                                        vec![1, 0, 99],   1),
        ] {
            let found = primary(&heif(&properties, &order)).expect("a primary item");
            assert_eq!(found.stored.to_exif(), exif, "{name}");
            assert_eq!(found.size, Some((4096, 3072)), "{name}");
        }
    }

    #[test]
    fn brands_tell_pictures_from_films() {
        let of = |brands: &[u8]| heif_kind(&boxed(b"ftyp", brands));
        assert_eq!(of(b"heic\0\0\0\0mif1heic"), Some(HeifKind::Heif));
        assert_eq!(of(b"mif1\0\0\0\0mif1heic"), Some(HeifKind::Heif));
        assert_eq!(of(b"mif1\0\0\0\0mif1avif"), Some(HeifKind::Avif));
        assert_eq!(of(b"avif\0\0\0\0"), Some(HeifKind::Avif));
        assert_eq!(of(b"crx \0\0\0\x01crx isom"), None);
        assert_eq!(of(b"mp42\0\0\0\0mp42isom"), None);
        assert_eq!(of(b"qt  \0\0\0\0qt  "), None);
    }

    #[test]
    fn nothing_absurd_is_believed() {
        let whole = heif(&[(b"irot", &[1])], &[1]);
        for n in 0..whole.len() {
            primary(&whole[..n]);
        }
        // Each byte in turn at its worst.
        for at in 0..whole.len() {
            let mut wild = whole.clone();
            wild[at] = 0xFF;
            primary(&wild);
        }
        // A box that says it holds itself, one of zero length inside, one of 2⁶⁴ bytes.
        let long = [&[0, 0, 0, 1][..], b"meta", &[0xFF; 8]].concat();
        assert_eq!(primary(&long), None);
        assert_eq!(boxes(&[0; 4096], 0..4096).count(), 1);
    }
}
