//! What to change in a file so that it is shown turned: a plan as a value, and why there is none.

pub(super) mod jpeg;
mod png;
mod tiff;
mod webp;

use super::chunks::{Chunk, of_kind};
use super::exif::{self, ExifError, OrientationField};
use super::jpeg::JpegError;
use super::orientation::{Orientation, Turn};
use super::xmp::{self, XmpOrientation};

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
    #[error("only JPEG, PNG, WebP and plain TIFF files are written")]
    Format,
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
    #[error("malformed {0}")]
    Container(&'static str),
    #[error("the file holds EXIF in a place of its own that few programs read")]
    ExifElsewhere,
    #[error("the file holds several pages, of which only the first was looked at")]
    MultiPage,
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
            Self::Container(_) => "malformed_container",
            Self::ExifElsewhere => "exif_elsewhere",
            Self::MultiPage => "multi_page",
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
        self == Self::Format
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

/// Plans the turn of a file by its orientation tag. All bytes that need not change stay.
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan_tag(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    match bytes {
        [0xFF, 0xD8, ..] => jpeg::plan(bytes, turn),
        [0x89, b'P', b'N', b'G', ..] => png::plan(bytes, turn),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::plan(bytes, turn),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => tiff::plan(bytes, turn),
        _ => Err(Refusal::Format),
    }
}

/// The edit that writes `to` into a field whose TIFF structure begins at `start`.
pub(super) fn overwritten(
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

/// The one chunk of EXIF, and the field in it.
fn exif_chunk<'a>(
    bytes: &[u8],
    chunks: &'a [Chunk],
    kind: &'a [u8; 4],
) -> Result<Option<(&'a Chunk, OrientationField)>, Refusal> {
    let mut blocks = of_kind(chunks, kind);
    let block = match (blocks.next(), blocks.next()) {
        (None, _) => return Ok(None),
        (Some(block), None) => block,
        (Some(_), Some(_)) => return Err(Refusal::DuplicateExif),
    };
    let field = exif::find_orientation(&bytes[block.data.clone()]).map_err(Refusal::Exif)?;
    Ok(Some((block, field.ok_or(Refusal::ExifWithoutOrientation)?)))
}

/// The edit that keeps an XMP packet at `start` in step, where it states an orientation.
fn xmp_kept_in_step(packet: &[u8], start: usize, to: Orientation) -> Result<Option<Edit>, Refusal> {
    match xmp::find_orientation(packet) {
        XmpOrientation::Absent => Ok(None),
        XmpOrientation::Digit { value, at } => {
            let (old, new) = (b'0' + value, b'0' + to.to_exif());
            let edit = Edit { offset: start + at, old: vec![old], new: vec![new] };
            Ok(Some(edit).filter(|edit| edit.old != edit.new))
        }
        XmpOrientation::Unclear => Err(Refusal::Xmp),
    }
}

#[cfg(test)]
#[path = "patch/container_tests.rs"]
mod tests;
