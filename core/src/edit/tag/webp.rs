//! WebP: the EXIF chunk, overwritten, grown or added, with the VP8X header it needs; XMP kept in step.

use std::slice::from_ref;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit;
use crate::edit::patch::{Edit, Patch, growth};
use crate::edit::refusal::Refusal;
use crate::format::chunks::{Chunk, of_kind};
use crate::format::exif::{self, EXIF_HEADER};
use crate::format::jpeg::is_padding;
use crate::format::metadata::embedded_orientation;
use crate::format::webp::{self, EXIF_FLAG, FIRST_CHUNK, Layout, XMP_FLAG};
use crate::orientation::{Orientation, Turn};

const GARBLED: Refusal = Refusal::Container("WebP");

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = webp::layout(bytes).ok_or(Refusal::Container("WebP, or one that is cut short"))?;
    // A C2PA manifest (C2PA 2.1, section A.3.6).
    if of_kind(&layout.chunks, b"C2PA").next().is_some() {
        return Err(Refusal::Signed);
    }
    let from = embedded_orientation(bytes);
    let to = from.then(turn.orientation());
    let mut edits = match exif_edit::in_chunks(&layout.chunks, b"EXIF")? {
        Some(block) => in_chunk(bytes, block, to)?,
        None => vec![added(&layout, to)?],
    };
    edits.extend(announced(bytes, &layout)?);
    let mut packets = of_kind(&layout.chunks, b"XMP ");
    if let Some(packet) = packets.next() {
        edits.extend(embedded_xmp::kept_in_step(bytes, from_ref(&packet.data), to, None)?);
    }
    if packets.next().is_some() {
        return Err(Refusal::Xmp);
    }
    let grown = growth(&edits);
    if grown > 0 {
        if !is_padding(&bytes[layout.end..]) {
            return Err(Refusal::TrailingData);
        }
        edits.push(size(bytes, 4, layout.end - FIRST_CHUNK + 4 + grown)?);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// The VP8X header says that there is EXIF; without it, programs may pass over the chunk.
fn announced(bytes: &[u8], layout: &Layout) -> Result<Option<Edit>, Refusal> {
    let first = layout.chunks.first().ok_or(GARBLED)?;
    let edit = if &first.kind == b"VP8X" {
        let offset = first.data.start;
        let flags = *bytes.get(offset).filter(|_| !first.data.is_empty()).ok_or(GARBLED)?;
        Edit { offset, old: vec![flags], new: vec![flags | EXIF_FLAG] }
    } else {
        let is_metadata = |chunk: &Chunk| matches!(&chunk.kind, b"EXIF" | b"XMP ");
        if !layout.chunks[1..].iter().all(is_metadata) {
            return Err(GARBLED);
        }
        let mut new = webp::extended_header(bytes, first).ok_or(GARBLED)?;
        if of_kind(&layout.chunks, b"XMP ").next().is_some() {
            new[8] |= XMP_FLAG;
        }
        Edit { offset: FIRST_CHUNK, old: Vec::new(), new }
    };
    Ok((edit.old != edit.new).then_some(edit))
}

/// Four bytes that say how long something is.
fn size(bytes: &[u8], offset: usize, length: usize) -> Result<Edit, Refusal> {
    let new = u32::try_from(length).map_err(|_| GARBLED)?.to_le_bytes().to_vec();
    Ok(Edit { offset, old: bytes[offset..offset + 4].to_vec(), new })
}

/// The edits in a chunk of EXIF. Where it grows, so does the length it states, and the zero behind it that
/// makes an odd length even comes or goes.
fn in_chunk(bytes: &[u8], chunk: &Chunk, to: Orientation) -> Result<Vec<Edit>, Refusal> {
    let data = &bytes[chunk.data.clone()];
    let start = exif::tiff_start(data);
    let edits = exif_edit::in_block(&data[start..], to, 0)?;
    let grown = growth(&edits);
    let in_file = |edit: Edit| edit.behind(chunk.data.start + start);
    let mut edits: Vec<Edit> = edits.into_iter().map(in_file).collect();
    if grown > 0 {
        let length = data.len() + grown;
        edits.push(size(bytes, chunk.start + 4, length)?);
        let padding = chunk.data.end..chunk.data.end + data.len() % 2;
        let tail = edits.iter_mut().find(|edit| edit.offset == chunk.data.end).ok_or(GARBLED)?;
        tail.old = bytes.get(padding).ok_or(GARBLED)?.to_vec();
        tail.new.resize(tail.new.len() + length % 2, 0);
    }
    Ok(edits)
}

/// The chunk goes before XMP or to the end.
fn added(layout: &Layout, to: Orientation) -> Result<Edit, Refusal> {
    let tiff = &exif::minimal_block(to)[EXIF_HEADER.len()..];
    let length = u32::try_from(tiff.len()).map_err(|_| GARBLED)?.to_le_bytes();
    let chunk = [b"EXIF", &length[..], tiff].concat();
    let offset = of_kind(&layout.chunks, b"XMP ").next().map_or(layout.end, |packet| packet.start);
    Ok(Edit { offset, old: Vec::new(), new: chunk })
}
