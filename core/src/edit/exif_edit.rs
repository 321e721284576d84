//! The Orientation of an EXIF block, overwritten in place. Where the block has none, a copy of its first
//! directory that has it goes to the block's end, and the header points there: nothing that an offset
//! names moves, be it in directories, in a thumbnail or in a maker note.

use std::ops::Range;

use crate::edit::patch::Edit;
use crate::edit::refusal::Refusal;
use crate::format::chunks::{Chunk, of_kind};
use crate::format::exif::{self, ExifError, ORIENTATION, OrientationField};
use crate::format::jpeg::Layout;
use crate::format::tiff::{ENTRY_LEN, Entry, MAX_ENTRIES, SHORT, Tiff};
use crate::orientation::{Orientation, Turn};

const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const INTEROP_DIRECTORY: u16 = 0xA005;
const THUMBNAIL: (u16, u16) = (0x0201, 0x0202);

/// More directories than an EXIF block has.
const MAX_DIRECTORIES: usize = 16;

/// Where in a TIFF structure the offset of the first directory is.
const FIRST_AT: usize = 4;

/// The edits that make the TIFF structure `block` state `to`; offsets count from its start. `n_behind`: how
/// many bytes of the file come behind it, which an offset could name.
///
/// # Errors
/// Returns an error if the block is malformed, or has no Orientation and cannot grow.
pub fn in_block(block: &[u8], to: Orientation, n_behind: usize) -> Result<Vec<Edit>, Refusal> {
    match exif::find_orientation(block).map_err(Refusal::Exif)? {
        Some(field) => overwritten(block, &field, to),
        None => appended(block, to, n_behind),
    }
}

/// The edits that write `to` into a field of `block`: one byte, if it is one SHORT with a value in range.
/// Another type becomes a SHORT, and each of several entries is overwritten.
///
/// # Errors
/// Returns an error if an entry is not whole.
pub fn overwritten(
    block: &[u8],
    field: &OrientationField,
    to: Orientation,
) -> Result<Vec<Edit>, Refusal> {
    let tiff = Tiff::new(block).ok_or(Refusal::malformed_exif(0))?;
    let mut edits = Vec::new();
    for (index, at) in field.entries.iter().enumerate() {
        let malformed = Refusal::Exif(ExifError::Malformed(*at));
        let entry = tiff.entry(*at).ok_or(malformed)?;
        let old = block.get(*at..*at + ENTRY_LEN).ok_or(malformed)?;
        let mut new = orientation_entry(tiff, to);
        if (entry.kind, entry.count) == (SHORT, 1) {
            new[10..].copy_from_slice(&old[10..]); // Two bytes that mean nothing.
        }
        let edit = Edit { offset: *at, old: old.to_vec(), new: new.to_vec() }.trimmed();
        if !edit.old.is_empty() {
            edits.push(edit);
        } else if index == 0 {
            let offset = tiff.low_byte(entry.inside);
            edits.push(Edit { offset, old: vec![to.to_exif()], new: vec![to.to_exif()] });
        }
    }
    Ok(edits)
}

/// The twelve bytes of an entry that states `to`.
fn orientation_entry(tiff: Tiff<'_>, to: Orientation) -> [u8; ENTRY_LEN] {
    let mut entry = [0; ENTRY_LEN];
    entry[..2].copy_from_slice(&tiff.short(ORIENTATION));
    entry[2..4].copy_from_slice(&tiff.short(SHORT));
    entry[4..8].copy_from_slice(&tiff.long(1));
    entry[8..10].copy_from_slice(&tiff.short(to.to_exif().into()));
    entry
}

/// A directory as bytes, and the offset of the one behind it.
pub(super) struct DirectoryCopy {
    entries: Vec<u8>,
    pub next: u32,
}

impl DirectoryCopy {
    /// The directory at `start` with an Orientation that states `to`, which it does not have yet.
    ///
    /// # Errors
    /// Returns an error if the directory is cut short, or is longer than any program writes.
    pub(super) fn with(tiff: Tiff<'_>, start: usize, to: Orientation) -> Result<Self, Refusal> {
        let malformed = Refusal::Exif(ExifError::Malformed(start));
        let places = tiff.entries(start).ok_or(malformed)?;
        if places.len() > MAX_ENTRIES {
            return Err(malformed);
        }
        let mut entries = Vec::new();
        let mut is_in = false;
        let mut end = start.saturating_add(2);
        for at in places {
            let entry = tiff.entry(at).ok_or(malformed)?;
            if entry.tag > ORIENTATION && !is_in {
                entries.extend(orientation_entry(tiff, to));
                is_in = true;
            }
            end = at + ENTRY_LEN;
            entries.extend(tiff.bytes().get(at..end).ok_or(malformed)?);
        }
        if !is_in {
            entries.extend(orientation_entry(tiff, to));
        }
        // Some writers leave the offset of the next directory out at the end of a block.
        Ok(Self { entries, next: tiff.u32_at(end).unwrap_or(0) })
    }

