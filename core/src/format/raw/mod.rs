//! Camera raw files: where their embedded JPEG pictures are, how those are to be shown, and what
//! orientation its first directory says. They are only ever read.

mod kind;

use std::ops::Range;

use crate::format::cr3;
use crate::format::exif::stated_orientation;
use crate::format::fujifilm;
use crate::format::jpeg;
use crate::format::raw_preview::{Conclusion, Evidence, conclude};
use crate::format::tiff::{Directory, Tiff};
use crate::orientation::Orientation;

use self::kind::{COMPRESSION, PHOTOMETRIC, RAW_PHOTOMETRIC, is_raw};
pub use self::kind::{RawKind, kind_of, may_be_raw};

/// What a raw file holds besides its raw pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFile {
    pub kind: RawKind,
    /// The Orientation of the first directory, as stored; it may be none of 1–8.
    pub stored: Option<u16>,
    /// The raw picture's, where it is told: width and height in pixels, as stored.
    pub raw_size: Option<(u32, u32)>,
    /// The same, or else of the largest picture that a directory speaks of.
    pub size: Option<(u32, u32)>,
    /// Where JPEG pictures are that an ordinary decoder reads, the largest first.
    pub previews: Vec<Preview>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub width: u16,
    pub height: u16,
    /// What its own EXIF states.
    pub own: Option<Orientation>,
    /// From its start of image to its end, or as far as the file says.
    pub bytes: Range<usize>,
}

impl RawFile {
    /// How to show one of its previews, so that it stands as the raw picture does.
    pub fn conclude(&self, preview: &Preview) -> Conclusion {
        conclude(Evidence {
            raw: Orientation::from_stored(self.stored),
            raw_size: self.raw_size,
            own: preview.own,
            size: (preview.width.into(), preview.height.into()),
        })
    }
}

impl Preview {
    fn n_pixels(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }
}

const NEW_SUBFILE_TYPE: u16 = 0x00FE;
const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const STRIP_OFFSETS: u16 = 0x0111;
const ORIENTATION: u16 = 0x0112;
const STRIP_BYTE_COUNTS: u16 = 0x0117;
const TILE_OFFSETS: u16 = 0x0144;
const JPEG_START: u16 = 0x0201;
const JPEG_LENGTH: u16 = 0x0202;
const EXIF_IFD: u16 = 0x8769;
/// EXIF's size of the whole picture.
const PIXEL_SIZE: [u16; 2] = [0xA002, 0xA003];
const MAKER_NOTE: u16 = 0x927C;
/// Panasonic: the whole JPEG as the field's value.
const JPG_FROM_RAW: u16 = 0x002E;
/// Panasonic: the sensor's size.
const SENSOR_SIZE: [u16; 2] = [0x0002, 0x0003];
/// Pictures looked for where no directory names one of this size.
const LEAST_SIDE: u16 = 256;

/// So many of them.
const MAX_FOUND: usize = 32;

/// Strips or tiles of a raw picture; one of 400 megapixels has 6,000 of the smallest tiles.
const MAX_PARTS: usize = 1 << 13;

/// How far into a file they are looked for.
const SEARCH_LEN: usize = 32 << 20;

/// Takes a raw file apart; `None` if it is none. Nothing found inside is no error: then there are
/// no previews.
pub fn parse(bytes: &[u8]) -> Option<RawFile> {
    let kind = kind_of(bytes)?;
    let parts = match kind {
        RawKind::Raf => raf(bytes),
        RawKind::Cr3 => canon3(bytes),
        _ => tiff_based(bytes, kind),
    };
    let mut found = previews(bytes, &parts.candidates);
    if found.iter().all(|preview| preview.width.min(preview.height) < LEAST_SIDE) {
        found.extend(previews(bytes, &search(bytes, &parts.raw_data)));
    }
    found.sort_by_key(|preview| (std::cmp::Reverse(preview.n_pixels()), preview.bytes.start));
    found.dedup_by_key(|preview| preview.bytes.start);
    let Parts { stored, raw_size, largest, .. } = parts;
    Some(RawFile { kind, stored, raw_size, size: raw_size.or(largest), previews: found })
}

fn previews(bytes: &[u8], candidates: &[Range<usize>]) -> Vec<Preview> {
    candidates.iter().filter_map(|range| preview(bytes, range)).collect()
}

/// What is read of any kind of raw file.
#[derive(Default)]
struct Parts {
    stored: Option<u16>,
    raw_size: Option<(u32, u32)>,
    largest: Option<(u32, u32)>,
    /// Where a JPEG may be.
    candidates: Vec<Range<usize>>,
    /// Where strips and tiles of raw pixels begin, in order; they may be JPEG too, and are no previews.
    raw_data: Vec<usize>,
}

fn tiff_based(bytes: &[u8], kind: RawKind) -> Parts {
    let Some(tiff) = Tiff::new(bytes) else { return Parts::default() };
    let directories = tiff.directories();
    let mut candidates = Vec::new();
    for directory in &directories {
        candidates.extend(named_jpeg(tiff, directory, JPEG_START, JPEG_LENGTH));
        candidates.extend(jpeg_strip(tiff, directory));
        let whole = directory.field(JPG_FROM_RAW).and_then(|field| tiff.value(field));
        candidates.extend(whole.map(|(at, value)| at..at + value.len()));
    }
    candidates.extend(directories.first().and_then(|first| olympus(tiff, first)));
    Parts {
        stored: orientation(tiff, directories.first()),
        raw_size: raw_size(tiff, &directories, kind),
        largest: largest(tiff, directories.iter()),
        candidates,
        raw_data: raw_data(tiff, &directories),
    }
}

