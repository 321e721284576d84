//! The start of a JPEG XL file (ISO/IEC 18181-1 annex D, 18181-2): the size and the orientation of its picture. The
//! orientation in the codestream is what counts: decoders apply it, and EXIF beside it says nothing (18181-2,
//! section 9.4).

use super::isobmff::{boxes, filling};
use crate::orientation::Orientation;

/// The first box of the container.
pub const SIGNATURE: &[u8] = b"\0\0\0\x0CJXL \x0D\x0A\x87\x0A";

const CODESTREAM: &[u8] = b"\xFF\x0A";

/// The size takes up to 69 bits, the orientation five.
const HEAD_LEN: usize = 16;

/// Parts that a codestream's first bytes are spread over at most.
const MAX_PARTS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// As stored, before the orientation.
    pub width: u32,
    pub height: u32,
    pub orientation: Orientation,
}

/// `None`: no JPEG XL file, or one that is cut short.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let head = codestream_head(bytes)?;
    let mut bits = Bits { bytes: head.strip_prefix(CODESTREAM)?, at: 0 };
    let (width, height) = size(&mut bits)?;
    // All of the metadata has its default, or all that is not needed by every picture has.
    let is_default = bits.take(1)? == 1 || bits.take(1)? == 0;
    let number = if is_default { 1 } else { 1 + bits.take(3)? };
    let orientation = Orientation::from_exif(u16::try_from(number).ok()?)?;
    Some(Header { width, height, orientation })
}

/// Does the last box of a container go on behind the end of the file?
pub fn is_cut_short(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE) && filling(bytes, 0..bytes.len()).is_none()
}

/// The first bytes of the codestream, which may be the file, or lie in one box or several.
fn codestream_head(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.starts_with(CODESTREAM) {
        return Some(bytes[..bytes.len().min(HEAD_LEN)].to_vec());
    }
    if !bytes.starts_with(SIGNATURE) {
        return None;
    }
    let mut head = Vec::new();
    let parts = boxes(bytes, 0..bytes.len()).filter_map(|found| {
        let payload = bytes.get(found.payload)?;
        match &found.kind {
            b"jxlc" => Some(payload),
            // Its number comes first; parts come in order.
            b"jxlp" => payload.get(4..),
            _ => None,
        }
    });
    for part in parts.take(MAX_PARTS) {
        let missing = HEAD_LEN - head.len();
        head.extend_from_slice(&part[..part.len().min(missing)]);
    }
    Some(head)
}

/// `SizeHeader`: width and height.
fn size(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let is_small = bits.take(1)? == 1;
    let height = side(bits, is_small)?;
    let of_height = |by: u64, of: u64| u32::try_from(u64::from(height) * by / of).ok();
    let width = match bits.take(3)? {
        0 => side(bits, is_small)?,
        1 => height,
        2 => of_height(12, 10)?,
        3 => of_height(4, 3)?,
        4 => of_height(3, 2)?,
        5 => of_height(16, 9)?,
        6 => of_height(5, 4)?,
        _ => of_height(2, 1)?,
    };
    Some((width, height))
}

fn side(bits: &mut Bits<'_>, is_small: bool) -> Option<u32> {
    if is_small {
        return Some(8 * (1 + bits.take(5)?));
    }
    let n_bits = [9, 13, 18, 30][bits.take(2)? as usize];
    Some(1 + bits.take(n_bits)?)
}

/// Bits from the least significant one of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// At most 32.
    fn take(&mut self, n: usize) -> Option<u32> {
        let mut value = 0;
        for place in 0..n {
            let byte = self.bytes.get(self.at / 8)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values with their numbers of bits, put together.
    fn codestream(fields: &[(u32, usize)]) -> Vec<u8> {
        let mut out = CODESTREAM.to_vec();
        let bits = fields.iter().flat_map(|(value, n)| (0..*n).map(move |at| value >> at & 1));
        let bits: Vec<u32> = bits.collect();
        out.extend(bits.chunks(8).map(|byte| {
            byte.iter().enumerate().fold(0u8, |all, (at, bit)| all | (*bit as u8) << at)
        }));
        out
    }

    fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 8).expect("short").to_be_bytes();
        [&length[..], kind, payload].concat()
    }

    #[test]
    #[rustfmt::skip]
    fn sizes_and_orientations_are_read() {
        let with = |orientation: u32| [(0, 1), (1, 1), (orientation - 1, 3)];
        for (name, fields, expected) in [
            ("small, square, all default",  [&[(1, 1), (4, 5), (1, 3)][..], &[(1, 1)]].concat(),                       (40, 40, 1)),
            ("small, both sides",           [&[(1, 1), (4, 5), (0, 3), (9, 5)][..], &[(1, 1)]].concat(),               (80, 40, 1)),
            ("9 bits, three to two",        [&[(0, 1), (0, 2), (299, 9), (4, 3)][..], &[(0, 1), (0, 1)]].concat(),     (450, 300, 1)),
            ("13 bits, on its side",        [&[(0, 1), (1, 2), (3999, 13), (0, 3), (1, 2), (2999, 13)][..], &with(6)].concat(), (3000, 4000, 6)),
            ("18 bits, two to one",         [&[(0, 1), (2, 2), (9999, 18), (7, 3)][..], &with(8)].concat(),            (20_000, 10_000, 8)),
            ("30 bits, upright and so said",[&[(0, 1), (3, 2), (300_000, 30), (1, 3)][..], &with(1)].concat(),         (300_001, 300_001, 1)),
        ] {
            let bytes = codestream(&fields);
            let (width, height, orientation) = expected;
            let orientation = Orientation::from_exif(orientation).expect("one of eight");
            let expected = Some(Header { width, height, orientation });
            assert_eq!(header(&bytes), expected, "{name}");
            let whole = [SIGNATURE, &boxed(b"ftyp", b"jxl \0\0\0\0jxl "), &boxed(b"jxlc", &bytes)].concat();
            assert_eq!(header(&whole), expected, "{name}, in a box");
            let parts = [
                SIGNATURE,
                &boxed(b"jxlp", &[&[0; 4][..], &bytes[..1]].concat()),
                &boxed(b"Exif", b"\0\0\0\0MM"),
                &boxed(b"jxlp", &[&[0, 0, 0, 1][..], &bytes[1..3]].concat()),
                &boxed(b"jxlp", &[&[0x80, 0, 0, 2][..], &bytes[3..]].concat()),
            ].concat();
            assert_eq!(header(&parts), expected, "{name}, in parts");
            assert!(!is_cut_short(&parts) && is_cut_short(&parts[..parts.len() - 1]));
            for n in 0..bytes.len() {
                assert_eq!(header(&bytes[..n]), None, "{name}, {n} bytes");
            }
        }
    }
}
