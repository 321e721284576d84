//! The EXIF block in step with turned pixels: overwritten in place, so that nothing in it moves.

use std::ops::Range;

use crate::edit::exif_edit::overwritten;
use crate::edit::refusal::Refusal;
use crate::format::exif;
use crate::format::tiff::{Directory, Field, LONG, SHORT, Tiff};
use crate::orientation::Orientation;

const IMAGE_SIZE: (u16, u16) = (0x0100, 0x0101);
const RESOLUTION: (u16, u16) = (0x011A, 0x011B);
const FOCAL_PLANE_RESOLUTION: (u16, u16) = (0xA20E, 0xA20F);
const THUMBNAIL: (u16, u16) = (0x0201, 0x0202);
const ORIENTATION: u16 = 0x0112;
const STRIP_OFFSETS: u16 = 0x0111;
const SUB_DIRECTORIES: u16 = 0x014A;
const EXIF_DIRECTORY: u16 = 0x8769;
const PIXEL_DIMENSION: (u16, u16) = (0xA002, 0xA003);
/// SubjectArea and SubjectLocation are in pixels.
const SUBJECT: [u16; 2] = [0x9214, 0xA214];

/// Overwrites within an EXIF block, none of which moves anything.
struct Rewrite<'a> {
    block: Tiff<'a>,
    new: Vec<u8>,
}

impl Rewrite<'_> {
    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let end = at.checked_add(bytes.len()).ok_or(Refusal::ExifNotInStep)?;
        let place = self.new.get_mut(at..end).ok_or(Refusal::ExifNotInStep)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn set(&mut self, field: Option<&Field>, value: u32) -> Result<(), Refusal> {
        let Some(field) = field else { return Ok(()) };
        match (field.kind, field.count, u16::try_from(value)) {
            (SHORT, 1, Ok(value)) => self.put(field.at, &self.block.short(value)),
            (LONG, 1, _) => self.put(field.at, &self.block.long(value)),
            _ => Err(Refusal::ExifNotInStep),
        }
    }

    fn set_sizes(
        &mut self,
        dir: &Directory,
        tags: (u16, u16),
        size: (u32, u32),
    ) -> Result<(), Refusal> {
        self.set(dir.field(tags.0), size.0)?;
        self.set(dir.field(tags.1), size.1)
    }

    /// Values of both directions, where they are there, must be the same.
    fn must_be_equal(&self, directory: &Directory, tags: (u16, u16)) -> Result<(), Refusal> {
        if self.value(directory, tags.0) == self.value(directory, tags.1) {
            Ok(())
        } else {
            Err(Refusal::Belongs("a resolution that differs by direction"))
        }
    }

    fn value(&self, directory: &Directory, tag: u16) -> Option<&[u8]> {
        let (_, bytes) = self.block.value(directory.field(tag)?)?;
        Some(bytes)
    }
}

/// What became of the pixels that the block describes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turned {
    /// What the block says so far.
    pub from: Orientation,
    /// What was done to the pixels.
    pub apply: Orientation,
    /// Their new width and height.
    pub size: (u32, u32),
}

