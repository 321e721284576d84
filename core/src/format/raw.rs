//! Camera raw files: which kind one is by its content, where its embedded JPEG pictures are, and what
//! orientation its first directory says. They are only ever read.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::format::cr3;
use crate::format::isobmff;
use crate::format::jpeg;
use crate::format::tiff::{Directory, Tiff};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RawKind {
    Dng,
    Cr2,
    Cr3,
    Nef,
    Arw,
    Raf,
    Orf,
    Rw2,
}

/// What a raw file holds besides its raw pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFile {
    pub kind: RawKind,
    /// The Orientation of the first directory, as stored; it may be none of 1–8.
    pub stored: Option<u16>,
    /// The largest picture that a directory speaks of, in pixels; the raw one where that is told.
    pub size: Option<(u32, u32)>,
    /// Where JPEG pictures are that an ordinary decoder reads, the largest first.
    pub previews: Vec<Preview>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub width: u16,
    pub height: u16,
    /// From its start of image to its end, or as far as the file says.
    pub bytes: Range<usize>,
}

impl Preview {
    fn n_pixels(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }
}

const NEW_SUBFILE_TYPE: u16 = 0x00FE;
const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const COMPRESSION: u16 = 0x0103;
const PHOTOMETRIC: u16 = 0x0106;
const MAKE: u16 = 0x010F;
const STRIP_OFFSETS: u16 = 0x0111;
const ORIENTATION: u16 = 0x0112;
const STRIP_BYTE_COUNTS: u16 = 0x0117;
const JPEG_START: u16 = 0x0201;
const JPEG_LENGTH: u16 = 0x0202;
const EXIF_IFD: u16 = 0x8769;
const MAKER_NOTE: u16 = 0x927C;
const DNG_VERSION: u16 = 0xC612;
/// Panasonic: the whole JPEG as the field's value.
const JPG_FROM_RAW: u16 = 0x002E;
/// Colour filter array (TIFF/EP), and the linear kind (DNG).
const RAW_PHOTOMETRIC: [u32; 2] = [32803, 34892];

/// How makers code raw pixels (exiftool, `Exif.pm`): Kodak, Nikon, Sony, Epson, Samsung, Pentax.
const RAW_COMPRESSION: [u32; 11] =
    [262, 32766, 32767, 32769, 32770, 32772, 34713, 34892, 65000, 65024, 65535];

const RAF_MAGIC: &[u8] = b"FUJIFILMCCD-RAW ";

/// Pictures looked for where no directory names any.
const MAX_FOUND: usize = 32;

/// How far into a file they are looked for.
const SEARCH_LEN: usize = 32 << 20;

/// What kind of raw file this is; `None` if it is none. DNG, NEF and ARW are TIFF files that only
/// their directories give away, so a head is not enough.
pub fn kind_of(bytes: &[u8]) -> Option<RawKind> {
    if bytes.starts_with(RAF_MAGIC) {
        return Some(RawKind::Raf);
    }
    match bytes.get(..4)? {
        b"IIRO" | b"IIRS" | b"MMOR" => return Some(RawKind::Orf),
        b"IIU\0" => return Some(RawKind::Rw2),
        _ => {}
    }
    if isobmff::major_brand(bytes) == Some(*b"crx ") {
        return Some(RawKind::Cr3);
    }
    let tiff = Tiff::new(bytes)?;
    if bytes.get(8..10) == Some(b"CR") {
        return Some(RawKind::Cr2);
    }
    kind_by_directories(tiff, &tiff.directories())
}

/// Does anything in a TIFF structure hint at raw pixels, of whatever maker?
pub fn may_be_raw(tiff: Tiff<'_>) -> bool {
    let is_cr2 = tiff.bytes().get(8..10) == Some(b"CR");
    is_cr2
        || tiff.directories().iter().any(|directory| {
            let compression = tiff.number_in(directory, COMPRESSION);
            directory.field(DNG_VERSION).is_some()
                || is_raw(tiff, directory)
                || compression.is_some_and(|kind| RAW_COMPRESSION.contains(&kind))
        })
}

fn is_raw(tiff: Tiff<'_>, directory: &Directory) -> bool {
    let photometric = tiff.number_in(directory, PHOTOMETRIC);
    photometric.is_some_and(|photometric| RAW_PHOTOMETRIC.contains(&photometric))
}

