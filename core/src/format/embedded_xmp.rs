//! What a packet of XMP in a photo states, read from its bytes.

use std::borrow::Cow;
use std::ops::Range;

use crate::format::xmp::{self, Binding, Name, Packet, XmpLimit};
use crate::orientation::Orientation;

/// What a packet says of the orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmpOrientation {
    Absent,
    /// One digit at this offset of the packet.
    Digit {
        at: usize,
    },
    /// It says something that cannot be changed by overwriting one digit.
    Unclear,
}

/// A packet states, or may state, something more than once or in an unusual way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear;

/// What the first of the packets that states an orientation says; `None` where none does so clearly.
pub fn stated_orientation<'a>(packets: impl Iterator<Item = &'a [u8]>) -> Option<Orientation> {
    packets.into_iter().find_map(|packet| {
        let read = read(packet).ok().flatten()?;
        let XmpOrientation::Digit { at } = orientation(packet, &read) else { return None };
        let digit = packet.get(at)?.checked_sub(b'0')?;
        Some(Orientation::from_stored(Some(digit.into())))
    })
}

/// Reads a packet; `None`: not in UTF-8, so nothing can be said of it.
///
/// # Errors
/// Returns an error if it goes beyond the limits of reading.
pub fn read(packet: &[u8]) -> Result<Option<Packet>, XmpLimit> {
    if is_utf16(packet) {
        return Ok(None);
    }
    Ok(Some(xmp::read(&text_of(packet))?))
}

fn is_utf16(packet: &[u8]) -> bool {
    let head = &packet[..packet.len().min(64)];
    head.iter().filter(|byte| **byte == 0).count() > head.len() / 4
}

/// The packet as text in which everything stays where it is: bytes that are not UTF-8, as in captions
/// of old programs, become question marks, one each.
fn text_of(packet: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(packet) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(packet.len());
    for chunk in packet.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// What it says of the orientation.
pub fn orientation(packet: &[u8], read: &Packet) -> XmpOrientation {
    let Ok(value) = stated(packet, read, Name::Orientation) else {
        return XmpOrientation::Unclear;
    };
    let Some(value) = value else { return XmpOrientation::Absent };
    match packet[value.clone()] {
        [digit] if digit.is_ascii_digit() => XmpOrientation::Digit { at: value.start },
        _ => XmpOrientation::Unclear,
    }
}

/// Where the value of a property stands.
///
/// # Errors
/// Returns an error if the packet states it, or may state it, more than once or in an unusual way.
pub fn stated(packet: &[u8], read: &Packet, name: Name) -> Result<Option<Range<usize>>, Unclear> {
    if read.unread.iter().any(|part| mentions(&packet[part.clone()], name)) {
        return Err(Unclear);
    }
    let mut found = read.properties.iter().filter(|property| property.name == name);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        // Programs that look for the usual prefix read another property than those that resolve it.
        (Some(one), None) if matches!(one.binding, Binding::Usual | Binding::Undeclared) => {
            one.value.clone().ok_or(Unclear).map(Some)
        }
        _ => Err(Unclear),
    }
}

/// Is there anything that could be the name of the property, with whatever prefix?
pub fn mentions(part: &[u8], name: Name) -> bool {
    let local = name.local().as_bytes();
    part.windows(local.len() + 1).any(|window| window[0] == b':' && &window[1..] == local)
}
