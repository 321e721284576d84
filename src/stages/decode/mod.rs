//! From a path to a picture of the network's size, as a viewer would show it, or the reason why not.

mod format;
mod heif;
pub mod isolated;
mod jpeg;
mod memory;
mod raster;
mod raw;

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub use format::{Format, promises_photo};
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
pub use memory::Budget;
use serde::{Deserialize, Serialize};

use self::format::Sniffed;
use self::heif::Heif;
use crate::error::Skip;
use crate::identity::Identity;
use crate::rules::orientation::Orientation;
use crate::rules::pixels::Rgb8;
use crate::rules::tensor::resize;
use crate::rules::{isobmff, raw as raw_rules};
use crate::stages::sidecar;
use crate::store::Hash;

/// A file to look at.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub path: PathBuf,
    pub identity: Identity,
}

/// What must not be exceeded, from the config.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub max_file_bytes: u64,
    pub max_pixels: u64,
}

/// A picture squashed to S×S and shown as its stored orientation says.
pub struct Photo {
    pub identity: Identity,
    pub hash: Hash,
    pub format: Format,
    /// As stored, in pixels.
    pub width: u32,
    pub height: u32,
    pub stored: Orientation,
    /// When it was taken, by its camera's clock: seconds as if that clock showed UTC.
    pub taken: Option<i64>,
    pub picture: Rgb8,
}

pub enum Looked {
    Photo(Box<Photo>),
    Skipped { format: Option<Format>, skip: Skip },
    NotAPhoto,
}

impl Looked {
    /// The sidecar's word on how a photo is shown goes before the file's own.
    fn shown_by_sidecar(self, path: &Path) -> Self {
        match (self, sidecar::orientation(path)) {
            (Self::Photo(photo), Some(beside)) => {
                let photo = *photo;
                let picture = photo.picture.oriented(photo.stored.inverse().then(beside));
                Self::Photo(Box::new(Photo { picture, stored: beside, ..photo }))
            }
            (looked, _) => looked,
        }
    }
}

/// A decoder's result: the picture at a reduced scale and the size it is stored with.
struct Decoded {
    picture: Rgb8,
    width: u32,
    height: u32,
}

/// Reads and decodes one file to `side`×`side` pixels, in this process: what a file does to a decoder,
/// it does to the caller. [`isolated::Isolated`] is for files of strangers. Never fails, never panics.
pub fn look(candidate: &Candidate, limits: &Limits, budget: &Budget, side: usize) -> Looked {
    match open(&candidate.path) {
        Ok((file, identity)) => {
            let opened = Opened { file: &file, identity, name: &candidate.path };
            let looked = look_at(opened, &Tools { limits, budget, heif: &Heif::NotTried }, side);
            looked.shown_by_sidecar(&candidate.path)
        }
        Err(skip) => Looked::Skipped { format: None, skip },
    }
}

/// A regular file, opened for reading, and what is known of it.
#[derive(Clone, Copy)]
struct Opened<'a> {
    file: &'a File,
    /// As it was when it was opened.
    identity: Identity,
    /// For its ending only.
    name: &'a Path,
}

/// What decoders share.
struct Tools<'a> {
    limits: &'a Limits,
    budget: &'a Budget,
    heif: &'a Heif,
}

