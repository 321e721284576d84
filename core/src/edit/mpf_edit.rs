//! A multi-picture index kept right where bytes are inserted: it says where the pictures of a file lie,
//! counted from the index itself, and how long they are.

use crate::edit::patch::Edit;
use crate::edit::refusal::Refusal;
use crate::format::mpf::Index;

/// The edits of the index that `edits` make necessary.
///
/// # Errors
/// Returns an error if a place does not fit the index.
pub fn in_step(index: &Index<'_>, edits: &[Edit]) -> Result<Vec<Edit>, Refusal> {
    let moved = |at: usize| {
        let before = edits.iter().filter(|edit| edit.offset < at);
        before.fold(at, |at, edit| at + edit.new.len() - edit.old.len())
    };
    let mut of_index = Vec::new();
    for picture in &index.pictures {
        let place = index.place(picture).ok_or(Refusal::MultiPicture)?;
        let start = moved(place.start);
        let length = moved(place.end) - start;
        let offset = match picture.offset {
            0 => 0,
            _ => start.checked_sub(moved(index.start)).ok_or(Refusal::MultiPicture)?,
        };
        let long = |number| u32::try_from(number).map_err(|_| Refusal::MultiPicture);
        let old = [picture.length, picture.offset].map(|number| index.tiff.long(number)).concat();
        let new = [long(length)?, long(offset)?].map(|number| index.tiff.long(number)).concat();
        let edit = Edit { offset: picture.length_at, old, new }.trimmed();
        of_index.extend((!edit.old.is_empty()).then_some(edit));
    }
    Ok(of_index)
}
