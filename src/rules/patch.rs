//! What to change in a file so that it is shown turned: a plan as a value, and why there is none.

use std::ops::Range;

use super::exif::{self, EXIF_HEADER, ExifError, OrientationField};
use super::jpeg::{self, JpegError, Layout};
use super::orientation::{Orientation, Turn};
use super::xmp::{self, EXTENDED_XMP_HEADER, XMP_HEADER, XmpOrientation};
use super::{png, tiff, webp};

/// At `offset` of the old file, `old` becomes `new`. An insertion has an empty `old`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub offset: usize,
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

/// Edits in file order, not overlapping, offsets in the old file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    pub edits: Vec<Edit>,
    pub from: Orientation,
    pub to: Orientation,
}

/// Why a file is not written. Each has a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("files of this format hold no orientation that could be changed")]
    Format,
    #[error("malformed {format} at byte {at}")]
    Malformed { format: &'static str, at: usize },
    #[error("BigTIFF files are not written")]
    BigTiff,
    #[error("this TIFF is a camera's raw file, which is not written")]
    Raw,
    #[error("the file is too large for the offsets of its format")]
    NoRoom,
    #[error("its EXIF is in a text chunk, which programs read in different ways")]
    TextExif,
    #[error("{0}")]
    Jpeg(#[from] JpegError),
    #[error("the file has no proper end: the end-of-image marker is missing")]
    NoEnd,
    #[error("the file carries a C2PA signature, which any change would break")]
    Signed,
    #[error("the file has more than one EXIF block")]
    DuplicateExif,
    #[error("{0}")]
    Exif(ExifError),
    #[error("the stored orientation {0} is none of 0 to 8")]
    OutOfRange(u16),
    #[error("the EXIF block has no Orientation, and adding one would move the rest")]
    ExifWithoutOrientation,
    #[error("its XMP states an orientation that cannot be kept in step")]
    Xmp,
    #[error("data after the end of the image may count on where it lies")]
    TrailingData,
    #[error("a multi-picture index (MPF) counts on where its pictures lie")]
    MultiPicture,
    #[error("the bytes are not what the journal says")]
    NotAsJournaled,
    #[error(
        "its sidecar cannot be kept in step: it is unreadable or unclear about the orientation"
    )]
    Sidecar,
    #[error("its sidecar states the orientation and would win; mode sidecar changes it there")]
    SidecarSpeaks,
    #[error("only the pixels of JPEG files are turned")]
    NotJpeg,
    #[error("its sides are not whole blocks, so turning the pixels would lose an edge")]
    NotWholeBlocks,
    #[error("this kind of JPEG is not turned by its pixels: {0}")]
    Kind(&'static str),
    #[error("it holds {0}, which would no longer fit turned pixels")]
    Belongs(&'static str),
    #[error("its EXIF cannot be brought in step with turned pixels")]
    ExifNotInStep,
    #[error("the turned pixels did not prove to be the old ones")]
    NotProved,
    #[error("the original is larger than the undo store may grow")]
    NoBudget,
}

impl Refusal {
    pub fn code(self) -> &'static str {
        match self {
            Self::Format => "format_not_written",
            Self::Malformed { format: "PNG", .. } => "malformed_png",
            Self::Malformed { format: "WebP", .. } => "malformed_webp",
            Self::Malformed { .. } => "malformed_tiff",
            Self::BigTiff => "big_tiff",
            Self::Raw => "raw_file",
            Self::NoRoom => "no_room",
            Self::TextExif => "text_exif",
            Self::Jpeg(_) => "malformed_jpeg",
            Self::NoEnd => "no_end_marker",
            Self::Signed => "signed_c2pa",
            Self::DuplicateExif => "duplicate_exif",
            Self::Exif(ExifError::Malformed(_)) => "malformed_exif",
            Self::Exif(ExifError::NotOneShort | ExifError::Duplicate) | Self::OutOfRange(_) => {
                "invalid_orientation"
            }
            Self::ExifWithoutOrientation => "exif_without_orientation",
            Self::Xmp => "xmp_orientation",
            Self::TrailingData => "trailing_data",
            Self::MultiPicture => "multi_picture",
            Self::NotAsJournaled => "changed",
            Self::Sidecar => "unclear_sidecar",
            Self::SidecarSpeaks => "sidecar_orientation",
            Self::NotJpeg => "not_jpeg",
            Self::NotWholeBlocks => "not_whole_blocks",
            Self::Kind(_) => "jpeg_kind",
            Self::Belongs(_) => "pixels_bound",
            Self::ExifNotInStep => "exif_not_in_step",
            Self::NotProved => "not_proved",
            Self::NoBudget => "no_undo_budget",
        }
    }
}

