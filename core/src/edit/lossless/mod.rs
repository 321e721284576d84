//! What must change in a JPEG's header when its pixels are turned, and what forbids turning them.
//! The entropy-coded data comes from libjpeg-turbo; everything else is kept byte for byte.

mod exif_block;
mod places;

use std::ops::Range;

use self::exif_block::Turned;
pub use self::places::is_about_places;
use crate::edit::embedded_xmp;
use crate::edit::exif_edit;
use crate::edit::patch::{self, Edit};
use crate::edit::refusal::Refusal;
use crate::format::exif::EXIF_HEADER;
use crate::format::jpeg::{self, EXTENDED_XMP_START, Layout, Segment, XMP_START};
use crate::orientation::{Orientation, Turn};

const COM: u8 = 0xFE;
const APP13: u8 = 0xED;
const APP14: u8 = 0xEE;
/// Start of frame: baseline, extended and progressive, all Huffman-coded.
const BASELINE: u8 = 0xC0;
const PROGRESSIVE: u8 = 0xC2;

/// Image resources that hold a thumbnail, for Photoshop 4.0 and for 5.0 and later (Adobe Photoshop file formats, "Image
/// Resource IDs" 1033 and 1036).
const PHOTOSHOP_THUMBNAILS: [&[u8]; 2] = [b"8BIM\x04\x09", b"8BIM\x04\x0C"];

/// A JPEG whose pixels may be turned.
#[derive(Clone, Debug)]
pub struct TurnSource {
    layout: Layout,
    exif: Option<Range<usize>>,
    pub from: Orientation,
    /// What is to be done to the pixels: all that the tag and the turn would do.
    pub apply: Orientation,
    pub is_progressive: bool,
    /// As stored, in pixels.
    pub width: u16,
    pub height: u16,
}

impl TurnSource {
    /// Width and height once the pixels are turned.
    fn turned_size(&self) -> (u32, u32) {
        let width = u32::from(self.width);
        let height = u32::from(self.height);
        if self.apply.swaps_sides() { (height, width) } else { (width, height) }
    }
}

/// Looks for anything that forbids turning the pixels.
///
/// # Errors
/// Returns the first reason found.
pub fn source(bytes: &[u8], turn: Turn) -> Result<TurnSource, Refusal> {
    let layout = match jpeg::layout(bytes) {
        Err(jpeg::JpegError::NotJpeg) => return Err(Refusal::NotJpeg),
        other => other?,
    };
    let end = layout.end.ok_or(Refusal::NoEnd)?;
    if layout.is_signed(bytes) {
        return Err(Refusal::Signed);
    }
    if layout.has_mpf(bytes) {
        return Err(Refusal::MultiPicture);
    }
    if !jpeg::is_padding(&bytes[end..]) {
        return Err(Refusal::TrailingData);
    }
    if !layout.is_tidy {
        return Err(Refusal::Kind("stray bytes in its header"));
    }
    let exif = exif_edit::in_jpeg(bytes, &layout)?;
    let (from, apply) = exif_edit::from_and_to(bytes, exif.as_ref(), turn)?;
    let (is_progressive, width, height) = frame(bytes, &layout)?;
    for segment in &layout.header {
        may_stay(segment.marker, &bytes[segment.payload.clone()])?;
    }
    // A name may be cut by the end of a segment.
    fits(&embedded_xmp::extended(bytes, &layout))?;
    Ok(TurnSource { layout, exif, from, apply, is_progressive, width, height })
}

/// The one frame header (T.81, B.2.2).
fn frame(bytes: &[u8], layout: &Layout) -> Result<(bool, u16, u16), Refusal> {
    let mut frames = layout.frames();
    let (Some(frame), None) = (frames.next(), frames.next()) else {
        return Err(Refusal::Kind("it has no single frame"));
    };
    match frame.marker {
        BASELINE..=PROGRESSIVE => {}
        0xC9..=0xCB => return Err(Refusal::Kind("arithmetic coding")),
        _ => return Err(Refusal::Kind("lossless or hierarchical coding")),
    }
    match bytes.get(frame.payload.start..frame.payload.start + 5) {
        Some(&[8, h0, h1, w0, w1]) => {
            let width = u16::from_be_bytes([w0, w1]);
            let height = u16::from_be_bytes([h0, h1]);
            if height == 0 {
                return Err(Refusal::Kind("its height comes behind the picture"));
            }
            Ok((frame.marker == PROGRESSIVE, width, height))
        }
        _ => Err(Refusal::Kind("more than 8 bits a sample")),
    }
}

