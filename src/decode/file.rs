//! From an open file to a picture of the network's size, as a viewer would show it, or the reason why
//! not.

use std::fs::File;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::budget::Budget;
use super::heif::Heif;
use super::limits::Limits;
use super::photo::{Decoded, Photo};
use super::picture::{DecodedPicture, Shown};
use super::{jp2, jpeg, jxl, raster, raw, tiff};
use crate::error::SkipReason;
use crate::files::identity::{ContentHash, Identity};
use crate::files::open::{OpenError, open_for_reading};
use orientd_core::format::metadata::{embedded_orientation, taken};
use orientd_core::format::panorama::is_panorama;
use orientd_core::format::sniff::{Format, SNIFF_LEN, Sniffed, refine, sniff};
use orientd_core::image::preprocess::resize;
use orientd_core::orientation::Orientation;
use orientd_core::verdict::caution::Caution;

/// A regular file, opened for reading, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Opened<'a> {
    pub file: &'a File,
    /// As it was when it was opened.
    pub identity: Identity,
    /// For its ending only.
    pub name: &'a Path,
}

/// What decoders share.
pub(super) struct Tools<'a> {
    pub limits: &'a Limits,
    pub budget: &'a Budget,
    pub heif: &'a Heif,
}

pub(super) fn decode_file(opened: Opened<'_>, tools: &Tools<'_>, side: usize) -> Decoded {
    let mut format = None;
    // A decoder's panic skips one photo. No state that it may have left inconsistent is used again.
    let result = catch_unwind(AssertUnwindSafe(|| try_decode(opened, tools, side, &mut format)));
    match result {
        Ok(Ok(Some(photo))) => Decoded::Photo(Box::new(photo)),
        Ok(Ok(None)) => Decoded::NotAPhoto,
        Ok(Err(skip)) => Decoded::Skipped { format, skip },
        Err(panic) => {
            Decoded::Skipped { format, skip: SkipReason::DecoderPanicked(text_of(&*panic)) }
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

fn try_decode(
    opened: Opened<'_>,
    tools: &Tools<'_>,
    side: usize,
    seen_format: &mut Option<Format>,
) -> Result<Option<Photo>, SkipReason> {
    let Some(file) = read(opened, tools, seen_format)? else { return Ok(None) };
    *seen_format = Some(file.format);
    let bytes = &file.bytes;
    let shown = decode_by_format(bytes, file.format, tools, side)?;
    let Shown { decoded, stored, turned_by, caution } = shown;
    let failed = |_| SkipReason::Corrupt("the picture has no pixels".into());
    let picture = resize(&decoded.picture, side, side).map_err(failed)?.oriented(turned_by);
    Ok(Some(Photo {
        identity: opened.identity,
        hash: ContentHash::of(&file.bytes),
        format: file.format,
        width: decoded.width,
        height: decoded.height,
        stored,
        taken: taken(bytes),
        caution: of_shape(bytes, &decoded).or(caution),
        picture,
    }))
}

/// By the decoder of the format.
fn decode_by_format(
    bytes: &[u8],
    format: Format,
    tools: &Tools<'_>,
    side: usize,
) -> Result<Shown, SkipReason> {
    let limits = tools.limits;
    let budget = tools.budget;
    Ok(match format {
        Format::Jpeg => {
            let decoded = jpeg::decode(bytes, limits, budget, side)?;
            Shown::as_stored(decoded, embedded_orientation(bytes))
        }
        Format::Heif | Format::Avif => {
            let (decoded, stored) = tools.heif.decode(bytes, limits, budget)?;
            Shown::as_stored(decoded, stored)
        }
        Format::Jp2 => {
            let decoded = jp2::decode(bytes, limits, budget, side)?;
            Shown::as_stored(decoded, Orientation::UPRIGHT)
        }
        Format::Jxl => jxl::decode(bytes, limits, budget)?,
        Format::Raw(_) => raw::decode(bytes, limits, budget, side)?,
        Format::Tiff => {
            let decoded = tiff::decode(bytes, limits, budget)?;
            Shown::as_stored(decoded, embedded_orientation(bytes))
        }
        other => {
            let decoded = raster::decode(bytes, other, limits, budget)?;
            Shown::as_stored(decoded, embedded_orientation(bytes))
        }
    })
}

/// What is no scene that could lie on its side.
fn of_shape(bytes: &[u8], decoded: &DecodedPicture) -> Option<Caution> {
    if is_panorama(bytes, decoded.width, decoded.height) {
        return Some(Caution::Panorama);
    }
    Caution::of_sides(decoded.width, decoded.height)
}

/// A picture file read whole, unchanged since it was found.
struct PictureFile {
    bytes: Vec<u8>,
    format: Format,
}

/// `Ok(None)` if the content is not a picture and the name does not claim one.
fn read(
    opened: Opened<'_>,
    tools: &Tools<'_>,
    seen_format: &mut Option<Format>,
) -> Result<Option<PictureFile>, SkipReason> {
    let limits = tools.limits;
    let Opened { mut file, identity, name } = opened;
    file.rewind()?; // A file that is tried once more was read before.
    let mut bytes = Vec::new();
    (&mut file).take(SNIFF_LEN).read_to_end(&mut bytes)?;
    let format = match sniff(&bytes, name) {
        Sniffed::Picture(format) => format,
        Sniffed::Other => return Ok(None),
        Sniffed::Empty => return Err(SkipReason::Empty),
        Sniffed::Unsupported(what) => return Err(SkipReason::UnsupportedFormat(what)),
    };
    *seen_format = Some(format);
    if matches!(format, Format::Heif | Format::Avif) {
        tools.heif.require()?;
    }
    if identity.size > limits.max_file_bytes {
        let size = identity.size;
        let cap = limits.max_file_bytes;
        return Err(SkipReason::TooLarge(format!(
            "{size} bytes, more than max_file_bytes = {cap}"
        )));
    }
    bytes.reserve_exact(usize::try_from(identity.size).unwrap_or(0).saturating_sub(bytes.len()));
    // One byte more than expected is enough to see that it grows.
    let rest = (identity.size + 1).saturating_sub(bytes.len() as u64);
    (&mut file).take(rest).read_to_end(&mut bytes)?;
    let after = Identity::from(&file.metadata()?);
    if after != identity || bytes.len() as u64 != identity.size {
        return Err(SkipReason::ChangedWhileReading);
    }
    match refine(format, &bytes, name) {
        Sniffed::Picture(format) => Ok(Some(PictureFile { bytes, format })),
        Sniffed::Unsupported(what) => Err(SkipReason::UnsupportedFormat(what)),
        Sniffed::Empty | Sniffed::Other => Ok(None),
    }
}

/// Opens a regular file that is to be decoded.
pub(super) fn open(path: &Path) -> Result<(File, Identity), SkipReason> {
    match open_for_reading(path) {
        Ok((file, metadata)) => Ok((file, Identity::from(&metadata))),
        Err(OpenError::NotRegular) => Err(SkipReason::NotRegular),
        Err(OpenError::Io(err)) => Err(err.into()),
    }
}
