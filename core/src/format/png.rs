//! The chunks of a PNG file (PNG, third edition, section 5), found without decoding anything.

use crate::format::chunks::Chunk;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Where things are in a PNG file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub chunks: Vec<Chunk>,
    /// The offset just past the last chunk, IEND; `None` if the file stops without one.
    pub end: Option<usize>,
}

/// Walks the chunks up to IEND. `None` if this is no PNG file.
pub fn layout(bytes: &[u8]) -> Option<Layout> {
    if !bytes.starts_with(SIGNATURE) {
        return None;
    }
    let mut chunks = Vec::new();
    let mut at = SIGNATURE.len();
    while let Some(chunk) = chunk_at(bytes, at) {
        at = chunk.data.end + 4;
        let is_last = &chunk.kind == b"IEND";
        chunks.push(chunk);
        if is_last {
            return Some(Layout { chunks, end: Some(at) });
        }
    }
    Some(Layout { chunks, end: None })
}

fn chunk_at(bytes: &[u8], start: usize) -> Option<Chunk> {
    let head = bytes.get(start..start + 8)?;
    let length = head.first_chunk::<4>()?;
    let kind = *head.last_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let data = start + 8..start.checked_add(8)?.checked_add(length)?;
    (data.end + 4 <= bytes.len()).then_some(Chunk { kind, start, data })
}

/// Does the CRC behind the data fit kind and data?
pub fn is_sound(chunk: &Chunk, bytes: &[u8]) -> bool {
    bytes.get(chunk.data.end..chunk.data.end + 4)
        == Some(&crc(&chunk.kind, &bytes[chunk.data.clone()])[..])
}

/// The CRC of a chunk, as it is stored (section 5.5).
pub fn crc(kind: &[u8; 4], data: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(kind);
    hasher.update(data);
    hasher.finalize().to_be_bytes()
}

/// A whole chunk.
pub fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], &kind, data, &crc(&kind, data)].concat()
}
