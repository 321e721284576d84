//! TIFF: the field in the first directory, overwritten in place. A TIFF file is all offsets, so a
//! field that is not there is not added.

use std::ops::Range;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit::overwritten;
use crate::edit::patch::Patch;
use crate::edit::refusal::Refusal;
use crate::format::exif;
use crate::format::tiff::{Directory, Tiff};
use crate::orientation::{Orientation, Turn};

const NEW_SUBFILE_TYPE: u16 = 254;
const SUB_IFDS: u16 = 330;
const XMP: u16 = 700;
const DNG_VERSION: u16 = 50706;
/// A C2PA manifest (C2PA 2.1, section A.3.3).
const C2PA: u16 = 52545;

/// More directories than this are not followed.
const MAX_DIRECTORIES: usize = 16;

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let field = exif::find_orientation(bytes).map_err(Refusal::Exif)?;
    let tiff = Tiff::new(bytes).ok_or(Refusal::malformed_exif(0))?;
    let start = tiff.first().ok_or(Refusal::malformed_exif(4))?;
    let (first, next) = tiff.directory(start).ok_or(Refusal::malformed_exif(start))?;
    // Raw files are TIFF files too, and are never written.
    if is_cr2(bytes) || [DNG_VERSION, SUB_IFDS].iter().any(|tag| first.field(*tag).is_some()) {
        return Err(Refusal::Format);
    }
    if first.field(C2PA).is_some() {
        return Err(Refusal::Signed);
    }
    only_smaller_copies_follow(tiff, next)?;
    let field = field.ok_or(Refusal::ExifWithoutOrientation)?;
    let from = Orientation::from_stored(Some(field.value));
    let to = from.then(turn.orientation());
    let mut edits = vec![overwritten(field, 0, to)?];
    if let Some(packet) = xmp(tiff, &first)? {
        edits.extend(embedded_xmp::kept_in_step(bytes, &[packet], to, None)?);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

fn is_cr2(bytes: &[u8]) -> bool {
    bytes.get(8..10) == Some(b"CR")
}

/// Pictures behind the first are other pages, unless they say that they are smaller copies.
fn only_smaller_copies_follow(tiff: Tiff<'_>, mut next: Option<u32>) -> Result<(), Refusal> {
    for _ in 0..MAX_DIRECTORIES {
        let Some(at) = next.filter(|at| *at != 0) else { return Ok(()) };
        let (page, following) = tiff.directory(at).ok_or(Refusal::MultiPage)?;
        let kind = tiff.number_in(&page, NEW_SUBFILE_TYPE);
        if kind.is_none_or(|kind| kind & 1 == 0) {
            return Err(Refusal::MultiPage);
        }
        next = following;
    }
    Err(Refusal::MultiPage)
}

/// The one packet of the first directory. One that lies outside the file nobody can read.
fn xmp(tiff: Tiff<'_>, directory: &Directory) -> Result<Option<Range<usize>>, Refusal> {
    let mut packets = directory.fields.iter().filter(|field| field.tag == XMP);
    match (packets.next(), packets.next()) {
        (None, _) => Ok(None),
        (Some(packet), None) => {
            let (at, value) = tiff.value(packet).ok_or(Refusal::Xmp)?;
            Ok(Some(at..at + value.len()))
        }
        (Some(_), Some(_)) => Err(Refusal::Xmp),
    }
}
