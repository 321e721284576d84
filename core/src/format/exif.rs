//! Where the Orientation field lies in EXIF's TIFF structure, and the smallest EXIF block that holds one.
//! TIFF 6.0 section 2 for the structure, EXIF 2.32 section 4.6.4 for the field.

use crate::format::tiff::{SHORT, Tiff};
use crate::orientation::Orientation;

/// What an EXIF APP1 segment begins with.
pub const EXIF_HEADER: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;

/// The one Orientation field of the first directory, SHORT with count 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrientationField {
    /// The number as stored; it may be none of 1–8.
    pub value: u16,
    /// Where its low byte is, from the start of the TIFF structure. 1–8 differ in this byte only.
    pub low_byte: usize,
}

/// The first directory cannot be read, or holds an Orientation that must not be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExifError {
    #[error("malformed EXIF at byte {0} of its block")]
    Malformed(usize),
    #[error("the Orientation field is not one SHORT")]
    NotOneShort,
    #[error("the first directory holds more than one Orientation field")]
    Duplicate,
}

/// Finds the Orientation field in the first directory of `block`, which starts with `II` or `MM`.
/// `Ok(None)` if the directory is sound and has no such field.
///
/// # Errors
/// Returns an error if the first directory is malformed, or its Orientation is not one SHORT.
pub fn find_orientation(block: &[u8]) -> Result<Option<OrientationField>, ExifError> {
    // The reader takes raw formats, too, whose magic number is another.
    let is_tiff = block.starts_with(b"II\x2A\0") || block.starts_with(b"MM\0\x2A");
    let tiff = Tiff::new(block).filter(|_| is_tiff).ok_or(ExifError::Malformed(0))?;
    let first = tiff.first().and_then(|at| usize::try_from(at).ok());
    let first = first.ok_or(ExifError::Malformed(4))?;
    let mut found = None;
    for at in tiff.entries(first).ok_or(ExifError::Malformed(first))? {
        let entry = tiff.entry(at).ok_or(ExifError::Malformed(at))?;
        if entry.tag != ORIENTATION {
            continue;
        }
        if found.is_some() {
            return Err(ExifError::Duplicate);
        }
        if (entry.kind, entry.count) != (SHORT, 1) {
            return Err(ExifError::NotOneShort);
        }
        let value = tiff.u16_at(entry.inside).ok_or(ExifError::Malformed(at))?;
        found = Some(OrientationField { value, low_byte: tiff.low_byte(entry.inside) });
    }
    Ok(found)
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

    #[test]
    #[rustfmt::skip]
    fn finds_the_field_or_says_why_not() {
        for (name, entries, expected) in [
            ("none",            &[(0x010F, 2, 1, 0)][..],                     Ok(None)),
            ("six",             &[(0x010F, 2, 1, 0), (0x0112, 3, 1, 6)][..],  Ok(Some(6))),
            ("zero",            &[(0x0112, 3, 1, 0)][..],                     Ok(Some(0))),
            ("a swapped one",   &[(0x0112, 3, 1, 256)][..],                   Ok(Some(256))),
            ("unsorted",        &[(0x0112, 3, 1, 3), (0x0100, 3, 1, 9)][..],  Ok(Some(3))),
            ("a LONG",          &[(0x0112, 4, 1, 6)][..],                     Err(ExifError::NotOneShort)),
            ("count two",       &[(0x0112, 3, 2, 6)][..],                     Err(ExifError::NotOneShort)),
            ("twice",           &[(0x0112, 3, 1, 6), (0x0112, 3, 1, 1)][..],  Err(ExifError::Duplicate)),
        ] {
            for endian in [Endian::Little, Endian::Big] {
                let bytes = tiff(endian, entries);
                let found = find_orientation(&bytes);
                assert_eq!(found.map(|field| field.map(|f| f.value)), expected, "{name} {endian:?}");
            }
        }
    }

    /// Overwriting the low byte, and nothing else, writes any of 1–8.
    #[test]
    fn the_low_byte_is_the_value() {
        for endian in [Endian::Little, Endian::Big] {
            let mut bytes = tiff(endian, &[(0x0100, 3, 1, 640), (0x0112, 3, 1, 1)]);
            for value in 1..=8 {
                let field = find_orientation(&bytes).expect("sound").expect("present");
                bytes[field.low_byte] = value;
                let field = find_orientation(&bytes).expect("sound").expect("present");
                assert_eq!(field.value, u16::from(value), "{endian:?}");
            }
        }
    }

    #[test]
    fn every_truncation_errors_and_none_panics() {
        let bytes = tiff(Endian::Big, &[(0x0100, 3, 1, 640), (0x0112, 3, 1, 1)]);
        for n in 0..bytes.len() - 4 {
            assert!(find_orientation(&bytes[..n]).is_err(), "cut at {n}");
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
