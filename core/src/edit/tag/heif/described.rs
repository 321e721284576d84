//! EXIF and XMP of the primary picture, where they state the same orientation as its properties.

use std::ops::Range;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit;
use crate::edit::patch::Edit;
use crate::format::exif;
use crate::format::heif::{Heif, HeifLimit, Item};
use crate::orientation::Orientation;

/// EXIF is small; more than this is not looked through.
const MAX_EXIF: usize = 16 << 20;

/// The edits that make EXIF and XMP say `to` where they say `from`. What says something else is no
/// statement that anybody obeys, and stays; so does what cannot be read.
///
/// # Errors
/// Returns an error if XMP states an orientation in a way that cannot be changed.
pub(super) fn edits(
    bytes: &[u8],
    file: &Heif,
    from: Orientation,
    to: Orientation,
) -> Result<Vec<Edit>, HeifLimit> {
    let mut edits = Vec::new();
    for item in file.items.iter().filter(|item| describes_primary(file, item)) {
        let Some(places) = file.data(item.id, bytes.len()) else { continue };
        if item.kind == *b"Exif" {
            edits.extend(exif_edits(bytes, &places, from, to).unwrap_or_default());
        } else if let ([place], true) = (places.as_slice(), item.is_xmp(bytes)) {
            edits.extend(xmp_edits(bytes, place, from, to)?);
        }
    }
    Ok(edits)
}

/// Does metadata belong to the primary picture? It does, too, if it does not say to which.
fn describes_primary(file: &Heif, item: &Item) -> bool {
    let mut described = file.referred(b"cdsc", item.id).peekable();
    described.peek().is_none() || described.any(|id| id == file.primary)
}

/// `None`: the EXIF says something else, or cannot be edited byte by byte.
fn exif_edits(
    bytes: &[u8],
    places: &[Range<usize>],
    from: Orientation,
    to: Orientation,
) -> Option<Vec<Edit>> {
    if places.iter().map(Range::len).sum::<usize>() > MAX_EXIF {
        return None;
    }
    let block: Vec<u8> =
        places.iter().filter_map(|place| bytes.get(place.clone())).flatten().copied().collect();
    // How far the TIFF structure is from the end of this number (ISO 23008-12 annex A.2.1).
    let start = u32::from_be_bytes(block.get(..4)?.try_into().ok()?);
    let start = usize::try_from(start).ok()?.checked_add(4)?;
    let tiff = block.get(start..)?;
    let field = exif::find_orientation(tiff).ok()??;
    if field.stated != from {
        return None;
    }
    let edits = exif_edit::overwritten(tiff, &field, to).ok()?;
    edits.into_iter().map(|edit| in_file(places, start, edit)).collect()
}

/// An edit of the structure at `start` of an item as one of the file. `None` if the item is in pieces, and the
/// edit in two of them.
fn in_file(places: &[Range<usize>], start: usize, edit: Edit) -> Option<Edit> {
    let mut at = start + edit.offset;
    for place in places {
        if at < place.len() {
            let is_whole = at + edit.old.len() <= place.len();
            return is_whole.then(|| Edit { offset: place.start + at, ..edit });
        }
        at -= place.len();
    }
    None
}

fn xmp_edits(
    bytes: &[u8],
    place: &Range<usize>,
    from: Orientation,
    to: Orientation,
) -> Result<Vec<Edit>, HeifLimit> {
    let unclear = |_| HeifLimit::Xmp;
    match embedded_xmp::stated_orientation(&bytes[place.clone()]).map_err(unclear)? {
        Some(stated) if stated == from => {
            embedded_xmp::kept_in_step(bytes, std::slice::from_ref(place), to, None)
                .map_err(unclear)
        }
        _ => Ok(Vec::new()),
    }
}