/// Only segments whose meaning is known, and does not depend on how the pixels lie, may stay.
fn may_stay(marker: u8, payload: &[u8]) -> Result<(), Refusal> {
    match marker {
        jpeg::APP0 if payload.starts_with(b"JFIF\0") => jfif_may_stay(payload),
        jpeg::APP1 if payload.starts_with(&EXIF_HEADER[..5]) => Ok(()),
        jpeg::APP1 if payload.starts_with(XMP_START) || payload.starts_with(EXTENDED_XMP_START) => {
            fits(payload)
        }
        jpeg::APP2 if payload.starts_with(b"ICC_PROFILE\0") => Ok(()),
        APP13 if payload.starts_with(b"Photoshop 3.0\0") => {
            if PHOTOSHOP_THUMBNAILS.iter().any(|id| contains(payload, id)) {
                Err(Refusal::Belongs("a Photoshop thumbnail"))
            } else {
                Ok(())
            }
        }
        APP14 if payload.starts_with(b"Adobe") => Ok(()),
        0xEC if payload.starts_with(b"Ducky") => Ok(()),
        COM => Ok(()),
        0xE0..=0xEF => Err(Refusal::Belongs("application data that is not understood")),
        _ => Ok(()),
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn fits(xmp: &[u8]) -> Result<(), Refusal> {
    if is_about_places(xmp) {
        return Err(Refusal::Belongs("XMP about regions, crops or further pictures"));
    }
    Ok(())
}

/// JFIF 1.02: density at 7..12, thumbnail size at 12..14.
fn jfif_may_stay(payload: &[u8]) -> Result<(), Refusal> {
    match payload.get(8..14) {
        Some(&[x0, x1, y0, y1, 0, 0]) if [x0, x1] == [y0, y1] => Ok(()),
        Some(&[_, _, _, _, 0, 0]) => {
            Err(Refusal::Belongs("a pixel density that differs by direction"))
        }
        _ => Err(Refusal::Belongs("a JFIF thumbnail")),
    }
}

/// The new file: the old header brought in step, then the turned picture. `turned` is a JPEG of the
/// turned pixels; `turn_thumbnail` turns an embedded one, or says that it cannot be turned.
///
/// # Errors
/// Returns an error if the header cannot be brought in step.
pub fn assemble(
    bytes: &[u8],
    source: &TurnSource,
    turned: &[u8],
    turn_thumbnail: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, Refusal> {
    let new_size = source.turned_size();
    let xmp = embedded_xmp::in_jpeg(bytes, &source.layout, Orientation::UPRIGHT, Some(new_size))?;
    let mut out = vec![0xFF, 0xD8];
    for segment in source.layout.header.iter().filter(|segment| is_carried_over(segment)) {
        let mut payload = bytes[segment.payload.clone()].to_vec();
        if source.exif.as_ref().is_some_and(|exif| exif.end == segment.payload.end) {
            let start = source.exif.as_ref().map_or(0, |exif| exif.start) - segment.payload.start;
            let turned = Turned { from: source.from, apply: source.apply, size: new_size };
            let tiff = exif_block::in_step(&payload[start..], &turned, &turn_thumbnail)?;
            payload.truncate(start);
            payload.extend(tiff);
        } else {
            payload = patch::apply(&edits_within(&xmp, &segment.payload), &payload)?;
        }
        push_segment(&mut out, segment.marker, &payload)?;
    }
    let new = jpeg::layout(turned)?;
    for segment in new.header.iter().filter(|segment| !is_carried_over(segment)) {
        push_segment(&mut out, segment.marker, &turned[segment.payload.clone()])?;
    }
    let scan = new.header.last().map_or(2, |segment| segment.payload.end);
    out.extend_from_slice(&turned[scan..new.end.ok_or(Refusal::NotProved)?]);
    // Padding, which nothing counts on.
    let end = source.layout.end.unwrap_or(bytes.len());
    out.extend_from_slice(bytes.get(end..).unwrap_or_default());
    Ok(out)
}

/// Application data and comments come from the old file, everything else from the turned picture.
fn is_carried_over(segment: &Segment) -> bool {
    matches!(segment.marker, 0xE0..=0xEF | COM)
}

/// Only a packet of XMP can have grown.
fn push_segment(out: &mut Vec<u8>, marker: u8, payload: &[u8]) -> Result<(), Refusal> {
    let length = u16::try_from(payload.len() + 2).map_err(|_| Refusal::Xmp)?;
    out.extend_from_slice(&[0xFF, marker]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// Those that lie in this part of the file, their offsets from its start.
fn edits_within(edits: &[Edit], part: &Range<usize>) -> Vec<Edit> {
    let inside = edits.iter().filter(|edit| part.contains(&edit.offset));
    let moved = inside.map(|edit| Edit { offset: edit.offset - part.start, ..edit.clone() });
    moved.collect()
}
