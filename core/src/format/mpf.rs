//! The multi-picture index of a JPEG file (CIPA DC-007 section 5.2): where its pictures lie and how long
//! they are.

use std::ops::Range;

use crate::format::jpeg::{APP2, Layout};
use crate::format::tiff::Tiff;

const START: &[u8] = b"MPF\0";
const MP_ENTRY: u16 = 0xB002;
const ENTRY_LEN: usize = 16;

/// More pictures than any camera puts into a file.
const MAX_PICTURES: usize = 1000;

/// The index of a file. Offsets count from the start of the file.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    /// From the byte order on; the offsets in it count from there.
    pub tiff: Tiff<'a>,
    pub start: usize,
    pub pictures: Vec<Picture>,
}

/// One entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Where the four bytes of its length are; those of its offset follow.
    pub length_at: usize,
    pub length: u32,
    /// From the start of the index; zero: it is the first picture of the file.
    pub offset: u32,
}

/// The index cannot be read, or there are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Reads the index; `Ok(None)` if there is none.
///
/// # Errors
/// Returns an error if it cannot be read whole, or there is more than one.
pub fn index<'a>(bytes: &'a [u8], layout: &'a Layout) -> Result<Option<Index<'a>>, Unreadable> {
    let mut segments = layout.starting_with(bytes, APP2, START);
    let Some(segment) = segments.next() else { return Ok(None) };
    if segments.next().is_some() {
        return Err(Unreadable);
    }
    read(bytes, segment).map(Some).ok_or(Unreadable)
}

fn read(bytes: &[u8], segment: Range<usize>) -> Option<Index<'_>> {
    let start = segment.start;
    let tiff = Tiff::new(bytes.get(segment)?)?;
    let (directory, _) = tiff.directory(tiff.first()?)?;
    let (at, entries) = tiff.value(directory.field(MP_ENTRY)?)?;
    if entries.len() % ENTRY_LEN != 0 || entries.len() > MAX_PICTURES * ENTRY_LEN {
        return None;
    }
    let pictures = (at..at + entries.len()).step_by(ENTRY_LEN).map(|at| {
        let length = tiff.u32_at(at + 4)?;
        let offset = tiff.u32_at(at + 8)?;
        Some(Picture { length_at: start + at + 4, length, offset })
    });
    Some(Index { tiff, start, pictures: pictures.collect::<Option<_>>()? })
}

impl Index<'_> {
    /// Where a picture lies.
    pub fn place(&self, picture: &Picture) -> Option<Range<usize>> {
        let start = match usize::try_from(picture.offset).ok()? {
            0 => 0,
            offset => self.start.checked_add(offset)?,
        };
        Some(start..start.checked_add(usize::try_from(picture.length).ok()?)?)
    }
}
