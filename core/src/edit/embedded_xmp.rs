//! XMP in a photo kept in step with a turn: some programs prefer its `tiff:Orientation` to EXIF's, so
//! the two must agree. What cannot be changed by overwriting its digits is refused.

use std::ops::Range;

use crate::edit::patch::Edit;
use crate::edit::refusal::Refusal;
use crate::format::embedded_xmp::{XmpOrientation, mentions, orientation, read, stated};
use crate::format::jpeg::Layout;
use crate::format::xmp::{Name, Packet};
use crate::orientation::Orientation;

/// GUID, length of the whole and offset of the part (XMP part 3, section 1.1.3.1).
const GUID_LEN: usize = 32;
const EXTENDED_HEADER_LEN: usize = GUID_LEN + 8;

const SIZES: [Name; 4] =
    [Name::ImageWidth, Name::ImageLength, Name::PixelXDimension, Name::PixelYDimension];

/// The edits that make the packets of a file, which lie at `packets`, state the orientation `to` and,
/// where it is given, the width and height `size`: those that state either. Offsets are the file's.
///
/// # Errors
/// Returns an error if a packet states one of them in a way that cannot be changed in place, if two
/// packets state the orientation, or if one goes beyond the limits of reading.
pub fn kept_in_step(
    bytes: &[u8],
    packets: &[Range<usize>],
    to: Orientation,
    size: Option<(u32, u32)>,
) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    let mut is_stated = false;
    for range in packets {
        let packet = &bytes[range.clone()];
        let Some(read) = read(packet)? else { return Err(Refusal::Xmp) };
        let mut of_packet = Vec::new();
        match orientation(packet, &read) {
            XmpOrientation::Absent => {}
            XmpOrientation::Digit { at } if !is_stated => {
                is_stated = true;
                of_packet.extend(edit(packet, at..at + 1, to.to_exif().to_string()));
            }
            _ => return Err(Refusal::Xmp),
        }
        if let Some(size) = size {
            of_packet.extend(sizes_in_step(packet, &read, size)?);
        }
        let in_file = |edit: Edit| Edit { offset: edit.offset + range.start, ..edit };
        edits.extend(of_packet.into_iter().map(in_file));
    }
    edits.sort_by_key(|edit| edit.offset);
    Ok(edits)
}

/// The same for all XMP of a JPEG; what continues in further segments must state none of it.
///
/// # Errors
/// As [`kept_in_step`].
pub fn in_jpeg(
    bytes: &[u8],
    layout: &Layout,
    to: Orientation,
    size: Option<(u32, u32)>,
) -> Result<Vec<Edit>, Refusal> {
    extended_is_silent(&extended(bytes, layout), size.is_some())?;
    let packets: Vec<Range<usize>> = layout.xmp(bytes).collect();
    kept_in_step(bytes, &packets, to, size)
}

/// The orientation that a packet states; `None`: none, or none of the eight.
///
/// # Errors
/// Returns an error if it is stated in a way that cannot be changed in place, or the packet goes beyond the
/// limits of reading.
pub fn stated_orientation(packet: &[u8]) -> Result<Option<Orientation>, Refusal> {
    let Some(read) = read(packet)? else { return Err(Refusal::Xmp) };
    match orientation(packet, &read) {
        XmpOrientation::Absent => Ok(None),
        XmpOrientation::Digit { at } => {
            Ok(Orientation::from_exif(u16::from(packet[at].wrapping_sub(b'0'))))
        }
        XmpOrientation::Unclear => Err(Refusal::Xmp),
    }
}

fn edit(packet: &[u8], place: Range<usize>, new: String) -> Option<Edit> {
    let edit = Edit { offset: place.start, old: packet[place].to_vec(), new: new.into_bytes() };
    (edit.old != edit.new).then_some(edit)
}

fn sizes_in_step(packet: &[u8], read: &Packet, size: (u32, u32)) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    for name in SIZES {
        let Some(value) = stated(packet, read, name).map_err(|_| Refusal::Xmp)? else { continue };
        let digits = &packet[value.clone()];
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::Xmp);
        }
        let is_width = matches!(name, Name::ImageWidth | Name::PixelXDimension);
        let new = if is_width { size.0 } else { size.1 };
        edits.extend(edit(packet, value, new.to_string()));
    }
    Ok(edits)
}

/// The XMP of a JPEG that continues in further segments, put together.
pub(super) fn extended(bytes: &[u8], layout: &Layout) -> Vec<u8> {
    joined(layout.extended_xmp(bytes).map(|part| &bytes[part]))
}

/// The parts by GUID and offset, without their headers.
fn joined<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut parts: Vec<(&[u8], &[u8], &[u8])> = parts
        .map(|part| {
            let header = &part[..part.len().min(EXTENDED_HEADER_LEN)];
            let guid = &header[..header.len().min(GUID_LEN)];
            let offset = header.get(GUID_LEN + 4..).unwrap_or_default();
            (guid, offset, &part[header.len()..])
        })
        .collect();
    // Offsets are of four bytes, the high ones first, so they sort as bytes.
    parts.sort_by_key(|(guid, offset, _)| (*guid, *offset));
    parts.into_iter().flat_map(|(_, _, data)| data).copied().collect()
}

/// The standard packet names its continuation by its MD5 sum, so nothing in it can be changed.
fn extended_is_silent(extended: &[u8], sizes_too: bool) -> Result<(), Refusal> {
    let Some(read) = read(extended)? else { return Err(Refusal::Xmp) };
    let sizes: &[Name] = if sizes_too { &SIZES } else { &[] };
    let mut names = sizes.iter().copied().chain([Name::Orientation]);
    let is_stated = |name| read.properties.iter().any(|property| property.name == name);
    let mentioned = |name| read.unread.iter().any(|part| mentions(&extended[part.clone()], name));
    if names.any(|name| is_stated(name) || mentioned(name)) { Err(Refusal::Xmp) } else { Ok(()) }
}

#[cfg(test)]
#[path = "embedded_xmp_tests.rs"]
mod tests;
