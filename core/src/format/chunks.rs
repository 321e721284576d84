//! A part of a PNG or WebP file: a name of four letters and data.

use std::ops::Range;

/// One chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub kind: [u8; 4],
    /// The offset of its first byte, which is its length's in PNG and its name's in WebP.
    pub start: usize,
    /// Its data; in PNG four bytes of CRC follow, in WebP a zero where the length is odd.
    pub data: Range<usize>,
}

/// Those with this name, in file order.
pub fn of_kind<'a>(chunks: &'a [Chunk], kind: &'a [u8; 4]) -> impl Iterator<Item = &'a Chunk> {
    chunks.iter().filter(move |chunk| &chunk.kind == kind)
}
