//! TIFF: the field in the first directory, overwritten in place. Where there is none, a copy of the
//! directory that has it goes to the end of the file: nothing that an offset names moves. Pages that
//! lie alike are turned together.

use std::ops::Range;

use crate::edit::embedded_xmp;
use crate::edit::exif_edit::{DirectoryCopy, names_beyond, overwritten};
use crate::edit::patch::{Edit, Patch};
use crate::edit::refusal::Refusal;
use crate::format::exif;
use crate::format::raw;
use crate::format::tiff::{Directory, Tiff};
use crate::orientation::{Orientation, Turn};

const NEW_SUBFILE_TYPE: u16 = 254;
const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const SUB_IFDS: u16 = 330;
const XMP: u16 = 700;
/// A C2PA manifest (C2PA 2.1, section A.3.3).
const C2PA: u16 = 52545;
/// Where the pixels are, in strips or tiles, and how many bytes each has.
const PIXELS: [(u16, u16); 2] = [(273, 279), (324, 325)];

/// More pages than this are left alone.
const MAX_PAGES: usize = 1000;

/// Where the offset of the first directory is.
const FIRST_AT: usize = 4;

/// A directory of the main chain.
struct Page {
    start: usize,
    directory: Directory,
    /// What it states; `None`: nothing.
    field: Option<exif::OrientationField>,
    /// Of another page, which says so: it keeps what it states, as it is what it was.
    is_reduced: bool,
}

pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let is_tiff = bytes.starts_with(b"II\x2A\0") || bytes.starts_with(b"MM\0\x2A");
    let tiff = Tiff::new(bytes).filter(|_| is_tiff).ok_or(Refusal::malformed_exif(0))?;
    let pages = pages(tiff)?;
    let first = pages.first().ok_or(Refusal::malformed_exif(4))?;
    // Raw files are TIFF files too, and are never written.
    if raw::may_be_raw(tiff) || has_other_pictures(tiff, &first.directory) {
        return Err(Refusal::Format);
    }
    if pages.iter().any(|page| page.directory.field(C2PA).is_some()) {
        return Err(Refusal::Signed);
    }
    let from = stated(first);
    pages_lie_alike(tiff, &pages)?;
    let to = from.then(turn.orientation());
    let mut edits = turned(tiff, &pages, to)?;
    for page in pages.iter().filter(|page| !page.is_reduced) {
        let packet = xmp(tiff, &page.directory)?;
        edits.extend(embedded_xmp::kept_in_step(bytes, packet.as_slice(), to, None)?);
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

/// Are there sub-directories that are no smaller copies? Raw pictures lie in such.
fn has_other_pictures(tiff: Tiff<'_>, first: &Directory) -> bool {
    let below = first.fields.iter().filter(|field| field.tag == SUB_IFDS);
    let mut below = below.flat_map(|field| tiff.numbers(field, MAX_PAGES));
    let kind = |offset| tiff.number_in(&tiff.directory(offset)?.0, NEW_SUBFILE_TYPE);
    below.any(|offset| kind(offset).is_none_or(|kind| kind & 1 == 0))
}

fn stated(page: &Page) -> Orientation {
    page.field.as_ref().map_or(Orientation::UPRIGHT, |field| field.stated)
}

/// The main chain of directories.
fn pages(tiff: Tiff<'_>) -> Result<Vec<Page>, Refusal> {
    let first = tiff.first().ok_or(Refusal::malformed_exif(4))?;
    let mut pages: Vec<Page> = Vec::new();
    let mut next = Some(first);
    while let Some(offset) = next.filter(|offset| *offset != 0) {
        let unreadable =
            if pages.is_empty() { Refusal::malformed_exif(offset) } else { Refusal::MultiPage };
        let start = usize::try_from(offset).map_err(|_| unreadable)?;
        let is_loop = pages.iter().any(|page| page.start == start);
        if is_loop || pages.len() == MAX_PAGES {
            return Err(Refusal::MultiPage);
        }
        let (directory, following) = tiff.directory(offset).ok_or(unreadable)?;
        let field = exif::orientation_in(tiff, start).map_err(Refusal::Exif)?;
        let kind = tiff.number_in(&directory, NEW_SUBFILE_TYPE);
        let is_reduced = !pages.is_empty() && kind.is_some_and(|kind| kind & 1 == 1);
        pages.push(Page { start, directory, field, is_reduced });
        next = following;
    }
    Ok(pages)
}

/// Only the first page was looked at: others are turned with it where they are stored in the same way
/// and have about the same shape, as the pages of one scan have.
fn pages_lie_alike(tiff: Tiff<'_>, pages: &[Page]) -> Result<(), Refusal> {
    let mut whole = pages.iter().filter(|page| !page.is_reduced);
    let Some(first) = whole.next() else { return Ok(()) };
    let mut others = whole.peekable();
    if others.peek().is_none() {
        return Ok(());
    }
    let sides = |page: &Page| {
        let width = tiff.number_in(&page.directory, IMAGE_WIDTH)?;
        Some((width, tiff.number_in(&page.directory, IMAGE_LENGTH)?))
    };
    let (width, height) = sides(first).ok_or(Refusal::MultiPage)?;
    let is_alike = |page: &Page| {
        sides(page).is_some_and(|(w, h)| {
            // The same shape to an eighth, in whatever size.
            let one = u64::from(w) * u64::from(height);
            let other = u64::from(width) * u64::from(h);
            one.abs_diff(other) <= other / 8 && (w > h) == (width > height)
        })
    };
    let all = others.all(|page| stated(page) == stated(first) && is_alike(page));
    if all { Ok(()) } else { Err(Refusal::MultiPage) }
}

/// The edits that make all pages state `to`. From the last one on, since each says where the next one is.
fn turned(tiff: Tiff<'_>, pages: &[Page], to: Orientation) -> Result<Vec<Edit>, Refusal> {
    let bytes = tiff.bytes();
    let mut edits = Vec::new();
    // Directories begin at even offsets (TIFF 6.0 section 2).
    let mut tail = vec![0; bytes.len() % 2];
    let n_padding = tail.len();
    let mut moved_to = None;
    for page in pages.iter().rev() {
        match &page.field {
            None if !page.is_reduced => {
                let mut copy = DirectoryCopy::with(tiff, page.start, to)?;
                copy.next = moved_to.unwrap_or(copy.next);
                let at = u32::try_from(bytes.len() + tail.len()).map_err(|_| Refusal::ExifFull)?;
                tail.extend(copy.bytes(tiff));
                moved_to = Some(at);
                continue;
            }
            Some(field) if !page.is_reduced => edits.extend(overwritten(bytes, field, to)?),
            _ => {}
        }
        edits.extend(pointer(tiff, page.directory.next_at, moved_to.take())?);
    }
    edits.extend(pointer(tiff, FIRST_AT, moved_to)?);
    if tail.len() > n_padding {
        for page in pages {
            nothing_is_beyond(tiff, page, tail.len())?;
        }
        edits.push(Edit { offset: bytes.len(), old: Vec::new(), new: tail });
    }
    Ok(edits)
}

fn pointer(tiff: Tiff<'_>, offset: usize, to: Option<u32>) -> Result<Option<Edit>, Refusal> {
    let Some(to) = to else { return Ok(None) };
    let old = tiff.bytes().get(offset..offset + 4).ok_or(Refusal::MultiPage)?.to_vec();
    Ok(Some(Edit { offset, old, new: tiff.long(to).to_vec() }))
}

/// In a file that is cut short, offsets name what is missing, and would name what is added.
fn nothing_is_beyond(tiff: Tiff<'_>, page: &Page, n_added: usize) -> Result<(), Refusal> {
    if names_beyond(tiff, page.start, n_added) {
        return Err(Refusal::ExifBeyond);
    }
    let len = tiff.bytes().len() as u64;
    for (starts, lengths) in PIXELS {
        let numbers = |tag| {
            let field = page.directory.field(tag);
            field.map(|field| tiff.numbers(field, usize::MAX)).unwrap_or_default()
        };
        let ends = numbers(starts).into_iter().zip(numbers(lengths));
        let mut ends = ends.map(|(start, length)| u64::from(start) + u64::from(length));
        if ends.any(|end| end > len) {
            return Err(Refusal::Container("TIFF, or one that is cut short"));
        }
    }
    Ok(())
}

/// The one packet of a directory. One that lies outside the file nobody can read.
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
