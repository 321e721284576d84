//! What to change in a file so that it is shown turned: a plan as a value, and why there is none.

use std::ops::Range;

use super::exif::{self, EXIF_HEADER, ExifError};
use super::jpeg::{self, JpegError, Layout};
use super::orientation::{Orientation, Turn};
use super::xmp::{self, EXTENDED_XMP_HEADER, XMP_HEADER, XmpOrientation};

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
    #[error("only JPEG files are written")]
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
    #[error("the bytes are not what the journal says")]
    NotAsJournaled,
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
            Self::NotAsJournaled => "changed",
        }
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

/// Plans the turn of a JPEG file by its orientation tag: the field's low byte where there is a
/// field, a minimal EXIF block where there is none, XMP kept in step. All other bytes stay.
///
/// # Errors
/// The first reason found not to write this file.
pub fn plan_tag(bytes: &[u8], turn: Turn) -> Result<Patch, Refusal> {
    let layout = match jpeg::layout(bytes) {
        Err(JpegError::NotJpeg) => return Err(Refusal::Format),
        other => other?,
    };
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    if is_signed(bytes, &layout) {
        return Err(Refusal::Signed);
    }
    let exif = exif_block(bytes, &layout)?;
    let stored = match &exif {
        Some(block) => field_value(&bytes[block.clone()])?,
        None => None,
    };
    let from = Orientation::from_stored(stored);
    let to = from.then(turn.orientation());
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
fn exif_block(bytes: &[u8], layout: &Layout) -> Result<Option<Range<usize>>, Refusal> {
    // Some writers leave the padding byte of the header undefined (EXIF 2.32 section 4.7.2).
    let mut blocks = starting_with(bytes, layout, jpeg::APP1, &EXIF_HEADER[..5]);
    match (blocks.next(), blocks.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::DuplicateExif),
        (Some(block), None) if block.is_empty() => Err(Refusal::Exif(ExifError::Malformed(0))),
        (Some(block), None) => Ok(Some(block.start + 1..block.end)),
    }
}

fn field_value(tiff: &[u8]) -> Result<Option<u16>, Refusal> {
    let field = exif::find_orientation(tiff).map_err(Refusal::Exif)?;
    Ok(field.map(|field| field.value))
}

fn overwrite_field(bytes: &[u8], block: &Range<usize>, to: Orientation) -> Result<Edit, Refusal> {
    let field = exif::find_orientation(&bytes[block.clone()])
        .map_err(Refusal::Exif)?
        .ok_or(Refusal::ExifWithoutOrientation)?;
    let old = match u8::try_from(field.value) {
        Ok(old @ 0..=8) => old,
        _ => return Err(Refusal::OutOfRange(field.value)),
    };
    let offset = block.start + field.low_byte;
    Ok(Edit { offset, old: vec![old], new: vec![to.to_exif()] })
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
fn is_signed(bytes: &[u8], layout: &Layout) -> bool {
    starting_with(bytes, layout, jpeg::APP11, b"JP").next().is_some()
}

fn has_mpf(bytes: &[u8], layout: &Layout) -> bool {
    starting_with(bytes, layout, jpeg::APP2, b"MPF\0").next().is_some()
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
