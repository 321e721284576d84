//! PNG: where its EXIF chunk is or belongs (PNG third edition, sections 5.2 and 11.3.3.5).

use std::ops::Range;

use super::exif::{self, EXIF_HEADER};
use super::orientation::{Orientation, Turn};
use super::patch::{self, Edit, Patch, Refusal};

pub const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";
/// How ImageMagick and older programs hide EXIF in text chunks.
const TEXT_EXIF: [&[u8]; 2] = [b"Raw profile type exif\0", b"Raw profile type APP1\0"];

/// A chunk; `data` excludes length, type and checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub kind: [u8; 4],
    pub data: Range<usize>,
}

/// All chunks up to IEND.
///
/// # Errors
/// Where a chunk does not lie within the file, the first is no IHDR, or there is no IEND.
pub fn chunks(bytes: &[u8]) -> Result<Vec<Chunk>, Refusal> {
    let mut at = SIGNATURE.len();
    let mut chunks = Vec::new();
    loop {
        let malformed = Refusal::Malformed { format: "PNG", at };
        let head = bytes.get(at..at + 8).ok_or(Refusal::NoEnd)?;
        let [a, b, c, d, kind @ ..] = head else { return Err(malformed) };
        let len = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).map_err(|_| malformed)?;
        let kind = <[u8; 4]>::try_from(kind).map_err(|_| malformed)?;
        let data = at + 8..(at + 8).checked_add(len).ok_or(malformed)?;
        let next = data.end.checked_add(4).ok_or(malformed)?;
        if next > bytes.len() {
            return Err(Refusal::NoEnd);
        }
        if chunks.is_empty() && kind != *b"IHDR" {
            return Err(malformed);
        }
        chunks.push(Chunk { kind, data });
        if kind == *b"IEND" {
            return Ok(chunks);
        }
        at = next;
    }
}

/// A whole chunk with its checksum.
pub fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = (data.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&kind);
    out.extend_from_slice(data);
    out.extend_from_slice(&checksum(kind, data).to_be_bytes());
    out
}

fn checksum(kind: [u8; 4], data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&kind);
    hasher.update(data);
    hasher.finalize()
}

/// Plans the turn: the field and its chunk's checksum, or a new chunk right after IHDR, where it is
/// ahead of everything that counts offsets (Apple's iDOT).
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan_tag(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let chunks = chunks(bytes)?;
    if chunks.iter().any(|chunk| chunk.kind == *b"caBX") {
        return Err(Refusal::Signed);
    }
    if chunks.iter().any(|chunk| is_text_exif(bytes, chunk)) {
        return Err(Refusal::TextExif);
    }
    let mut blocks = chunks.iter().filter(|chunk| chunk.kind == *b"eXIf");
    let block = match (blocks.next(), blocks.next()) {
        (_, Some(_)) => return Err(Refusal::DuplicateExif),
        (block, None) => block,
    };
    let (from, to) = patch::from_and_to(bytes, block.map(|chunk| &chunk.data), turn)?;
    let mut edits = match block {
        Some(chunk) => with_checksum(bytes, chunk, overwrite(bytes, chunk, to)?),
        None => vec![insert(bytes, &chunks, to)?],
    };
    for chunk in &chunks {
        if let Some(edit) = xmp_edit(bytes, chunk, to)? {
            edits.extend(with_checksum(bytes, chunk, edit));
        }
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

fn is_text_exif(bytes: &[u8], chunk: &Chunk) -> bool {
    matches!(&chunk.kind, b"tEXt" | b"zTXt" | b"iTXt")
        && TEXT_EXIF.iter().any(|keyword| bytes[chunk.data.clone()].starts_with(keyword))
}

fn overwrite(bytes: &[u8], chunk: &Chunk, to: Orientation) -> Result<Edit, Refusal> {
    patch::overwrite_field(bytes, &chunk.data, to)
}

/// The edit of one byte of a chunk's data, and of the checksum behind it.
fn with_checksum(bytes: &[u8], chunk: &Chunk, edit: Edit) -> Vec<Edit> {
    let mut data = bytes[chunk.data.clone()].to_vec();
    if let (Some(byte), Some(new)) =
        (data.get_mut(edit.offset - chunk.data.start), edit.new.first())
    {
        *byte = *new;
    }
    let end = chunk.data.end;
    let old = bytes[end..end + 4].to_vec();
    let new = checksum(chunk.kind, &data).to_be_bytes().to_vec();
    vec![edit, Edit { offset: end, old, new }]
}

fn insert(bytes: &[u8], chunks: &[Chunk], to: Orientation) -> Result<Edit, Refusal> {
    let header = chunks.first().ok_or(Refusal::NoEnd)?;
    if chunks.last().is_some_and(|end| end.data.end + 4 < bytes.len()) {
        return Err(Refusal::TrailingData);
    }
    // The chunk holds the TIFF structure without the header that it has in JPEG.
    let block = exif::minimal_block(to);
    let new = chunk(*b"eXIf", &block[EXIF_HEADER.len()..]);
    Ok(Edit { offset: header.data.end + 4, old: Vec::new(), new })
}

/// XMP is in an iTXt chunk: keyword, compression flag and method, language, translated keyword.
fn xmp_edit(bytes: &[u8], chunk: &Chunk, to: Orientation) -> Result<Option<Edit>, Refusal> {
    let data = &bytes[chunk.data.clone()];
    if chunk.kind != *b"iTXt" || !data.starts_with(XMP_KEYWORD) {
        return Ok(None);
    }
    let rest = &data[XMP_KEYWORD.len()..];
    if rest.first() != Some(&0) {
        return Err(Refusal::Xmp); // Compressed: what it says cannot be seen from here.
    }
    let mut zeros = rest.iter().enumerate().skip(2).filter(|(_, byte)| **byte == 0);
    let (Some(_), Some((last, _))) = (zeros.next(), zeros.next()) else {
        return Err(Refusal::Xmp);
    };
    let start = chunk.data.start + XMP_KEYWORD.len() + last + 1;
    patch::keep_in_step(bytes, &(start..chunk.data.end), to)
}