fn look_at(opened: Opened<'_>, tools: &Tools<'_>, side: usize) -> Looked {
    let mut format = None;
    // A decoder's panic costs one photo. Nothing it could have left half done is used again.
    let result = catch_unwind(AssertUnwindSafe(|| try_look(opened, tools, side, &mut format)));
    match result {
        Ok(Ok(Some(photo))) => Looked::Photo(Box::new(photo)),
        Ok(Ok(None)) => Looked::NotAPhoto,
        Ok(Err(skip)) => Looked::Skipped { format, skip },
        Err(panic) => Looked::Skipped { format, skip: Skip::DecoderPanicked(text_of(&*panic)) },
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

fn try_look(
    opened: Opened<'_>,
    tools: &Tools<'_>,
    side: usize,
    seen_format: &mut Option<Format>,
) -> Result<Option<Photo>, Skip> {
    let Some(file) = read(opened, tools, seen_format)? else { return Ok(None) };
    *seen_format = Some(file.format);
    let (bytes, limits, budget) = (&file.bytes, tools.limits, tools.budget);
    let (decoded, stored) = match file.format {
        Format::Jpeg => (jpeg::decode(bytes, limits, budget, side)?, exif_orientation(bytes)),
        Format::Heif | Format::Avif => tools.heif.decode(bytes, limits, budget)?,
        Format::Raw(_) => raw::decode(bytes, limits, budget, side)?,
        other => (raster::decode(bytes, other, limits, budget)?, exif_orientation(bytes)),
    };
    let failed = |_| Skip::Corrupt("the picture has no pixels".into());
    let picture = resize(&decoded.picture, side, side).map_err(failed)?.oriented(stored);
    Ok(Some(Photo {
        identity: opened.identity,
        hash: *blake3::hash(&file.bytes).as_bytes(),
        format: file.format,
        width: decoded.width,
        height: decoded.height,
        stored,
        taken: taken(bytes),
        picture,
    }))
}

/// A picture file read whole, unchanged since it was found.
struct PictureFile {
    bytes: Vec<u8>,
    format: Format,
}

/// `Ok(None)` where the content is not a picture and the name does not claim one.
fn read(
    opened: Opened<'_>,
    tools: &Tools<'_>,
    seen_format: &mut Option<Format>,
) -> Result<Option<PictureFile>, Skip> {
    let limits = tools.limits;
    let Opened { mut file, identity, name } = opened;
    file.rewind()?; // A file that is tried once more was read before.
    let mut bytes = Vec::new();
    (&mut file).take(format::SNIFF_LEN).read_to_end(&mut bytes)?;
    let format = match format::sniff(&bytes, name) {
        Sniffed::Picture(format) => format,
        Sniffed::Other => return Ok(None),
        Sniffed::Empty => return Err(Skip::Empty),
        Sniffed::Unsupported(what) => return Err(Skip::UnsupportedFormat(what)),
    };
    *seen_format = Some(format);
    if matches!(format, Format::Heif | Format::Avif) {
        tools.heif.require()?;
    }
    if identity.size > limits.max_file_bytes {
        let (size, cap) = (identity.size, limits.max_file_bytes);
        return Err(Skip::TooLarge(format!("{size} bytes, more than max_file_bytes = {cap}")));
    }
    bytes.reserve_exact(usize::try_from(identity.size).unwrap_or(0).saturating_sub(bytes.len()));
    // One byte more than expected is enough to see that it grows.
    let rest = (identity.size + 1).saturating_sub(bytes.len() as u64);
    (&mut file).take(rest).read_to_end(&mut bytes)?;
    let after = Identity::from(&file.metadata()?);
    if after != identity || bytes.len() as u64 != identity.size {
        return Err(Skip::ChangedWhileReading);
    }
    match format::refine(format, &bytes, name) {
        Sniffed::Picture(format) => Ok(Some(PictureFile { bytes, format })),
        Sniffed::Unsupported(what) => Err(Skip::UnsupportedFormat(what)),
        Sniffed::Empty | Sniffed::Other => Ok(None),
    }
}

fn open(path: &Path) -> Result<(File, Identity), Skip> {
    // A FIFO or a link put in the file's place since it was found must neither block nor mislead.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Skip::NotRegular);
    }
    Ok((file, Identity::from(&metadata)))
}

/// What a whole file says of how it is to be shown, as looking at it would find; `name` gives the
/// ending. The sidecar is not asked.
pub fn stored_orientation(bytes: &[u8], name: &Path) -> Orientation {
    let format = match format::sniff(bytes, name) {
        Sniffed::Picture(format) => format::refine(format, bytes, name),
        other => other,
    };
    match format {
        Sniffed::Picture(Format::Heif | Format::Avif) => {
            isobmff::primary(bytes).map_or(Orientation::UPRIGHT, |primary| primary.stored)
        }
        Sniffed::Picture(Format::Raw(_)) => {
            Orientation::from_stored(raw_rules::parse(bytes).and_then(|file| file.stored))
        }
        _ => exif_orientation(bytes),
    }
}

/// What the file's EXIF says; none counts as upright, as it does for viewers.
fn exif_orientation(bytes: &[u8]) -> Orientation {
    let value = read_exif(bytes).and_then(|exif| {
        let field = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?;
        field.value.get_uint(0)
    });
    Orientation::from_stored(value.and_then(|value| u16::try_from(value).ok()))
}

/// As much of a file's EXIF as can be read: viewers, too, obey the orientation of a block of which
/// another directory is damaged.
pub fn read_exif(bytes: &[u8]) -> Option<exif::Exif> {
    let mut reader = exif::Reader::new();
    let read = reader.continue_on_error(true).read_from_container(&mut Cursor::new(bytes));
    read.or_else(|err| err.distill_partial_result(|_| {})).ok()
}

/// EXIF's DateTimeOriginal (Exif 3.0, section 4.6.6). It names no time zone, and people mean that day by
/// whatever clock.
fn taken(bytes: &[u8]) -> Option<i64> {
    let exif = read_exif(bytes)?;
    let field = exif.get_field(exif::Tag::DateTimeOriginal, exif::In::PRIMARY)?;
    let exif::Value::Ascii(lines) = &field.value else { return None };
    let when = exif::DateTime::from_ascii(lines.first()?).ok()?;
    seconds(&when)
}

/// `None`: no camera writes such a date, or no calendar has it.
fn seconds(when: &exif::DateTime) -> Option<i64> {
    if !(1800..2300).contains(&when.year) || when.second > 60 {
        return None;
    }
    let year = i16::try_from(when.year).ok()?;
    let [month, day, hour, minute] =
        [when.month, when.day, when.hour, when.minute].map(|number| number.try_into().ok());
    let date = Date::new(year, month?, day?).ok()?;
    // Its seconds come later: EXIF has a second 60, for leap seconds, and a calendar none.
    let minute = Time::new(hour?, minute?, 0, 0).ok()?;
    let start = Offset::UTC.to_timestamp(date.to_datetime(minute)).ok()?;
    Some(start.as_second() + i64::from(when.second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn dates_become_seconds_as_calendars_count() {
        const DAY: i64 = 86_400;
        for (text, expected) in [
            ("1970:01:01 00:00:00", Some(0)),
            ("1969:12:31 23:59:59", Some(-1)),
            ("2000:02:29 00:00:00", Some(11_016 * DAY)),
            ("2000:03:01 00:00:00", Some(11_017 * DAY)),
            ("1900:03:01 00:00:00", Some(-25_508 * DAY)),
            ("2026:11:24 01:02:03", Some(20_781 * DAY + 3723)),
            ("2016:12:31 23:59:60", Some(17_167 * DAY)),
            ("2023:02:29 00:00:00", None),
            ("2023:13:01 00:00:00", None),
            ("2023:01:00 00:00:00", None),
            ("2023:01:01 24:00:00", None),
            ("2023:01:01 00:60:00", None),
            ("2023:01:01 00:00:61", None),
            ("0000:00:00 00:00:00", None),
            ("9999:12:31 00:00:00", None),
        ] {
            let when = exif::DateTime::from_ascii(text.as_bytes()).unwrap();
            assert_eq!(seconds(&when), expected, "{text}");
        }
    }
}
