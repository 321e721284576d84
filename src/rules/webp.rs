//! WebP: where its EXIF chunk is or belongs (RFC 9649, sections 2.7 and 2.7.1.5).

use std::ops::Range;

use super::exif::{self, EXIF_HEADER};
use super::orientation::{Orientation, Turn};
use super::patch::{self, Edit, Patch, Refusal};

/// Flags of VP8X (RFC 9649, figure 7).
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;

/// A chunk; `data` excludes type, length and padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub kind: [u8; 4],
    pub data: Range<usize>,
}

pub fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

fn malformed(at: usize) -> Refusal {
    Refusal::Malformed { format: "WebP", at }
}

/// All chunks, and the offset just past the last one with its padding.
///
/// # Errors
/// Where a chunk does not lie within the file.
pub fn chunks(bytes: &[u8]) -> Result<(Vec<Chunk>, usize), Refusal> {
    let size = u32_at(bytes, 4).filter(|_| is_webp(bytes)).ok_or(malformed(0))?;
    let end = 8usize.checked_add(size).ok_or(malformed(4))?;
    if end > bytes.len() {
        return Err(Refusal::NoEnd);
    }
    let mut at = 12;
    let mut chunks = Vec::new();
    while at < end {
        let head = bytes.get(at..at + 8).filter(|_| at + 8 <= end).ok_or(malformed(at))?;
        let kind = head.get(..4).and_then(|kind| kind.try_into().ok()).ok_or(malformed(at))?;
        let len = u32_at(bytes, at + 4).ok_or(malformed(at))?;
        let data = at + 8..(at + 8).checked_add(len).ok_or(malformed(at))?;
        let next = data.end.checked_add(len % 2).ok_or(malformed(at))?;
        if next > end {
            return Err(malformed(at));
        }
        chunks.push(Chunk { kind, data });
        at = next;
    }
    Ok((chunks, end))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(raw)).ok()
}

/// Plans the turn: the field where there is an EXIF chunk, else a new chunk, announced in VP8X,
/// which is added to a simple file.
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan_tag(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let (chunks, end) = chunks(bytes)?;
    if chunks.iter().any(|chunk| chunk.kind == *b"C2PA") {
        return Err(Refusal::Signed);
    }
    let mut blocks = chunks.iter().filter(|chunk| chunk.kind == *b"EXIF");
    let block = match (blocks.next(), blocks.next()) {
        (_, Some(_)) => return Err(Refusal::DuplicateExif),
        (block, None) => block,
    };
    let (from, to) = patch::from_and_to(bytes, block.map(|chunk| &chunk.data), turn)?;
    let mut edits = match block {
        Some(chunk) => {
            let mut edits = vec![patch::overwrite_field(bytes, &chunk.data, to)?];
            edits.extend(announce(bytes, &chunks)?);
            edits
        }
        None if end < bytes.len() => return Err(Refusal::TrailingData),
        None => insert(bytes, &chunks, end, to)?,
    };
    for chunk in chunks.iter().filter(|chunk| chunk.kind == *b"XMP ") {
        edits.extend(patch::keep_in_step(bytes, &chunk.data, to)?);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// Sets the flag without which readers pass over the EXIF chunk. `None` where it is set.
fn announce(bytes: &[u8], chunks: &[Chunk]) -> Result<Option<Edit>, Refusal> {
    let first = chunks.first().ok_or(malformed(12))?;
    if first.kind != *b"VP8X" || first.data.len() < 10 {
        return Err(malformed(12));
    }
    let flags = bytes[first.data.start];
    let edit = Edit { offset: first.data.start, old: vec![flags], new: vec![flags | HAS_EXIF] };
    Ok((flags & HAS_EXIF == 0).then_some(edit))
}

/// The chunk goes before XMP, else last; the file's own size grows with it.
fn insert(
    bytes: &[u8],
    chunks: &[Chunk],
    end: usize,
    to: Orientation,
) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    let first = chunks.first().ok_or(malformed(12))?;
    if first.kind == *b"VP8X" {
        edits.extend(announce(bytes, chunks)?);
    } else {
        let header = extended_header(bytes, first)?;
        edits.push(Edit { offset: 12, old: Vec::new(), new: header });
    }
    let xmp = chunks.iter().find(|chunk| chunk.kind == *b"XMP ");
    let at = xmp.map_or(end, |chunk| chunk.data.start - 8);
    let block = exif::minimal_block(to);
    let new = chunk(*b"EXIF", &block[EXIF_HEADER.len()..]);
    edits.push(Edit { offset: at, old: Vec::new(), new });
    let added: usize = edits.iter().map(|edit| edit.new.len() - edit.old.len()).sum();
    let size = u32::try_from(end - 8 + added).map_err(|_| Refusal::NoRoom)?;
    let new = size.to_le_bytes().to_vec();
    edits.push(Edit { offset: 4, old: bytes[4..8].to_vec(), new });
    Ok(edits)
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = kind.to_vec();
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out.extend_from_slice(data);
    out.resize(out.len() + data.len() % 2, 0);
    out
}

/// VP8X for a simple file: canvas size and alpha as its bitstream has them.
fn extended_header(bytes: &[u8], picture: &Chunk) -> Result<Vec<u8>, Refusal> {
    let data = &bytes[picture.data.clone()];
    let bad = malformed(picture.data.start);
    let (width, height, has_alpha) = match &picture.kind {
        // RFC 6386 section 9.1: frame tag, start code, 14 bits of each size and 2 of its scale.
        b"VP8 " => match data.get(..10) {
            Some(&[_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1]) => {
                let size = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
                (size(w0, w1), size(h0, h1), false)
            }
            _ => return Err(bad),
        },
        // RFC 9649 section 3.4: signature, 14 bits of each size less one, one bit of alpha.
        b"VP8L" => match data.get(..5) {
            Some(&[0x2F, a, b, c, d]) => {
                let bits = u32::from_le_bytes([a, b, c, d]);
                ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1 == 1)
            }
            _ => return Err(bad),
        },
        _ => return Err(bad),
    };
    let (Some(right), Some(bottom)) = (width.checked_sub(1), height.checked_sub(1)) else {
        return Err(bad);
    };
    let mut data = vec![HAS_EXIF | if has_alpha { HAS_ALPHA } else { 0 }, 0, 0, 0];
    data.extend_from_slice(&right.to_le_bytes()[..3]);
    data.extend_from_slice(&bottom.to_le_bytes()[..3]);
    Ok(chunk(*b"VP8X", &data))
}
