//! TIFF: the field in the first directory, overwritten in place. A TIFF file is all offsets, so a
//! field that is not there is not added.

use super::{Edit, Patch, Refusal, overwritten, xmp_kept_in_step};
use crate::rules::exif::{self, Entry, Tiff};
use crate::rules::orientation::{Orientation, Turn};

const NEW_SUBFILE_TYPE: u16 = 254;
const SUB_IFDS: u16 = 330;
const XMP: u16 = 700;
const DNG_VERSION: u16 = 50706;
/// A C2PA manifest (C2PA 2.1, section A.3.3).
const C2PA: u16 = 52545;

/// More directories than this are not followed.
const MOST_DIRECTORIES: usize = 16;

pub fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let tiff = Tiff::new(bytes).map_err(Refusal::Exif)?;
    let (entries, next) = tiff.directory(tiff.first).map_err(Refusal::Exif)?;
    let with = |tag: u16| entries.iter().filter(move |entry| entry.tag == tag);
    // Raw files are TIFF files too, and are never written.
    if with(DNG_VERSION).next().is_some() || with(SUB_IFDS).next().is_some() || is_cr2(bytes) {
        return Err(Refusal::Format);
    }
    if with(C2PA).next().is_some() {
        return Err(Refusal::Signed);
    }
    only_smaller_copies_follow(&tiff, next)?;
    let field = exif::find_orientation(bytes).map_err(Refusal::Exif)?;
    let field = field.ok_or(Refusal::ExifWithoutOrientation)?;
    let from = Orientation::from_stored(Some(field.value));
    let to = from.then(turn.orientation());
    let mut edits = vec![overwritten(field, 0, to)?];
    let mut packets = with(XMP);
    if let Some(packet) = packets.next() {
        edits.extend(xmp_edit(bytes, &tiff, packet, to)?);
    }
    if packets.next().is_some() {
        return Err(Refusal::Xmp);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

fn is_cr2(bytes: &[u8]) -> bool {
    bytes.get(8..10) == Some(b"CR")
}

/// Pictures behind the first are other pages, unless they say that they are smaller copies.
fn only_smaller_copies_follow(tiff: &Tiff<'_>, mut next: Option<usize>) -> Result<(), Refusal> {
    for _ in 0..MOST_DIRECTORIES {
        let Some(at) = next else { return Ok(()) };
        let (entries, following) = tiff.directory(at).map_err(Refusal::Exif)?;
        let kind = entries.iter().find(|entry| entry.tag == NEW_SUBFILE_TYPE);
        if kind.and_then(|kind| tiff.long(kind)).is_none_or(|kind| kind & 1 == 0) {
            return Err(Refusal::MultiPage);
        }
        next = following;
    }
    Err(Refusal::MultiPage)
}

fn xmp_edit(
    bytes: &[u8],
    tiff: &Tiff<'_>,
    packet: &Entry,
    to: Orientation,
) -> Result<Option<Edit>, Refusal> {
    let range = tiff.bytes_of(packet).ok_or(Refusal::Xmp)?;
    xmp_kept_in_step(&bytes[range.clone()], range.start, to)
}
