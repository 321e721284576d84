//! WebP: the EXIF chunk, overwritten or added, with the VP8X header it needs; XMP kept in step.

use std::slice::from_ref;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit::{self, overwritten};
use crate::edit::patch::{Edit, Patch};
use crate::edit::refusal::Refusal;
use crate::format::chunks::of_kind;
use crate::format::exif::{self, EXIF_HEADER};
use crate::format::webp::{self, EXIF_FLAG, FIRST_CHUNK, Layout};
use crate::orientation::{Orientation, Turn};

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = webp::layout(bytes).ok_or(Refusal::Container("WebP, or one that is cut short"))?;
    // A C2PA manifest (C2PA 2.1, section A.3.6).
    if of_kind(&layout.chunks, b"C2PA").next().is_some() {
        return Err(Refusal::Signed);
    }
    let exif = exif_edit::in_chunks(bytes, &layout.chunks, b"EXIF")?;
    let from = Orientation::from_stored(exif.map(|(_, field)| field.value));
    let to = from.then(turn.orientation());
    let mut edits = match exif {
        // Without the flag, programs may pass over the chunk.
        Some(_) if flags(bytes, &layout).is_none_or(|flags| flags & EXIF_FLAG == 0) => {
            return Err(Refusal::ExifElsewhere);
        }
        Some((block, field)) => vec![overwritten(field, block.data.start, to)?],
        None if layout.end < bytes.len() => return Err(Refusal::TrailingData),
        None => added(bytes, &layout, to)?,
    };
    let mut packets = of_kind(&layout.chunks, b"XMP ");
    if let Some(packet) = packets.next() {
        edits.extend(embedded_xmp::kept_in_step(bytes, from_ref(&packet.data), to, None)?);
    }
    if packets.next().is_some() {
        return Err(Refusal::Xmp);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// The flags of the VP8X header, where there is one. It comes first.
fn flags(bytes: &[u8], layout: &Layout) -> Option<u8> {
    let header = layout.chunks.first().filter(|chunk| &chunk.kind == b"VP8X")?;
    bytes.get(header.data.start).copied()
}

/// The chunk goes before XMP or to the end; the header says that it is there; the file is longer.
fn added(bytes: &[u8], layout: &Layout, to: Orientation) -> Result<Vec<Edit>, Refusal> {
    let garbled = Refusal::Container("WebP");
    let first = layout.chunks.first().ok_or(garbled)?;
    let announced = match (flags(bytes, layout), layout.chunks.as_slice()) {
        (Some(flags), _) => {
            let offset = first.data.start;
            let new = vec![flags | EXIF_FLAG];
            Edit { offset, old: vec![flags], new }
        }
        (None, [picture]) => {
            let new = webp::extended_header(bytes, picture).ok_or(garbled)?;
            Edit { offset: FIRST_CHUNK, old: Vec::new(), new }
        }
        (None, _) => return Err(garbled),
    };
    let tiff = &exif::minimal_block(to)[EXIF_HEADER.len()..];
    let length = u32::try_from(tiff.len()).map_err(|_| garbled)?.to_le_bytes();
    let chunk = [b"EXIF", &length[..], tiff].concat();
    let offset = of_kind(&layout.chunks, b"XMP ").next().map_or(layout.end, |packet| packet.start);

    let grown = chunk.len() + announced.new.len() - announced.old.len();
    let size = u32::try_from(layout.end - 8 + grown).map_err(|_| garbled)?;
    let size = Edit { offset: 4, old: bytes[4..8].to_vec(), new: size.to_le_bytes().to_vec() };
    let mut edits = vec![size, Edit { offset, old: Vec::new(), new: chunk }];
    if announced.old != announced.new {
        edits.push(announced);
    }
    Ok(edits)
}
