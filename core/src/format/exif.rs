//! Where the Orientation field lies in EXIF's TIFF structure and what it states, and the smallest EXIF
//! block that holds one. TIFF 6.0 section 2 for the structure, EXIF 2.32 section 4.6.4 for the field.

use crate::format::tiff::{
    ASCII, BYTE, Entry, LONG, RATIONAL, SBYTE, SHORT, SLONG, SSHORT, Tiff, UNDEFINED,
};
use crate::orientation::Orientation;

/// What an EXIF APP1 segment begins with.
pub const EXIF_HEADER: &[u8] = b"Exif\0\0";

pub const ORIENTATION: u16 = 0x0112;

/// The Orientation of the first directory. It should be one SHORT with a value from 1 to 8; some
/// programs write other types, other values, or two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrientationField {
    /// What programs make of the first one. A value out of range counts as upright.
    pub stated: Orientation,
    /// Where the entries are, from the start of the TIFF structure.
    pub entries: Vec<usize>,
}

/// The first directory cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExifError {
    #[error("malformed EXIF at byte {0} of its block")]
    Malformed(usize),
}

/// Where the TIFF structure of a block begins: PNG and WebP have it bare, but some writers put JPEG's
/// header before it there, too.
pub fn tiff_start(block: &[u8]) -> usize {
    if block.starts_with(&EXIF_HEADER[..5]) { EXIF_HEADER.len().min(block.len()) } else { 0 }
}

/// Finds the Orientation in the first directory of `block`, which starts with `II` or `MM`. `Ok(None)` if the
/// directory is sound and has no such field.
///
/// # Errors
/// Returns an error if the first directory is malformed.
pub fn find_orientation(block: &[u8]) -> Result<Option<OrientationField>, ExifError> {
    // The reader takes raw formats, too, whose magic number is another.
    let is_tiff = block.starts_with(b"II\x2A\0") || block.starts_with(b"MM\0\x2A");
    let tiff = Tiff::new(block).filter(|_| is_tiff).ok_or(ExifError::Malformed(0))?;
    let first = tiff.first().and_then(|at| usize::try_from(at).ok());
    orientation_in(tiff, first.ok_or(ExifError::Malformed(4))?)
}

/// The same of the directory at `first`.
///
/// # Errors
/// Returns an error if it is malformed.
pub fn orientation_in(tiff: Tiff<'_>, first: usize) -> Result<Option<OrientationField>, ExifError> {
    let mut found: Option<OrientationField> = None;
    for at in tiff.entries(first).ok_or(ExifError::Malformed(first))? {
        let entry = tiff.entry(at).ok_or(ExifError::Malformed(at))?;
        if entry.tag == ORIENTATION {
            let stated = stated(tiff, entry);
            let field =
                found.get_or_insert_with(|| OrientationField { stated, entries: Vec::new() });
            field.entries.push(at);
        }
    }
    Ok(found)
}

/// What the first directory of `block` states, as far as it can be read: viewers, too, obey the orientation
/// of a block that is damaged elsewhere.
pub fn stated_orientation(block: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::new(block)?;
    let first = usize::try_from(tiff.first()?).ok()?;
    let mut entries = tiff.entries(first)?.map_while(|at| tiff.entry(at));
    entries.find(|entry| entry.tag == ORIENTATION).map(|entry| stated(tiff, entry))
}

fn stated(tiff: Tiff<'_>, entry: Entry) -> Orientation {
    let value = number(tiff, entry).and_then(|value| u16::try_from(value).ok());
    Orientation::from_stored(value)
}

