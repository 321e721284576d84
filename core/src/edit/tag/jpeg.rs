//! JPEG: the field in EXIF's first directory, or a minimal EXIF block; XMP kept in step.

use std::ops::Range;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit;
use crate::edit::patch::{Edit, Patch};
use crate::edit::refusal::Refusal;
use crate::format::exif;
use crate::format::jpeg::{self, Layout};
use crate::orientation::{Orientation, Turn};

/// Plans the turn of a JPEG file by its orientation tag: the field's low byte where there is a
/// field, a minimal EXIF block where there is none, XMP kept in step. All other bytes stay.
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
    let mut edits = match exif {
        Some(block) => vec![overwrite_field(bytes, &block, to)?],
        None if end < bytes.len() => return Err(Refusal::TrailingData),
        None if layout.has_mpf(bytes) => return Err(Refusal::MultiPicture),
        None => vec![insert_block(bytes, &layout, to)],
    };
    edits.extend(embedded_xmp::in_jpeg(bytes, &layout, to, None)?);
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

fn overwrite_field(bytes: &[u8], block: &Range<usize>, to: Orientation) -> Result<Edit, Refusal> {
    let field = exif::find_orientation(&bytes[block.clone()])
        .map_err(Refusal::Exif)?
        .ok_or(Refusal::ExifWithoutOrientation)?;
    exif_edit::overwritten(field, block.start, to)
}

/// After the JFIF segments, which must come first (JFIF 1.02), else right after start of image.
fn insert_block(bytes: &[u8], layout: &Layout, to: Orientation) -> Edit {
    let jfif = layout.header.iter().take_while(|segment| segment.marker == jpeg::APP0);
    let offset = jfif.last().map_or(2, |segment| segment.payload.end);
    debug_assert!(offset <= bytes.len());
    let block = exif::minimal_block(to);
    let mut new = vec![0xFF, jpeg::APP1, 0, block.len() as u8 + 2]; // 34 bytes in all.
    new.extend_from_slice(&block);
    Edit { offset, old: Vec::new(), new }
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
