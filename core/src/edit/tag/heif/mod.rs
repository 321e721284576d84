//! HEIC, HEIF and AVIF: the byte of the primary picture's `irot`, or a new `irot` where it has none.
//! Programs that show such files obey `irot` and `imir` and nothing else, so EXIF and XMP are only kept in
//! step. Whatever moves is found again: sizes of boxes, and the offsets in `iloc`.

mod described;
mod growth;
mod in_step;
mod proof;
mod rotation;

use crate::edit::patch::{self, Edit, Patch};
use crate::edit::refusal::Refusal;
use crate::format::heif::{self, Heif, HeifLimit};
use crate::format::isobmff;
use crate::orientation::Turn;

/// A C2PA manifest in a box of its own (C2PA 2.1, section A.5).
const C2PA: &[u8] = b"\xD8\xFE\xC3\xD6\x1B\x0E\x48\x3C\x92\x97\x58\x28\x87\x7E\xC4\x81";

/// Unchanged bytes between two edits that are one edit rather than two.
const NEAR: usize = 16;

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    refuse_others(bytes)?;
    let file = heif::read(bytes)?;
    refuse_unknown(bytes, &file)?;
    let from = isobmff::primary(bytes).ok_or(HeifLimit::Malformed("no primary picture"))?.stored;
    let to = from.then(turn.orientation());
    let mut edits = Vec::new();
    if turn != Turn::NONE {
        let items = in_step::items(bytes, &file)?;
        let rotations = rotation::plan(bytes, &file, &items, turn)?;
        edits = growth::edits(bytes, &file, &rotations)?;
        edits.extend(described::edits(bytes, &file, from, to)?);
        edits.sort_by_key(|edit| (edit.offset, edit.old.len()));
        edits = joined(bytes, edits);
        proof::prove(bytes, &patch::apply(&edits, bytes)?, turn)?;
    }
    Ok(Patch { edits, from, to })
}

/// What is seen before the `meta` box is read.
fn refuse_others(bytes: &[u8]) -> Result<(), HeifLimit> {
    let mut n_ftyp = 0;
    let mut is_sequence = false;
    for found in isobmff::boxes(bytes, 0..bytes.len()) {
        match &found.kind {
            b"ftyp" => n_ftyp += 1,
            b"mpvd" => return Err(HeifLimit::MotionPhoto),
            b"moov" | b"moof" => is_sequence = true,
            // Samsung keeps a film there, too.
            b"sefd" if mentions(&bytes[found.payload.clone()], b"MotionPhoto_Data") => {
                return Err(HeifLimit::MotionPhoto);
            }
            b"uuid" if bytes[found.payload.clone()].starts_with(C2PA) => {
                return Err(HeifLimit::Signed);
            }
            _ => {}
        }
    }
    match (n_ftyp, is_sequence) {
        (0 | 1, false) => Ok(()),
        (0 | 1, true) => Err(HeifLimit::Sequence),
        // A whole film follows the picture.
        _ => Err(HeifLimit::MotionPhoto),
    }
}

fn mentions(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn refuse_unknown(bytes: &[u8], file: &Heif) -> Result<(), HeifLimit> {
    if file.end > bytes.len() || file.end < file.meta.payload.end {
        return Err(HeifLimit::Malformed("it ends too early"));
    }
    if is_cut_short(bytes, file.end) {
        return Err(HeifLimit::Malformed("its last box is cut short"));
    }
    let is_protected = file.items.iter().any(|item| item.is_protected)
        || file.children.iter().any(|child| child.kind == *b"ipro");
    if is_protected {
        return Err(HeifLimit::Protected);
    }
    if file.items.iter().any(|item| item.kind == *b"rgan") {
        return Err(HeifLimit::Construction("regions"));
    }
    in_step::one_picture(file)
}

/// Does a box begin where the last whole one ends, and promise more than there is?
fn is_cut_short(bytes: &[u8], end: usize) -> bool {
    let Some(head) = bytes.get(end..end.saturating_add(8)) else { return false };
    let is_name = head[4..].iter().all(u8::is_ascii_alphanumeric);
    let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    is_name && (size == 1 || size >= 8)
}

/// Neighbours become one edit: an edit is a row of the journal.
fn joined(bytes: &[u8], edits: Vec<Edit>) -> Vec<Edit> {
    let mut joined: Vec<Edit> = Vec::new();
    for edit in edits {
        let Some(last) = joined.last_mut() else {
            joined.push(edit);
            continue;
        };
        let end = last.offset + last.old.len();
        match bytes.get(end..edit.offset) {
            Some(between) if between.len() <= NEAR => {
                for side in [&mut last.old, &mut last.new] {
                    side.extend_from_slice(between);
                }
                last.old.extend(edit.old);
                last.new.extend(edit.new);
            }
            _ => joined.push(edit),
        }
    }
    joined
}

#[cfg(test)]
mod sketch;
#[cfg(test)]
mod tests;
