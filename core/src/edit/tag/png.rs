//! PNG: the eXIf chunk (PNG, third edition, section 11.3.4.5), overwritten, grown or inserted; EXIF and XMP
//! in text chunks kept in step with it. Every changed chunk gets its CRC.

use crate::edit::embedded_xmp;
use crate::edit::exif_edit;
use crate::edit::patch::{Edit, Patch, apply};
use crate::edit::refusal::Refusal;
use crate::format::chunks::{Chunk, of_kind};
use crate::format::exif::{self, EXIF_HEADER};
use crate::format::jpeg::is_padding;
use crate::format::metadata::embedded_orientation;
use crate::format::png::{self, Layout};
use crate::format::png_text::{Content, Embedded, embedded};
use crate::orientation::{Orientation, Turn};

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = png::layout(bytes).ok_or(Refusal::Container("PNG"))?;
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    // A C2PA manifest (C2PA 2.1, section A.3.4).
    if of_kind(&layout.chunks, b"caBX").next().is_some() {
        return Err(Refusal::Signed);
    }
    let from = embedded_orientation(bytes);
    let to = from.then(turn.orientation());
    let texts = texts(bytes, &layout)?;
    let mut edits = match exif_edit::in_chunks(&layout.chunks, b"eXIf")? {
        Some(block) => {
            let data = &bytes[block.data.clone()];
            // JPEG's header before it goes: browsers and exiv2 read no such chunk.
            rewritten(bytes, block, &stating(&data[exif::tiff_start(data)..], to)?)?
        }
        None => vec![inserted(&layout, &new_block(&texts, to)?)?],
    };
    edits.extend(texts_in_step(bytes, &texts, to)?);
    let moves = edits.iter().any(|edit| edit.old.len() != edit.new.len());
    if moves && !is_padding(&bytes[end..]) {
        return Err(Refusal::TrailingData);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// The text chunks that hold EXIF or XMP: each is what some program reads.
fn texts<'a>(bytes: &[u8], layout: &'a Layout) -> Result<Vec<(&'a Chunk, Embedded)>, Refusal> {
    let mut texts = Vec::new();
    for chunk in &layout.chunks {
        let read = embedded(chunk.kind, &bytes[chunk.data.clone()]);
        let read = read.map_err(|_| Refusal::ExifElsewhere)?;
        texts.extend(read.map(|read| (chunk, read)));
    }
    let n_of = |content| texts.iter().filter(|(_, text)| text.content == content).count();
    if n_of(Content::Exif) > 1 {
        return Err(Refusal::ExifElsewhere);
    }
    if n_of(Content::Xmp) > 1 {
        return Err(Refusal::Xmp);
    }
    Ok(texts)
}

/// The block for a file that has no eXIf chunk. What reads that chunk passes over the other places, so it
/// holds all that they say.
fn new_block(texts: &[(&Chunk, Embedded)], to: Orientation) -> Result<Vec<u8>, Refusal> {
    let profile = texts.iter().find(|(_, text)| text.content == Content::Exif);
    match profile {
        Some((_, profile)) => stating(&profile.data, to),
        None => Ok(exif::minimal_block(to)[EXIF_HEADER.len()..].to_vec()),
    }
}

/// The TIFF structure `block`, stating `to`.
fn stating(block: &[u8], to: Orientation) -> Result<Vec<u8>, Refusal> {
    apply(&exif_edit::in_block(block, to, 0)?, block)
}

fn texts_in_step(
    bytes: &[u8],
    texts: &[(&Chunk, Embedded)],
    to: Orientation,
) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    for (chunk, text) in texts {
        let whole = 0..text.data.len();
        let new = match text.content {
            Content::Exif => stating(&text.data, to)?,
            Content::Xmp => {
                apply(&embedded_xmp::kept_in_step(&text.data, &[whole], to, None)?, &text.data)?
            }
        };
        if new != text.data {
            edits.extend(rewritten(bytes, chunk, &text.with(&new))?);
        }
    }
    Ok(edits)
}

/// Other data for a chunk, which may be longer or shorter.
fn rewritten(bytes: &[u8], chunk: &Chunk, new: &[u8]) -> Result<Vec<Edit>, Refusal> {
    if !png::is_sound(chunk, bytes) {
        return Err(Refusal::Container("PNG: a wrong CRC"));
    }
    let whole = png::chunk(chunk.kind, new);
    let head = whole.len() - new.len() - 4;
    let parts = [
        (chunk.start..chunk.data.start, &whole[..head]),
        (chunk.data.clone(), new),
        (chunk.data.end..chunk.data.end + 4, &whole[head + new.len()..]),
    ];
    let edits = parts.into_iter().map(|(place, new)| {
        let edit = Edit { offset: place.start, old: bytes[place].to_vec(), new: new.to_vec() };
        edit.trimmed()
    });
    Ok(edits.filter(|edit| edit.old != edit.new).collect())
}

/// Right before the first picture data.
fn inserted(layout: &Layout, tiff: &[u8]) -> Result<Edit, Refusal> {
    let picture =
        of_kind(&layout.chunks, b"IDAT").next().ok_or(Refusal::Container("PNG: no picture"))?;
    Ok(Edit { offset: picture.start, old: Vec::new(), new: png::chunk(*b"eXIf", tiff) })
}