/// The first value of a field that should be a SHORT, whatever its type, as exiftool and exiv2 read it.
fn number(tiff: Tiff<'_>, entry: Entry) -> Option<u32> {
    let field = tiff.field(entry)?;
    let (at, value) = tiff.value(&field)?;
    match (field.kind, value) {
        (BYTE | SBYTE | UNDEFINED, [byte, ..]) => Some(u32::from(*byte)),
        (ASCII, [digit @ b'0'..=b'9'] | [digit @ b'0'..=b'9', 0, ..]) => {
            Some(u32::from(digit - b'0'))
        }
        (SHORT | SSHORT, [_, ..]) => tiff.u16_at(at).map(u32::from),
        (LONG | SLONG, [_, ..]) => tiff.u32_at(at),
        (RATIONAL, [_, ..]) => tiff.u32_at(at)?.checked_div(tiff.u32_at(at + 4)?),
        _ => None,
    }
}

/// A whole EXIF block, `Exif\0\0` included, that says nothing but the orientation.
pub fn minimal_block(orientation: Orientation) -> Vec<u8> {
    let mut block = EXIF_HEADER.to_vec();
    block.extend_from_slice(b"MM\0\x2A");
    block.extend_from_slice(&8u32.to_be_bytes()); // The first directory follows at once.
    block.extend_from_slice(&1u16.to_be_bytes());
    block.extend_from_slice(&ORIENTATION.to_be_bytes());
    block.extend_from_slice(&SHORT.to_be_bytes());
    block.extend_from_slice(&1u32.to_be_bytes());
    block.extend_from_slice(&[0, orientation.to_exif(), 0, 0]);
    block.extend_from_slice(&0u32.to_be_bytes()); // No further directory.
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Endian {
        Little,
        Big,
    }

    /// A directory of `entries` (tag, type, count, value field) in either byte order.
    fn tiff(endian: Endian, entries: &[(u16, u16, u32, u16)]) -> Vec<u8> {
        let short = |n: u16| match endian {
            Endian::Little => n.to_le_bytes(),
            Endian::Big => n.to_be_bytes(),
        };
        let long = |n: u32| match endian {
            Endian::Little => n.to_le_bytes(),
            Endian::Big => n.to_be_bytes(),
        };
        let mut out = if endian == Endian::Little { b"II".to_vec() } else { b"MM".to_vec() };
        out.extend(short(42));
        out.extend(long(8));
        out.extend(short(entries.len() as u16));
        for (tag, kind, count, value) in entries {
            out.extend(short(*tag));
            out.extend(short(*kind));
            out.extend(long(*count));
            out.extend(short(*value));
            out.extend([0, 0]);
        }
        out.extend(long(0));
        out
    }

    /// What programs make of each: exiftool 12, exiv2 0.27, ImageMagick 6, Pillow 13, in this order; 0 where
    /// it is none of 1 to 8. Chromium reads the first field if it is one SHORT.
    #[test]
    #[rustfmt::skip]
    fn what_is_stated_is_what_programs_agree_on() {
        for (name, entries, others, expected) in [
            ("none",           &[(0x010F, 2, 1, 0)][..],                     [0, 0, 0, 0], None),
            ("six",            &[(0x010F, 2, 1, 0), (0x0112, 3, 1, 6)][..],  [6, 6, 6, 6], Some(6)),
            ("zero",           &[(0x0112, 3, 1, 0)][..],                     [0, 0, 0, 0], Some(1)),
            ("nine",           &[(0x0112, 3, 1, 9)][..],                     [0, 0, 0, 0], Some(1)),
            ("a swapped one",  &[(0x0112, 3, 1, 256)][..],                   [0, 0, 0, 0], Some(1)),
            ("a swapped six",  &[(0x0112, 3, 1, 1536)][..],                  [0, 0, 0, 0], Some(1)),
            ("unsorted",       &[(0x0112, 3, 1, 3), (0x0100, 3, 1, 9)][..],  [3, 3, 3, 3], Some(3)),
            ("SSHORT",         &[(0x0112, 8, 1, 6)][..],                     [6, 6, 6, 6], Some(6)),
            ("count two",      &[(0x0112, 3, 2, 6)][..],                     [0, 6, 6, 6], Some(6)),
            ("count zero",     &[(0x0112, 3, 0, 6)][..],                     [0, 0, 0, 0], Some(1)),
            ("first of two",   &[(0x0112, 3, 1, 6), (0x0112, 3, 1, 1)][..],  [6, 6, 6, 6], Some(6)),
            ("two ones",       &[(0x0112, 3, 1, 1), (0x0112, 3, 1, 1)][..],  [1, 1, 1, 1], Some(1)),
        ] {
            for endian in [Endian::Little, Endian::Big] {
                let bytes = tiff(endian, entries);
                let found = find_orientation(&bytes).expect("sound");
                let found = found.map(|field| field.stated.to_exif());
                assert_eq!(found, expected, "{name} {endian:?}");
                assert_eq!(stated_orientation(&bytes).map(Orientation::to_exif), expected, "{name}");
                let agree = others.iter().filter(|other| **other == expected.unwrap_or(0)).count();
                assert!(agree >= 3 || others == [0; 4] && expected == Some(1), "{name}");
            }
        }
    }

    /// As exiftool, exiv2 and ImageMagick read them; Pillow and Chromium pass some over.
    #[test]
    fn a_number_of_another_type_is_read() {
        let mut long =
            b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0".to_vec();
        for (kind, count, value) in [
            (LONG, 1, [0, 0, 0, 6]),
            (SLONG, 1, [0, 0, 0, 6]),
            (BYTE, 1, [6, 0, 0, 0]),
            (SBYTE, 1, [6, 0, 0, 0]),
            (UNDEFINED, 1, [6, 0, 0, 0]),
            (ASCII, 2, [b'6', 0, 0, 0]),
            (RATIONAL, 1, [0, 0, 0, 26]),
        ] {
            long[12..14].copy_from_slice(&kind.to_be_bytes());
            long[17] = count;
            long[18..22].copy_from_slice(&value);
            let with_value = [&long[..], &[0, 0, 0, 12, 0, 0, 0, 2]].concat();
            let found = stated_orientation(&with_value).map(Orientation::to_exif);
            assert_eq!(found, Some(6), "type {kind}");
        }
    }

    #[test]
    fn the_header_of_jpeg_may_come_first() {
        let bare = tiff(Endian::Big, &[(0x0112, 3, 1, 6)]);
        for (block, start) in [
            (bare.clone(), 0),
            ([EXIF_HEADER, &bare].concat(), 6),
            (b"Exif\0\xFF".to_vec(), 6),
            (b"Exif\0".to_vec(), 5),
            (Vec::new(), 0),
        ] {
            assert_eq!(tiff_start(&block), start);
        }
    }

    #[test]
    fn every_truncation_errors_and_none_panics() {
        let bytes = tiff(Endian::Big, &[(0x0100, 3, 1, 640), (0x0112, 3, 1, 1)]);
        for n in 0..bytes.len() - 4 {
            assert!(find_orientation(&bytes[..n]).is_err(), "cut at {n}");
        }
        for n in 0..bytes.len() {
            let found = stated_orientation(&bytes[..n]);
            assert!(found.is_none_or(|found| found == Orientation::UPRIGHT), "cut at {n}");
        }
        let mut wild = bytes;
        wild[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(find_orientation(&wild).is_err());
    }

    #[test]
    fn the_minimal_block_reads_back_with_another_reader() {
        for orientation in Orientation::all() {
            let block = minimal_block(orientation);
            let tiff = block[EXIF_HEADER.len()..].to_vec();
            let read = exif::Reader::new().read_raw(tiff).expect("sound");
            let field = read.get_field(exif::Tag::Orientation, exif::In::PRIMARY);
            let value = field.and_then(|field| field.value.get_uint(0));
            assert_eq!(value, Some(u32::from(orientation.to_exif())));
            assert_eq!(read.fields().count(), 1);
        }
    }
}