impl Refusal {
    /// Only turning pixels is out of the question; the tag may still be changed.
    pub fn is_about_pixels(self) -> bool {
        matches!(
            self,
            Self::NotJpeg
                | Self::NotWholeBlocks
                | Self::Kind(_)
                | Self::Belongs(_)
                | Self::ExifNotInStep
                | Self::NotProved
                | Self::NoBudget
                | Self::TrailingData
                | Self::MultiPicture
                | Self::Xmp
        )
    }

    /// The format is only read, whatever is in the file.
    pub fn is_about_the_format(self) -> bool {
        matches!(self, Self::Format | Self::Raw | Self::BigTiff)
    }
}

impl Patch {
    /// Can it be performed by overwriting a single byte, which no crash can tear?
    pub fn is_one_byte(&self) -> bool {
        matches!(self.edits.as_slice(), [edit] if edit.old.len() == 1 && edit.new.len() == 1)
    }

    /// The new file.
    ///
    /// # Errors
    /// Where `bytes` does not hold the old bytes at their places.
    pub fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::with_capacity(bytes.len() + 64);
        let mut done = 0;
        for edit in &self.edits {
            let kept = bytes.get(done..edit.offset).ok_or(Refusal::NotAsJournaled)?;
            let end = edit.offset + edit.old.len();
            if bytes.get(edit.offset..end) != Some(edit.old.as_slice()) {
                return Err(Refusal::NotAsJournaled);
            }
            out.extend_from_slice(kept);
            out.extend_from_slice(&edit.new);
            done = end;
        }
        out.extend_from_slice(&bytes[done..]);
        Ok(out)
    }

    /// The patch that takes the new file back to the old one.
    pub fn inverse(&self) -> Self {
        let mut removed = 0;
        let mut added = 0;
        let edits = self.edits.iter().map(|edit| {
            let offset = edit.offset + added - removed;
            added += edit.new.len();
            removed += edit.old.len();
            Edit { offset, old: edit.new.clone(), new: edit.old.clone() }
        });
        Self { edits: edits.collect(), from: self.to, to: self.from }
    }
}

/// Plans the turn of a file by its orientation tag: the field's low byte where there is a field, a
/// minimal EXIF block where there is none, XMP and checksums kept in step. All other bytes stay.
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan_tag(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    if bytes.starts_with(png::SIGNATURE) {
        png::plan_tag(bytes, turn)
    } else if webp::is_webp(bytes) {
        webp::plan_tag(bytes, turn)
    } else if tiff::is_tiff(bytes) {
        tiff::plan_tag(bytes, turn)
    } else {
        plan_jpeg(bytes, turn)
    }
}

fn plan_jpeg(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = match jpeg::layout(bytes) {
        Err(JpegError::NotJpeg) => return Err(Refusal::Format),
        other => other?,
    };
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    if is_signed(bytes, &layout) {
        return Err(Refusal::Signed);
    }
    let exif = exif_block(bytes, &layout)?;
    let (from, to) = from_and_to(bytes, exif.as_ref(), turn)?;
    let mut edits = match exif {
        Some(block) => vec![overwrite_field(bytes, &block, to)?],
        None if end < bytes.len() => return Err(Refusal::TrailingData),
        None if has_mpf(bytes, &layout) => return Err(Refusal::MultiPicture),
        None => vec![insert_block(bytes, &layout, to)],
    };
    edits.extend(xmp_edit(bytes, &layout, to)?);
    edits.sort_by_key(|edit| edit.offset);
    Ok(Patch { edits, from, to })
}

fn starting_with<'a>(
    bytes: &'a [u8],
    layout: &'a Layout,
    marker: u8,
    header: &'static [u8],
) -> impl Iterator<Item = Range<usize>> + 'a {
    let payloads = layout.header.iter().filter(move |s| s.marker == marker).map(|s| &s.payload);
    payloads
        .filter(move |payload| bytes[(*payload).clone()].starts_with(header))
        .map(move |payload| payload.start + header.len()..payload.end)
}

/// The TIFF structure of the one EXIF block.
pub(super) fn exif_block(bytes: &[u8], layout: &Layout) -> Result<Option<Range<usize>>, Refusal> {
    // Some writers leave the padding byte of the header undefined (EXIF 2.32 section 4.7.2).
    let mut blocks = starting_with(bytes, layout, jpeg::APP1, &EXIF_HEADER[..5]);
    match (blocks.next(), blocks.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::DuplicateExif),
        (Some(block), None) if block.is_empty() => Err(Refusal::Exif(ExifError::Malformed(0))),
        (Some(block), None) => Ok(Some(block.start + 1..block.end)),
    }
}

