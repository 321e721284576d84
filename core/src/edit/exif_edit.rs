//! The one EXIF block of a file, where its container keeps it, and the edit of its Orientation field.

use std::ops::Range;

use crate::edit::patch::Edit;
use crate::edit::refusal::Refusal;
use crate::format::chunks::{Chunk, of_kind};
use crate::format::exif::{self, ExifError, OrientationField};
use crate::format::jpeg::Layout;
use crate::orientation::{Orientation, Turn};

/// The edit that writes `to` into a field whose TIFF structure begins at `start`.
pub fn overwritten(
    field: OrientationField,
    start: usize,
    to: Orientation,
) -> Result<Edit, Refusal> {
    let old = match u8::try_from(field.value) {
        Ok(old @ 0..=8) => old,
        _ => return Err(Refusal::OutOfRange(field.value)),
    };
    Ok(Edit { offset: start + field.low_byte, old: vec![old], new: vec![to.to_exif()] })
}

/// The one chunk of EXIF, and the field in it.
pub fn in_chunks<'a>(
    bytes: &[u8],
    chunks: &'a [Chunk],
    kind: &'a [u8; 4],
) -> Result<Option<(&'a Chunk, OrientationField)>, Refusal> {
    let mut blocks = of_kind(chunks, kind);
    let block = match (blocks.next(), blocks.next()) {
        (None, _) => return Ok(None),
        (Some(block), None) => block,
        (Some(_), Some(_)) => return Err(Refusal::DuplicateExif),
    };
    let field = exif::find_orientation(&bytes[block.data.clone()]).map_err(Refusal::Exif)?;
    Ok(Some((block, field.ok_or(Refusal::ExifWithoutOrientation)?)))
}

/// The TIFF structure of the one EXIF block of a JPEG.
///
/// # Errors
/// Returns an error if there is more than one block, or an empty one.
pub fn in_jpeg(bytes: &[u8], layout: &Layout) -> Result<Option<Range<usize>>, Refusal> {
    let mut blocks = layout.exif(bytes);
    match (blocks.next(), blocks.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::DuplicateExif),
        (Some(block), None) if block.is_empty() => Err(Refusal::Exif(ExifError::Malformed(0))),
        (Some(block), None) => Ok(Some(block.start + 1..block.end)),
    }
}

/// What the EXIF block of a JPEG says, and what it must say after the turn.
///
/// # Errors
/// Returns an error if the block cannot be read.
pub fn from_and_to(
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