fn kind_by_directories(tiff: Tiff<'_>, directories: &[Directory]) -> Option<RawKind> {
    let first = directories.first()?;
    if first.field(DNG_VERSION).is_some() {
        return Some(RawKind::Dng);
    }
    // A scan saved by a camera maker's program has the make and no raw picture.
    if !directories.iter().any(|directory| is_raw(tiff, directory)) {
        return None;
    }
    let (_, make) = tiff.value(first.field(MAKE)?)?;
    if is_make(make, "NIKON") {
        Some(RawKind::Nef)
    } else if is_make(make, "SONY") {
        Some(RawKind::Arw)
    } else {
        None
    }
}

/// Makers write more behind their name, and not always in capitals.
fn is_make(value: &[u8], name: &str) -> bool {
    value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
}

/// Takes a raw file apart; `None` if it is none. Nothing found inside is no error: then there are
/// no previews.
pub fn parse(bytes: &[u8]) -> Option<RawFile> {
    let kind = kind_of(bytes)?;
    let (stored, size, candidates) = match kind {
        RawKind::Raf => fujifilm(bytes),
        RawKind::Cr3 => canon3(bytes),
        _ => tiff_based(bytes),
    };
    let mut found = previews(bytes, &candidates);
    if found.is_empty() {
        found = previews(bytes, &search(bytes));
    }
    found.sort_by_key(|preview| std::cmp::Reverse(preview.n_pixels()));
    found.dedup();
    Some(RawFile { kind, stored, size, previews: found })
}

fn previews(bytes: &[u8], candidates: &[Range<usize>]) -> Vec<Preview> {
    candidates.iter().filter_map(|range| preview(bytes, range)).collect()
}

type Parts = (Option<u16>, Option<(u32, u32)>, Vec<Range<usize>>);

fn tiff_based(bytes: &[u8]) -> Parts {
    let Some(tiff) = Tiff::new(bytes) else { return (None, None, Vec::new()) };
    let directories = tiff.directories();
    let mut candidates = Vec::new();
    for directory in &directories {
        candidates.extend(named_jpeg(tiff, directory, JPEG_START, JPEG_LENGTH));
        candidates.extend(jpeg_strip(tiff, directory));
        let whole = directory.field(JPG_FROM_RAW).and_then(|field| tiff.value(field));
        candidates.extend(whole.map(|(at, value)| at..at + value.len()));
    }
    candidates.extend(directories.first().and_then(|first| olympus(tiff, first)));
    (orientation(tiff, directories.first()), largest(tiff, &directories), candidates)
}

fn orientation(tiff: Tiff<'_>, first: Option<&Directory>) -> Option<u16> {
    let value = tiff.number_in(first?, ORIENTATION)?;
    u16::try_from(value).ok()
}

fn largest(tiff: Tiff<'_>, directories: &[Directory]) -> Option<(u32, u32)> {
    let sizes = directories.iter().filter_map(|directory| {
        let width = tiff.number_in(directory, IMAGE_WIDTH)?;
        let height = tiff.number_in(directory, IMAGE_LENGTH)?;
        Some((width, height))
    });
    sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))
}

/// A JPEG whose start and length are two fields.
fn named_jpeg(
    tiff: Tiff<'_>,
    directory: &Directory,
    start: u16,
    length: u16,
) -> Option<Range<usize>> {
    range(tiff.number_in(directory, start)?, tiff.number_in(directory, length)?)
}

/// A picture stored as one JPEG strip, as in CR2 and DNG. Lossless ones are sorted out later.
fn jpeg_strip(tiff: Tiff<'_>, directory: &Directory) -> Option<Range<usize>> {
    // 6: JPEG of TIFF 6.0; 7: of its technical note 2; 34892: lossy, of DNG 1.4. A reduced picture,
    // or one that does not say.
    let is_jpeg = matches!(tiff.number_in(directory, COMPRESSION)?, 6 | 7 | 34892);
    let is_one = tiff.numbers(directory.field(STRIP_OFFSETS)?, 2).len() == 1;
    let photometric = tiff.number_in(directory, PHOTOMETRIC);
    let is_raw = photometric.is_some_and(|kind| RAW_PHOTOMETRIC.contains(&kind));
    let is_picture = tiff.number_in(directory, NEW_SUBFILE_TYPE).is_none_or(|kind| kind <= 1);
    if !(is_jpeg && is_one && is_picture) || is_raw {
        return None;
    }
    named_jpeg(tiff, directory, STRIP_OFFSETS, STRIP_BYTE_COUNTS)
}

