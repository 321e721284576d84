//! JPEG: the field in EXIF's first directory, or a minimal EXIF block; XMP kept in step.

use std::ops::Range;

use super::{Edit, Patch, Refusal, overwritten};
use crate::rules::exif::{self, EXIF_HEADER, ExifError};
use crate::rules::jpeg::{self, Layout};
use crate::rules::orientation::{Orientation, Turn};
use crate::rules::xmp::{self, EXTENDED_XMP_HEADER, XMP_HEADER, XmpOrientation};

/// Plans the turn of a JPEG file by its orientation tag: the field's low byte where there is a
/// field, a minimal EXIF block where there is none, XMP kept in step. All other bytes stay.
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = jpeg::layout(bytes)?;
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    if is_signed(bytes, &layout) {
        return Err(Refusal::Signed);
    }
    let exif = exif_block(bytes, &layout)?;
    let (from, to) = from_and_to(bytes, exif.as_ref(), turn)?;
    let mut edits = match exif {
        Some(block) => vec![overwrite_field(bytes, &block, to)?],
        None if end < bytes.len() => return Err(Refusal::TrailingData),
        None if has_mpf(bytes, &layout) => return Err(Refusal::MultiPicture),
        None => vec![insert_block(bytes, &layout, to)],
    };
    edits.extend(xmp_edit(bytes, &layout, to)?);
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

fn starting_with<'a>(
    bytes: &'a [u8],
    layout: &'a Layout,
    marker: u8,
    header: &'static [u8],
) -> impl Iterator<Item = Range<usize>> + 'a {
    let payloads = layout.header.iter().filter(move |s| s.marker == marker).map(|s| &s.payload);
    payloads
        .filter(move |payload| bytes[(*payload).clone()].starts_with(header))
        .map(move |payload| payload.start + header.len()..payload.end)
}

/// The TIFF structure of the one EXIF block.
pub(in crate::rules) fn exif_block(
    bytes: &[u8],
    layout: &Layout,
) -> Result<Option<Range<usize>>, Refusal> {
    // Some writers leave the padding byte of the header undefined (EXIF 2.32 section 4.7.2).
    let mut blocks = starting_with(bytes, layout, jpeg::APP1, &EXIF_HEADER[..5]);
    match (blocks.next(), blocks.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::DuplicateExif),
        (Some(block), None) if block.is_empty() => Err(Refusal::Exif(ExifError::Malformed(0))),
        (Some(block), None) => Ok(Some(block.start + 1..block.end)),
    }
}

/// What the EXIF block says, and what it must say after the turn.
pub(in crate::rules) fn from_and_to(
    bytes: &[u8],
    block: Option<&Range<usize>>,
    turn: Turn,
) -> Result<(Orientation, Orientation), Refusal> {
    let field = match block {
        Some(block) => exif::find_orientation(&bytes[block.clone()]).map_err(Refusal::Exif)?,
        None => None,
    };
    let from = Orientation::from_stored(field.map(|field| field.value));
    Ok((from, from.then(turn.orientation())))
}

fn overwrite_field(bytes: &[u8], block: &Range<usize>, to: Orientation) -> Result<Edit, Refusal> {
    let field = exif::find_orientation(&bytes[block.clone()])
        .map_err(Refusal::Exif)?
        .ok_or(Refusal::ExifWithoutOrientation)?;
    overwritten(field, block.start, to)
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

fn xmp_edit(bytes: &[u8], layout: &Layout, to: Orientation) -> Result<Option<Edit>, Refusal> {
    for extended in starting_with(bytes, layout, jpeg::APP1, EXTENDED_XMP_HEADER) {
        if xmp::find_orientation(&bytes[extended]) != XmpOrientation::Absent {
            return Err(Refusal::Xmp);
        }
    }
    let mut edit = None;
    for packet in starting_with(bytes, layout, jpeg::APP1, XMP_HEADER) {
        match xmp::find_orientation(&bytes[packet.clone()]) {
            XmpOrientation::Absent => {}
            XmpOrientation::Digit { value, at } if edit.is_none() => {
                let (old, new) = (b'0' + value, b'0' + to.to_exif());
                edit = Some(Edit { offset: packet.start + at, old: vec![old], new: vec![new] });
            }
            _ => return Err(Refusal::Xmp),
        }
    }
    Ok(edit.filter(|edit| edit.old != edit.new))
}

/// C2PA manifests are JUMBF boxes in APP11 segments (C2PA 2.1, section A.3.1).
pub(in crate::rules) fn is_signed(bytes: &[u8], layout: &Layout) -> bool {
    starting_with(bytes, layout, jpeg::APP11, b"JP").next().is_some()
}

pub(in crate::rules) fn has_mpf(bytes: &[u8], layout: &Layout) -> bool {
    starting_with(bytes, layout, jpeg::APP2, b"MPF\0").next().is_some()
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