/// What the TIFF structure at `block` says, and what it must say after the turn.
pub(super) fn from_and_to(
    bytes: &[u8],
    block: Option<&Range<usize>>,
    turn: Turn,
) -> Result<(Orientation, Orientation), Refusal> {
    let stored = match block {
        Some(block) => exif::find_orientation(&bytes[block.clone()]).map_err(Refusal::Exif)?,
        None => None,
    };
    let from = Orientation::from_stored(stored.map(|field| field.value));
    Ok((from, from.then(turn.orientation())))
}

/// Overwrites the one Orientation of the TIFF structure at `block`.
pub(super) fn overwrite_field(
    bytes: &[u8],
    block: &Range<usize>,
    to: Orientation,
) -> Result<Edit, Refusal> {
    let field = exif::find_orientation(&bytes[block.clone()])
        .map_err(Refusal::Exif)?
        .ok_or(Refusal::ExifWithoutOrientation)?;
    overwrite(field, block.start, to)
}

/// Overwrites `field` of the TIFF structure that starts at `start`.
pub(super) fn overwrite(
    field: OrientationField,
    start: usize,
    to: Orientation,
) -> Result<Edit, Refusal> {
    let old = match u8::try_from(field.value) {
        Ok(old @ 0..=8) => old,
        _ => return Err(Refusal::OutOfRange(field.value)),
    };
    Ok(Edit { offset: start + field.low_byte, old: vec![old], new: vec![to.to_exif()] })
}

/// Keeps an XMP packet at `packet` in step; `None` where it says nothing or the right thing.
pub(super) fn keep_in_step(
    bytes: &[u8],
    packet: &Range<usize>,
    to: Orientation,
) -> Result<Option<Edit>, Refusal> {
    match xmp::find_orientation(&bytes[packet.clone()]) {
        XmpOrientation::Absent => Ok(None),
        XmpOrientation::Unclear => Err(Refusal::Xmp),
        XmpOrientation::Digit { value, at } => {
            let (old, new) = (b'0' + value, b'0' + to.to_exif());
            let edit = Edit { offset: packet.start + at, old: vec![old], new: vec![new] };
            Ok((old != new).then_some(edit))
        }
    }
}

/// After the JFIF segments, which must come first (JFIF 1.02), else right after start of image.
fn insert_block(bytes: &[u8], layout: &Layout, to: Orientation) -> Edit {
    let jfif = layout.header.iter().take_while(|segment| segment.marker == jpeg::APP0);
    let offset = jfif.last().map_or(2, |segment| segment.payload.end);
    debug_assert!(offset <= bytes.len());
    let block = exif::minimal_block(to);
    let mut new = vec![0xFF, jpeg::APP1, 0, block.len() as u8 + 2]; // 34 bytes in all.
    new.extend_from_slice(&block);
    Edit { offset, old: Vec::new(), new }
}

fn xmp_edit(bytes: &[u8], layout: &Layout, to: Orientation) -> Result<Option<Edit>, Refusal> {
    for extended in starting_with(bytes, layout, jpeg::APP1, EXTENDED_XMP_HEADER) {
        if xmp::find_orientation(&bytes[extended]) != XmpOrientation::Absent {
            return Err(Refusal::Xmp);
        }
    }
    let mut edit = None;
    for packet in starting_with(bytes, layout, jpeg::APP1, XMP_HEADER) {
        match xmp::find_orientation(&bytes[packet.clone()]) {
            XmpOrientation::Absent => {}
            XmpOrientation::Digit { value, at } if edit.is_none() => {
                let (old, new) = (b'0' + value, b'0' + to.to_exif());
                edit = Some(Edit { offset: packet.start + at, old: vec![old], new: vec![new] });
            }
            _ => return Err(Refusal::Xmp),
        }
    }
    Ok(edit.filter(|edit| edit.old != edit.new))
}

/// C2PA manifests are JUMBF boxes in APP11 segments (C2PA 2.1, section A.3.1).
pub(super) fn is_signed(bytes: &[u8], layout: &Layout) -> bool {
    starting_with(bytes, layout, jpeg::APP11, b"JP").next().is_some()
}

pub(super) fn has_mpf(bytes: &[u8], layout: &Layout) -> bool {
    starting_with(bytes, layout, jpeg::APP2, b"MPF\0").next().is_some()
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