fn raw_data(tiff: Tiff<'_>, directories: &[Directory]) -> Vec<usize> {
    let raw = directories.iter().filter(|directory| is_raw(tiff, directory));
    let fields = raw.flat_map(|directory| {
        [STRIP_OFFSETS, TILE_OFFSETS].into_iter().filter_map(|tag| directory.field(tag))
    });
    let starts = fields.flat_map(|field| tiff.numbers(field, MAX_PARTS));
    let mut starts: Vec<usize> = starts.filter_map(|start| usize::try_from(start).ok()).collect();
    starts.sort_unstable();
    starts
}

/// Of the directory that holds raw pixels, or where the makers say it instead.
fn raw_size(tiff: Tiff<'_>, directories: &[Directory], kind: RawKind) -> Option<(u32, u32)> {
    let first = directories.first()?;
    match kind {
        RawKind::Rw2 => size_in(tiff, first, SENSOR_SIZE),
        // The only one that has a size.
        RawKind::Orf => size_in(tiff, first, [IMAGE_WIDTH, IMAGE_LENGTH]),
        // The directory of its raw pixels has none.
        RawKind::Cr2 => {
            let (exif, _) = tiff.directory(tiff.number_in(first, EXIF_IFD)?)?;
            size_in(tiff, &exif, PIXEL_SIZE)
        }
        _ => largest(tiff, directories.iter().filter(|directory| is_raw(tiff, directory))),
    }
}

fn orientation(tiff: Tiff<'_>, first: Option<&Directory>) -> Option<u16> {
    let value = tiff.number_in(first?, ORIENTATION)?;
    u16::try_from(value).ok()
}

fn largest<'a>(
    tiff: Tiff<'_>,
    directories: impl Iterator<Item = &'a Directory>,
) -> Option<(u32, u32)> {
    let sizes =
        directories.filter_map(|directory| size_in(tiff, directory, [IMAGE_WIDTH, IMAGE_LENGTH]));
    sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))
}

fn size_in(tiff: Tiff<'_>, directory: &Directory, sides: [u16; 2]) -> Option<(u32, u32)> {
    let [width, height] = sides.map(|side| tiff.number_in(directory, side));
    width.zip(height)
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

/// Olympus and OM keep their preview in the maker note, whose offsets count from the note itself.
fn olympus(tiff: Tiff<'_>, first: &Directory) -> Option<Range<usize>> {
    /// How a note begins, and where its first directory is.
    const HEADERS: [(&[u8], u32); 2] = [(b"OLYMPUS\0", 12), (b"OM SYSTEM\0", 16)];
    const CAMERA_SETTINGS: u16 = 0x2020;
    let exif = tiff.number_in(first, EXIF_IFD)?;
    let (exif, _) = tiff.directory(exif)?;
    let (at, note) = tiff.value(exif.field(MAKER_NOTE)?)?;
    let (_, main) = HEADERS.into_iter().find(|(header, _)| note.starts_with(header))?;
    let note = tiff.from(at)?;
    let (main, _) = note.directory(main)?;
    let (settings, _) = note.directory(note.number_in(&main, CAMERA_SETTINGS)?)?;
    let found = named_jpeg(note, &settings, 0x0101, 0x0102)?;
    Some(found.start.checked_add(at)?..found.end.checked_add(at)?)
}

/// Fujifilm's only EXIF is that of its JPEG.
fn raf(bytes: &[u8]) -> Parts {
    let found = fujifilm::raf(bytes);
    let own = found.jpeg.clone().and_then(|range| own_orientation(bytes.get(range)?));
    Parts {
        stored: own.map(|own| own.to_exif().into()),
        raw_size: found.size,
        largest: None,
        candidates: found.jpeg.into_iter().collect(),
        raw_data: Vec::new(),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// What the EXIF in a JPEG states.
fn own_orientation(jpeg: &[u8]) -> Option<Orientation> {
    let layout = jpeg::header(jpeg).ok()?;
    let block = layout.exif(jpeg).next()?;
    stated_orientation(jpeg.get(block.start + 1..block.end)?)
}

/// Canon CR3 (lclevy/canon_cr3): `CMT1` in the `uuid` box of `moov` is a TIFF structure with the first
/// directory; the `PRVW` box of a top-level `uuid` box ends in a JPEG of 1620×1080.
fn canon3(bytes: &[u8]) -> Parts {
    let found = cr3::canon(bytes);
    let tiff = found.first_directory.and_then(|range| Tiff::new(bytes.get(range)?));
    let directories = tiff.map(Tiff::directories).unwrap_or_default();
    let first = directories.first();
    let stored = tiff.and_then(|tiff| orientation(tiff, first));
    let raw_size = tiff.and_then(|tiff| largest(tiff, directories.iter()));
    let candidates = found.preview.into_iter().collect();
    Parts { stored, raw_size, largest: None, candidates, raw_data: Vec::new() }
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
    let own = own_orientation(jpeg);
    Some(Preview { width, height, own, bytes: range.start..end })
}

/// Where no directory that is known here names a picture large enough: everything that begins like one, but for what
/// begins at `raw_data`.
fn search(bytes: &[u8], raw_data: &[usize]) -> Vec<Range<usize>> {
    let searched = bytes.get(..bytes.len().min(SEARCH_LEN)).unwrap_or_default();
    let starts = searched.windows(4).enumerate().filter_map(|(at, window)| {
        let is_start =
            window[..3] == [0xFF, 0xD8, 0xFF] && (window[3] >= 0xC0 && window[3] != 0xD8);
        let is_preview = is_start && raw_data.binary_search(&at).is_err();
        is_preview.then(|| at..bytes.len().min(at.saturating_add(SEARCH_LEN)))
    });
    starts.take(MAX_FOUND).collect()
}