fn range(start: u32, length: u32) -> Option<Range<usize>> {
    let start = usize::try_from(start).ok()?;
    let length = usize::try_from(length).ok()?;
    Some(start..start.checked_add(length)?)
}

/// Olympus keeps its preview in the maker note, whose offsets count from the note itself.
fn olympus(tiff: Tiff<'_>, first: &Directory) -> Option<Range<usize>> {
    const HEADER: &[u8] = b"OLYMPUS\0";
    const CAMERA_SETTINGS: u16 = 0x2020;
    let exif = tiff.number_in(first, EXIF_IFD)?;
    let (exif, _) = tiff.directory(exif)?;
    let (at, note) = tiff.value(exif.field(MAKER_NOTE)?)?;
    if !note.starts_with(HEADER) {
        return None;
    }
    let note = tiff.from(at)?;
    let (main, _) = note.directory(12)?;
    let (settings, _) = note.directory(note.number_in(&main, CAMERA_SETTINGS)?)?;
    let found = named_jpeg(note, &settings, 0x0101, 0x0102)?;
    Some(found.start.checked_add(at)?..found.end.checked_add(at)?)
}

/// Fujifilm: a fixed header names one JPEG, whose own EXIF is the file's.
fn fujifilm(bytes: &[u8]) -> Parts {
    let start = u32_at(bytes, 84);
    let length = u32_at(bytes, 88);
    let found = start.zip(length).and_then(|(start, length)| range(start, length));
    let stored = found.clone().and_then(|range| exif_orientation(bytes.get(range)?));
    (stored, None, found.into_iter().collect())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn exif_orientation(jpeg: &[u8]) -> Option<u16> {
    let layout = jpeg::header(jpeg).ok()?;
    let block = layout.exif(jpeg).next()?;
    let tiff = Tiff::new(jpeg.get(block.start + 1..block.end)?)?;
    orientation(tiff, tiff.directories().first())
}

/// Canon CR3 (lclevy/canon_cr3): `CMT1` in the `uuid` box of `moov` is a TIFF structure with the first
/// directory; the `PRVW` box of a top-level `uuid` box ends in a JPEG of 1620×1080.
fn canon3(bytes: &[u8]) -> Parts {
    let found = cr3::canon(bytes);
    let tiff = found.first_directory.and_then(|range| Tiff::new(bytes.get(range)?));
    let directories = tiff.map(Tiff::directories).unwrap_or_default();
    let first = directories.first();
    let stored = tiff.and_then(|tiff| orientation(tiff, first));
    let size = tiff.and_then(|tiff| largest(tiff, &directories));
    (stored, size, found.preview.into_iter().collect())
}

/// The picture at `range`, where an ordinary decoder can read it: Huffman-coded, 8 bits, with a frame
/// that is baseline, extended or progressive (ITU T.81 table B.1). Raw pixels are often lossless JPEG.
fn preview(bytes: &[u8], range: &Range<usize>) -> Option<Preview> {
    let jpeg = bytes.get(range.start..range.end.min(bytes.len()))?;
    let layout = jpeg::layout(jpeg).ok()?;
    let frame = layout.frames().next()?;
    let payload = jpeg.get(frame.payload.clone())?;
    let is_ordinary = matches!(frame.marker, 0xC0..=0xC2) && payload.first() == Some(&8);
    let height = u16_at(payload, 1)?;
    let width = u16_at(payload, 3)?;
    if !is_ordinary || width == 0 || height == 0 {
        return None;
    }
    let end = layout.end.map_or(range.end.min(bytes.len()), |end| range.start + end);
    Some(Preview { width, height, bytes: range.start..end })
}

/// Where no directory that is known here names a picture: everything that begins like one.
fn search(bytes: &[u8]) -> Vec<Range<usize>> {
    let searched = bytes.get(..bytes.len().min(SEARCH_LEN)).unwrap_or_default();
    let starts = searched.windows(4).enumerate().filter_map(|(at, window)| {
        let is_start =
            window[..3] == [0xFF, 0xD8, 0xFF] && (window[3] >= 0xC0 && window[3] != 0xD8);
        is_start.then(|| at..bytes.len().min(at.saturating_add(SEARCH_LEN)))
    });
    starts.take(MAX_FOUND).collect()
}
