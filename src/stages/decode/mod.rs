//! From a path to a picture of the network's size, as a viewer would show it, or the reason why not.

mod format;
mod jpeg;
mod memory;
mod raster;

use std::fs::File;
use std::io::{Cursor, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub use format::{Format, promises_photo};
pub use memory::Budget;

use self::format::Sniffed;
use crate::error::Skip;
use crate::identity::Identity;
use crate::rules::orientation::Orientation;
use crate::rules::pixels::Rgb8;
use crate::rules::tensor::resize;
use crate::stages::sidecar;
use crate::store::Hash;

/// A file to look at.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub path: PathBuf,
    pub identity: Identity,
}

/// What must not be exceeded, from the config.
#[derive(Clone, Copy, Debug)]
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
    pub picture: Rgb8,
}

pub enum Looked {
    Photo(Box<Photo>),
    Skipped { format: Option<Format>, skip: Skip },
    NotAPhoto,
}

/// A decoder's result: the picture at a reduced scale and the size it is stored with.
struct Decoded {
    picture: Rgb8,
    width: u32,
    height: u32,
}

/// Reads and decodes one file to `side`×`side` pixels. Never fails, never panics.
pub fn look(candidate: &Candidate, limits: &Limits, budget: &Budget, side: usize) -> Looked {
    let mut format = None;
    // A decoder's panic costs one photo. Nothing it could have left half done is used again.
    let result =
        catch_unwind(AssertUnwindSafe(|| try_look(candidate, limits, budget, side, &mut format)));
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
    candidate: &Candidate,
    limits: &Limits,
    budget: &Budget,
    side: usize,
    seen_format: &mut Option<Format>,
) -> Result<Option<Photo>, Skip> {
    let Some(file) = read(candidate, limits)? else { return Ok(None) };
    *seen_format = Some(file.format);
    let decoded = match file.format {
        Format::Jpeg => jpeg::decode(&file.bytes, limits, budget, side)?,
        other => raster::decode(&file.bytes, other, limits, budget)?,
    };
    let beside = sidecar::orientation(&candidate.path);
    let stored = beside.unwrap_or_else(|| stored_orientation(&file.bytes));
    let failed = |_| Skip::Corrupt("the picture has no pixels".into());
    let picture = resize(&decoded.picture, side, side).map_err(failed)?.oriented(stored);
    Ok(Some(Photo {
        identity: file.identity,
        hash: *blake3::hash(&file.bytes).as_bytes(),
        format: file.format,
        width: decoded.width,
        height: decoded.height,
        stored,
        picture,
    }))
}

/// A picture file read whole, unchanged since it was found.
struct PictureFile {
    bytes: Vec<u8>,
    identity: Identity,
    format: Format,
}

/// `Ok(None)` where the content is not a picture and the name does not claim one.
fn read(candidate: &Candidate, limits: &Limits) -> Result<Option<PictureFile>, Skip> {
    let (mut file, identity) = open(&candidate.path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(format::SNIFF_LEN).read_to_end(&mut bytes)?;
    let format = match format::sniff(&bytes, &candidate.path) {
        Sniffed::Picture(format) => format,
        Sniffed::Other => return Ok(None),
        Sniffed::Empty => return Err(Skip::Empty),
        Sniffed::Unsupported(what) => return Err(Skip::UnsupportedFormat(what)),
    };
    if identity.size > limits.max_file_bytes {
        let (size, cap) = (identity.size, limits.max_file_bytes);
        return Err(Skip::TooLarge(format!("{size} bytes, more than max_file_bytes = {cap}")));
    }
    bytes.reserve_exact(usize::try_from(identity.size).unwrap_or(0).saturating_sub(bytes.len()));
    // One byte more than expected is enough to see that it grows.
    let rest = (identity.size + 1).saturating_sub(bytes.len() as u64);
    file.by_ref().take(rest).read_to_end(&mut bytes)?;
    let after = Identity::from(&file.metadata()?);
    if after != identity || bytes.len() as u64 != identity.size {
        return Err(Skip::ChangedWhileReading);
    }
    Ok(Some(PictureFile { bytes, identity, format }))
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

/// What the file's EXIF says; unreadable EXIF counts as none, as it does for viewers.
pub fn stored_orientation(bytes: &[u8]) -> Orientation {
    let read = exif::Reader::new().read_from_container(&mut Cursor::new(bytes));
    let value = read.ok().and_then(|exif| {
        let field = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?;
        field.value.get_uint(0)
    });
    Orientation::from_stored(value.and_then(|value| u16::try_from(value).ok()))
}
