//! PNG: the eXIf chunk (PNG, third edition, section 11.3.4.5), overwritten or inserted, with its CRC;
//! XMP kept in step.

use crate::edit::embedded_xmp;
use crate::edit::exif_edit::{self, overwritten};
use crate::edit::patch::{Edit, Patch};
use crate::edit::refusal::Refusal;
use crate::format::chunks::{Chunk, of_kind};
use crate::format::exif::{self, EXIF_HEADER};
use crate::format::png::{self, Layout};
use crate::orientation::{Orientation, Turn};

const TEXT: [&[u8; 4]; 3] = [b"tEXt", b"zTXt", b"iTXt"];

/// Where ImageMagick and others keep EXIF and XMP as hexadecimal text.
const RAW_PROFILE: &[u8] = b"Raw profile type ";

/// The keyword, then no compression, no language and no translated keyword (XMP part 3, 1.1.5).
const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";
const XMP_PLAIN: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = png::layout(bytes).ok_or(Refusal::Container("PNG"))?;
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    // A C2PA manifest (C2PA 2.1, section A.3.4).
    if of_kind(&layout.chunks, b"caBX").next().is_some() {
        return Err(Refusal::Signed);
    }
    let texts = || layout.chunks.iter().filter(|chunk| TEXT.contains(&&chunk.kind));
    if texts().any(|chunk| is_raw_profile(&bytes[chunk.data.clone()])) {
        return Err(Refusal::ExifElsewhere);
    }
    if of_kind(&layout.chunks, b"eXIf").any(|block| !png::is_sound(block, bytes)) {
        return Err(Refusal::Container("PNG: a wrong CRC"));
    }
    let exif = exif_edit::in_chunks(bytes, &layout.chunks, b"eXIf")?;
    let from = Orientation::from_stored(exif.map(|(_, field)| field.value));
    let to = from.then(turn.orientation());
    let mut edits = match exif {
        Some((block, field)) => in_chunk(bytes, block, overwritten(field, block.data.start, to)?),
        None if end < bytes.len() => return Err(Refusal::TrailingData),
        None => vec![inserted(&layout, to)?],
    };
    edits.extend(xmp_edits(bytes, &layout, to)?);
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// EXIF or XMP that another program may read in place of what is written here.
fn is_raw_profile(text: &[u8]) -> bool {
    let Some(kind) = text.strip_prefix(RAW_PROFILE) else { return false };
    [&b"exif\0"[..], b"APP1\0", b"xmp\0"].iter().any(|known| kind.starts_with(known))
}

/// `edit` within the data of `chunk`, and what it makes of the CRC.
fn in_chunk(bytes: &[u8], chunk: &Chunk, edit: Edit) -> Vec<Edit> {
    let mut data = bytes[chunk.data.clone()].to_vec();
    let at = edit.offset - chunk.data.start;
    data[at..at + edit.new.len()].copy_from_slice(&edit.new);
    let offset = chunk.data.end;
    let old = bytes[offset..offset + 4].to_vec();
    vec![edit, Edit { offset, old, new: png::crc(&chunk.kind, &data).to_vec() }]
}

/// Right before the first picture data.
fn inserted(layout: &Layout, to: Orientation) -> Result<Edit, Refusal> {
    let picture =
        of_kind(&layout.chunks, b"IDAT").next().ok_or(Refusal::Container("PNG: no picture"))?;
    let tiff = &exif::minimal_block(to)[EXIF_HEADER.len()..];
    Ok(Edit { offset: picture.start, old: Vec::new(), new: png::chunk(*b"eXIf", tiff) })
}

fn xmp_edits(bytes: &[u8], layout: &Layout, to: Orientation) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    let mut n_packets = 0;
    for chunk in of_kind(&layout.chunks, b"iTXt") {
        let data = &bytes[chunk.data.clone()];
        if !data.starts_with(XMP_KEYWORD) {
            continue;
        }
        n_packets += 1;
        // Compressed, it cannot be changed by one digit.
        if !data.starts_with(XMP_PLAIN) {
            return Err(Refusal::Xmp);
        }
        let packet = chunk.data.start + XMP_PLAIN.len()..chunk.data.end;
        for edit in embedded_xmp::kept_in_step(bytes, &[packet], to, None)? {
            if !png::is_sound(chunk, bytes) {
                return Err(Refusal::Container("PNG: a wrong CRC"));
            }
            edits.extend(in_chunk(bytes, chunk, edit));
        }
    }
    if n_packets > 1 { Err(Refusal::Xmp) } else { Ok(edits) }
}
