//! Fujifilm's RAF files: a fixed header names one JPEG and a table of the raw picture's properties (exiftool,
//! `FujiFilm.pm`).

use std::ops::Range;

pub const RAF_MAGIC: &[u8] = b"FUJIFILMCCD-RAW ";

/// What of a RAF file is of use here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raf {
    /// The JPEG, as far as the header says.
    pub jpeg: Option<Range<usize>>,
    /// Width and height of the raw picture.
    pub size: Option<(u32, u32)>,
}

/// More properties than any camera writes.
const MAX_PROPERTIES: u32 = 256;

/// Height and width, cropped to what is shown or whole.
const SIZES: [u16; 3] = [0x0111, 0x0121, 0x0100];

/// Takes a RAF file apart.
pub fn raf(bytes: &[u8]) -> Raf {
    let named = |at| {
        let start = usize::try_from(u32_at(bytes, at)?).ok()?;
        let length = usize::try_from(u32_at(bytes, at + 4)?).ok()?;
        Some(start..start.checked_add(length)?)
    };
    let size = named(92).and_then(|table| size(bytes.get(table)?));
    Raf { jpeg: named(84), size }
}

fn size(table: &[u8]) -> Option<(u32, u32)> {
    let n_properties = u32_at(table, 0)?.min(MAX_PROPERTIES);
    let mut found = [None; SIZES.len()];
    let mut at = 4;
    for _ in 0..n_properties {
        let (Some(tag), Some(length)) = (u16_at(table, at), u16_at(table, at + 2)) else { break };
        if let Some(place) = SIZES.iter().position(|known| *known == tag)
            && length == 4
        {
            found[place] = u16_at(table, at + 6).zip(u16_at(table, at + 4));
        }
        at += 4 + usize::from(length);
    }
    let (width, height) = found.into_iter().flatten().next()?;
    Some((width.into(), height.into()))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_found_and_truncations_are_safe() {
        let mut whole = vec![0; 128];
        whole[..16].copy_from_slice(RAF_MAGIC);
        whole[84..100].copy_from_slice(&[0, 0, 0, 100, 0, 0, 0, 8, 0, 0, 0, 108, 0, 0, 0, 20]);
        whole[108..128]
            .copy_from_slice(&[0, 0, 0, 2, 1, 0, 0, 4, 9, 9, 9, 9, 1, 0x11, 0, 4, 13, 0, 19, 0]);
        let found = raf(&whole);
        assert_eq!((found.jpeg, found.size), (Some(100..108), Some((19 << 8, 13 << 8))));
        for n in 0..whole.len() {
            assert_eq!(raf(&whole[..n]).size, None, "{n} bytes");
        }
    }
}