/// The block for turned pixels, as long as the old one.
///
/// # Errors
/// Returns an error if it states something that cannot be brought in step by overwriting.
pub(super) fn in_step(
    bytes: &[u8],
    turned: &Turned,
    turn_thumbnail: &impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, Refusal> {
    let block = Tiff::new(bytes).ok_or(Refusal::malformed_exif(0))?;
    let at = block.first().ok_or(Refusal::malformed_exif(4))?;
    let (first, next) = block.directory(at).ok_or(Refusal::malformed_exif(at))?;
    let mut rewrite = Rewrite { block, new: bytes.to_vec() };
    if let Some(field) = exif::find_orientation(bytes).map_err(Refusal::Exif)? {
        for edit in overwritten(bytes, &field, Orientation::UPRIGHT)? {
            rewrite.put(edit.offset, &edit.new)?;
        }
    }
    let swaps = turned.apply.swaps_sides();
    rewrite.set_sizes(&first, IMAGE_SIZE, turned.size)?;
    if swaps {
        rewrite.must_be_equal(&first, RESOLUTION)?;
    }
    if let Some(at) = block.number_in(&first, EXIF_DIRECTORY) {
        let (details, _) = block.directory(at).ok_or(Refusal::ExifNotInStep)?;
        if SUBJECT.iter().any(|tag| details.field(*tag).is_some()) {
            return Err(Refusal::Belongs("the place of its subject in pixels"));
        }
        rewrite.set_sizes(&details, PIXEL_DIMENSION, turned.size)?;
        if swaps {
            rewrite.must_be_equal(&details, FOCAL_PLANE_RESOLUTION)?;
        }
    }
    let mut thumbnail = 0..0;
    if let Some(at) = next.filter(|at| *at != 0) {
        let (directory, next) = block.directory(at).ok_or(Refusal::ExifNotInStep)?;
        thumbnail = thumbnail_of(block, &directory).unwrap_or(thumbnail);
        let further = next.and_then(|at| block.directory(at));
        if further.is_some_and(|(further, _)| holds_picture(&further)) {
            return Err(Refusal::Belongs("a further picture in its EXIF"));
        }
        thumbnail_in_step(&mut rewrite, &first, &directory, turned, turn_thumbnail)?;
    }
    if holds_picture(&first) || first.field(SUB_DIRECTORIES).is_some() {
        return Err(Refusal::Belongs("a further picture in its EXIF"));
    }
    if previews(bytes).any(|at| !thumbnail.contains(&at)) {
        return Err(Refusal::Belongs("a preview in its EXIF, such as in a maker note"));
    }
    Ok(rewrite.new)
}

/// Does a directory name a picture of its own? The first of a JPEG describes the JPEG itself.
fn holds_picture(directory: &Directory) -> bool {
    [THUMBNAIL.0, STRIP_OFFSETS].iter().any(|tag| directory.field(*tag).is_some())
}

/// Where the thumbnail is to be, be it there or not.
fn thumbnail_of(block: Tiff<'_>, directory: &Directory) -> Option<Range<usize>> {
    let start = usize::try_from(block.number_in(directory, THUMBNAIL.0)?).ok()?;
    let len = usize::try_from(block.number_in(directory, THUMBNAIL.1)?).ok()?;
    Some(start..start.checked_add(len)?)
}

/// Where JPEG files seem to begin: maker notes hold previews in places that each maker names in another way. Minolta's
/// lack the first byte, so the second counts: it is followed by two segments.
fn previews(block: &[u8]) -> impl Iterator<Item = usize> {
    (1..block.len()).filter(|at| {
        let Some(&[0xD8, 0xFF, 0xC0..=0xFE, high, low]) = block.get(*at..*at + 5) else {
            return false;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // Behind the end of the block the preview goes on elsewhere.
        length >= 2 && block.get(*at + 3 + length).is_none_or(|next| *next == 0xFF)
    })
}

/// Turns the thumbnail in its place, or unlinks its directory where it cannot be turned or does not
/// fit: a program makes a new one, but would show a wrong one.
fn thumbnail_in_step(
    rewrite: &mut Rewrite<'_>,
    first: &Directory,
    directory: &Directory,
    photo: &Turned,
    turn_thumbnail: &impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), Refusal> {
    let block = rewrite.block;
    let place = thumbnail_of(block, directory).and_then(|range| {
        let start = range.start;
        block.bytes().get(range).map(|old| (start, old))
    });
    let own = directory.field(ORIENTATION);
    let stated = |own: &Field| u16::try_from(block.number(own)?).ok();
    let agrees = own.is_none_or(|own| Orientation::from_stored(stated(own)) == photo.from);
    let turned = place.filter(|_| agrees).and_then(|(at, old)| {
        let new = turn_thumbnail(old).filter(|new| new.len() <= old.len())?;
        Some((at, old.len(), new))
    });
    let Some((at, old_len, mut new)) = turned else {
        return rewrite.put(first.next_at, &[0; 4]);
    };
    let len = u32::try_from(new.len()).map_err(|_| Refusal::ExifNotInStep)?;
    new.resize(old_len, 0);
    rewrite.put(at, &new)?;
    rewrite.set(directory.field(THUMBNAIL.1), len)?;
    rewrite.set(own, Orientation::UPRIGHT.to_exif().into())?;
    if photo.apply.swaps_sides() {
        let width = block.number_in(directory, IMAGE_SIZE.0);
        let height = block.number_in(directory, IMAGE_SIZE.1);
        if let Some((width, height)) = width.zip(height) {
            rewrite.set_sizes(directory, IMAGE_SIZE, (height, width))?;
        }
    }
    Ok(())
}
