//! The chunks of a WebP file (WebP Container Specification), found without decoding anything.

use crate::format::chunks::Chunk;

/// Bits of the first byte of a VP8X chunk.
pub const EXIF_FLAG: u8 = 0x08;
pub const XMP_FLAG: u8 = 0x04;
const ALPHA_FLAG: u8 = 0x10;

/// Where the first chunk is, behind `RIFF`, the size and `WEBP`.
pub const FIRST_CHUNK: usize = 12;

/// Where things are in a WebP file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub chunks: Vec<Chunk>,
    /// The offset just past the last chunk.
    pub end: usize,
}

/// Walks the chunks. `None` if this is no WebP file, or one that is cut short or garbled.
pub fn layout(bytes: &[u8]) -> Option<Layout> {
    let end = u32_at(bytes, 4)?.checked_add(8)?;
    let chunks: Vec<Chunk> = chunks(bytes)?.collect();
    let last = chunks.last().map_or(FIRST_CHUNK, |chunk| padded(chunk.data.end));
    (last == end && end <= bytes.len()).then_some(Layout { chunks, end })
}

/// The chunks up to one that is cut short. `None` if this is no WebP file.
pub fn chunks(bytes: &[u8]) -> Option<impl Iterator<Item = Chunk> + '_> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    let end = u32_at(bytes, 4)?.checked_add(8)?.min(bytes.len());
    let mut at = FIRST_CHUNK;
    Some(std::iter::from_fn(move || {
        let chunk = chunk_at(bytes, at).filter(|chunk| chunk.data.end <= end)?;
        at = padded(chunk.data.end);
        Some(chunk)
    }))
}

fn chunk_at(bytes: &[u8], start: usize) -> Option<Chunk> {
    let kind = *bytes.get(start..)?.first_chunk::<4>()?;
    let length = u32_at(bytes, start + 4)?;
    let data = start + 8..(start + 8).checked_add(length)?;
    Some(Chunk { kind, start, data })
}

/// Chunks begin at even offsets.
fn padded(end: usize) -> usize {
    end + end % 2
}

/// Without the two bits above that say how to scale it.
fn vp8_side(bytes: [u8; 2]) -> u32 {
    u32::from(u16::from_le_bytes(bytes) & 0x3FFF)
}

/// A VP8X chunk with the EXIF flag, for a file that is one still picture and nothing else
/// (`VP8 `, RFC 6386 section 9.1; `VP8L`, WebP lossless bitstream section 3).
pub fn extended_header(bytes: &[u8], picture: &Chunk) -> Option<Vec<u8>> {
    let data = bytes.get(picture.data.clone())?;
    let (width, height, alpha) = match (&picture.kind, data) {
        (b"VP8 ", [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..]) => {
            (vp8_side([*w0, *w1]), vp8_side([*h0, *h1]), false)
        }
        (b"VP8L", [0x2F, b0, b1, b2, b3, ..]) => {
            let bits = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
            ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1, bits >> 28 & 1 == 1)
        }
        _ => return None,
    };
    let width = width.checked_sub(1)?;
    let height = height.checked_sub(1)?;
    let flags = EXIF_FLAG | if alpha { ALPHA_FLAG } else { 0 };
    let mut out = b"VP8X\x0A\0\0\0".to_vec();
    out.extend([flags, 0, 0, 0]);
    out.extend(&width.to_le_bytes()[..3]);
    out.extend(&height.to_le_bytes()[..3]);
    Some(out)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*raw)).ok()
}
