//! JPEG: the field in EXIF's first directory, or a minimal EXIF block; XMP kept in step, and whatever
//! counts on where things lie.

use std::ops::Range;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit;
use crate::edit::mpf_edit;
use crate::edit::patch::{Edit, Patch, growth};
use crate::edit::refusal::Refusal;
use crate::format::exif;
use crate::format::jpeg::{self, Layout};
use crate::format::mpf::{self, Index};
use crate::orientation::{Orientation, Turn};

/// Plans the turn of a JPEG file by its orientation tag: the field overwritten where there is one, added
/// where there is none, in a minimal EXIF block if need be; XMP kept in step. All other bytes stay.
///
/// # Errors
/// Returns the first reason found not to write this file.
pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = jpeg::layout(bytes)?;
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    if layout.is_signed(bytes) {
        return Err(Refusal::Signed);
    }
    let exif = exif_edit::in_jpeg(bytes, &layout)?;
    let (from, to) = exif_edit::from_and_to(bytes, exif.as_ref(), turn)?;
    let mut edits = match &exif {
        Some(block) => in_segment(bytes, block, to)?,
        None => vec![insert_block(&layout, to)],
    };
    if growth(&edits) > 0 {
        let index = mpf::index(bytes, &layout).map_err(|_| Refusal::MultiPicture)?;
        may_move(bytes, end, exif, index.as_ref())?;
        if let Some(index) = index {
            edits.extend(mpf_edit::in_step(&index, &edits)?);
        }
    }
    edits.extend(embedded_xmp::in_jpeg(bytes, &layout, to, None)?);
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// The edits in the EXIF block, and of its segment's length.
fn in_segment(bytes: &[u8], block: &Range<usize>, to: Orientation) -> Result<Vec<Edit>, Refusal> {
    let n_behind = bytes.len() - block.end;
    let edits = exif_edit::in_block(&bytes[block.clone()], to, n_behind)?;
    let mut edits: Vec<Edit> = edits.into_iter().map(|edit| edit.behind(block.start)).collect();
    let grown = growth(&edits);
    if grown > 0 {
        // Two bytes right before `Exif`, which count themselves.
        let offset = block.start - exif::EXIF_HEADER.len() - 2;
        let length = u16::try_from(block.end - offset + grown).map_err(|_| Refusal::ExifFull)?;
        let old = bytes[offset..offset + 2].to_vec();
        edits.insert(0, Edit { offset, old, new: length.to_be_bytes().to_vec() });
    }
    Ok(edits)
}

/// May what lies behind the header move? The EXIF block may name the start of something there.
fn may_move(
    bytes: &[u8],
    end: usize,
    exif: Option<Range<usize>>,
    index: Option<&Index<'_>>,
) -> Result<(), Refusal> {
    let pictures = index.map_or(&[][..], |index| &index.pictures);
    let mut places: Vec<Range<usize>> = pictures
        .iter()
        .filter_map(|picture| index.and_then(|index| index.place(picture)))
        .collect();
    places.sort_by_key(|place| place.start);
    let parts = jpeg::parts_behind(bytes, end, &places).ok_or(Refusal::TrailingData)?;
    let Some(block) = exif else { return Ok(()) };
    let names_one = parts.iter().any(|part| names(&bytes[block.clone()], *part, block.start));
    if names_one { Err(Refusal::ExifBeyond) } else { Ok(()) }
}

/// Does any number in the block, a maker note included, look like the offset of `place`, from the start of
/// the block at `start` or of the file?
fn names(block: &[u8], place: usize, start: usize) -> bool {
    let offsets = [place, place - start].map(u32::try_from);
    offsets.into_iter().flatten().any(|offset| {
        let is_it = |bytes: &[u8]| bytes == offset.to_le_bytes() || bytes == offset.to_be_bytes();
        block.windows(4).any(is_it)
    })
}

/// After the JFIF segments, which must come first (JFIF 1.02), else right after start of image.
fn insert_block(layout: &Layout, to: Orientation) -> Edit {
    let jfif = layout.header.iter().take_while(|segment| segment.marker == jpeg::APP0);
    let offset = jfif.last().map_or(2, |segment| segment.payload.end);
    let block = exif::minimal_block(to);
    let mut new = vec![0xFF, jpeg::APP1, 0, block.len() as u8 + 2]; // 34 bytes in all.
    new.extend_from_slice(&block);
    Edit { offset, old: Vec::new(), new }
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
