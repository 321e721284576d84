//! Turning a file by its orientation tag: which format it is, and one file a format that plans the edits.

mod heif;
mod jpeg;
mod png;
mod tiff;
mod webp;

use crate::edit::patch::Patch;
use crate::edit::refusal::Refusal;
use crate::format::isobmff::heif_kind;
use crate::orientation::Turn;

/// Plans the turn of a file by its orientation tag. All bytes that need not change stay.
///
/// # Errors
/// Returns the first reason found not to write this file.
pub fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    match bytes {
        [0xFF, 0xD8, ..] => jpeg::plan(bytes, turn),
        [0x89, b'P', b'N', b'G', ..] => png::plan(bytes, turn),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::plan(bytes, turn),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => tiff::plan(bytes, turn),
        _ if heif_kind(bytes).is_some() => heif::plan(bytes, turn),
        _ => Err(Refusal::Format),
    }
}

#[cfg(test)]
mod tests;