    pub(super) fn bytes(&self, tiff: Tiff<'_>) -> Vec<u8> {
        let n_entries = u16::try_from(self.entries.len() / ENTRY_LEN).unwrap_or(u16::MAX);
        [&tiff.short(n_entries)[..], &self.entries, &tiff.long(self.next)].concat()
    }
}

/// The offset of the first directory, and the directory itself at the block's end.
fn appended(block: &[u8], to: Orientation, n_behind: usize) -> Result<Vec<Edit>, Refusal> {
    let tiff = Tiff::new(block).ok_or(Refusal::malformed_exif(0))?;
    let first = tiff.first().ok_or(Refusal::malformed_exif(4))?;
    let start = usize::try_from(first).map_err(|_| Refusal::malformed_exif(4))?;
    let copy = DirectoryCopy::with(tiff, start, to)?.bytes(tiff);
    // Directories begin at even offsets (TIFF 6.0 section 2).
    let mut new = vec![0; block.len() % 2];
    let at = u32::try_from(block.len() + new.len()).map_err(|_| Refusal::ExifFull)?;
    new.extend(copy);
    if names_beyond(tiff, start, n_behind.max(new.len())) {
        return Err(Refusal::ExifBeyond);
    }
    let pointer =
        Edit { offset: FIRST_AT, old: tiff.long(first).to_vec(), new: tiff.long(at).to_vec() };
    Ok(vec![pointer, Edit { offset: block.len(), old: Vec::new(), new }])
}

/// Does a directory of the block name data that lies, in whole or in part, in the `n_behind` bytes behind it?
pub(super) fn names_beyond(tiff: Tiff<'_>, first: usize, n_behind: usize) -> bool {
    let len = tiff.bytes().len();
    let is_beyond =
        |place: &Range<usize>| place.end > len && place.start < len.saturating_add(n_behind);
    let mut waiting = vec![first];
    let mut met = Vec::new();
    while let Some(start) = waiting.pop() {
        if met.contains(&start) || met.len() == MAX_DIRECTORIES {
            continue;
        }
        met.push(start);
        let Some(places) = tiff.entries(start).filter(|places| places.len() <= MAX_ENTRIES) else {
            if is_beyond(&(start..start.saturating_add(2))) {
                return true;
            }
            continue;
        };
        let end = start + 2 + places.len() * ENTRY_LEN;
        let entries: Vec<Entry> = places.map_while(|at| tiff.entry(at)).collect();
        if named(tiff, &entries).iter().any(is_beyond) {
            return true;
        }
        let below = [EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY];
        let below = below.into_iter().filter_map(|tag| number(tiff, &entries, tag));
        let next = tiff.u32_at(end).filter(|next| *next != 0);
        waiting.extend(below.chain(next).filter_map(|offset| usize::try_from(offset).ok()));
    }
    false
}

/// Where the values of the entries are, and the thumbnail.
fn named(tiff: Tiff<'_>, entries: &[Entry]) -> Vec<Range<usize>> {
    let thumbnail = || {
        let start = usize::try_from(number(tiff, entries, THUMBNAIL.0)?).ok()?;
        let length = usize::try_from(number(tiff, entries, THUMBNAIL.1)?).ok()?;
        Some(start..start.checked_add(length)?)
    };
    entries.iter().filter_map(|entry| tiff.place(*entry)).chain(thumbnail()).collect()
}

fn number(tiff: Tiff<'_>, entries: &[Entry], tag: u16) -> Option<u32> {
    let entry = entries.iter().find(|entry| entry.tag == tag)?;
    tiff.number(&tiff.field(*entry)?)
}

/// The one chunk of EXIF.
///
/// # Errors
/// Returns an error if there is more than one.
pub fn in_chunks<'a>(chunks: &'a [Chunk], kind: &'a [u8; 4]) -> Result<Option<&'a Chunk>, Refusal> {
    let mut blocks = of_kind(chunks, kind);
    match (blocks.next(), blocks.next()) {
        (block, None) => Ok(block),
        (_, Some(_)) => Err(Refusal::DuplicateExif),
    }
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
    let from = field.map_or(Orientation::UPRIGHT, |field| field.stated);
    Ok((from, from.then(turn.orientation())))
}
