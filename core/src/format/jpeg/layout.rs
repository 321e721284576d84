//! The segments of a JPEG file (ITU T.81 annex B), found without decoding anything.

use std::ops::Range;

use crate::format::exif::EXIF_HEADER;

const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
const TEM: u8 = 0x01;
pub const APP0: u8 = 0xE0;
pub const APP1: u8 = 0xE1;
pub const APP2: u8 = 0xE2;
const APP11: u8 = 0xEB;

/// What an XMP APP1 segment begins with, and one that continues a packet too large for 64 KiB
/// (XMP part 3, section 1.1.3).
pub const XMP_START: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub const EXTENDED_XMP_START: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";

/// A marker segment. `payload` excludes the marker and the two length bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub marker: u8,
    pub payload: Range<usize>,
}

/// Where things are in a JPEG file. Offsets count from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The segments before the first scan, in file order.
    pub header: Vec<Segment>,
    /// Where the first scan's marker is; `None` if there is no scan.
    pub scan: Option<usize>,
    /// Does each marker of the header follow the segment before it at once, fill bytes aside?
    pub is_tidy: bool,
    /// The offset just past the end-of-image marker; `None` if the file stops without one.
    pub end: Option<usize>,
}

impl Layout {
    /// What follows `start` in the segments of the header that have this marker and begin so.
    pub fn starting_with<'a>(
        &'a self,
        bytes: &'a [u8],
        marker: u8,
        start: &'static [u8],
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let segments = self.header.iter().filter(move |segment| segment.marker == marker);
        let payloads = segments.map(|segment| &segment.payload);
        payloads
            .filter(move |payload| bytes[(*payload).clone()].starts_with(start))
            .map(move |payload| payload.start + start.len()..payload.end)
    }

    /// The EXIF blocks, each from the padding byte on that comes before its TIFF structure. Some writers
    /// leave that byte undefined (EXIF 2.32 section 4.7.2), so it is not looked at.
    pub fn exif<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.starting_with(bytes, APP1, &EXIF_HEADER[..5])
    }

    /// The XMP packets.
    pub fn xmp<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.starting_with(bytes, APP1, XMP_START)
    }

    /// The parts of extended XMP packets: GUID, length and offset first, 40 bytes in all.
    pub fn extended_xmp<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.starting_with(bytes, APP1, EXTENDED_XMP_START)
    }

    /// Is there a C2PA manifest: JUMBF boxes in APP11 segments (C2PA 2.1, section A.3.1)?
    pub fn is_signed(&self, bytes: &[u8]) -> bool {
        self.starting_with(bytes, APP11, b"JP").next().is_some()
    }

    /// Is there a multi-picture index (CIPA DC-007 section 5.2)?
    pub fn has_mpf(&self, bytes: &[u8]) -> bool {
        self.starting_with(bytes, APP2, b"MPF\0").next().is_some()
    }

    /// The segments from the first scan's header on, those of further scans among them.
    pub fn from_first_scan<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = Segment> + 'a {
        let mut at = self.scan;
        std::iter::from_fn(move || {
            let Behind::Segment(segment) = behind_scan(bytes, at?) else { return None };
            at = Some(segment.payload.end);
            Some(segment)
        })
    }

    /// The frame headers (T.81, table B.1); the markers between them are tables and an extension.
    pub fn frames(&self) -> impl Iterator<Item = &Segment> {
        self.header.iter().filter(|segment| {
            (0xC0..=0xCF).contains(&segment.marker) && !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC)
        })
    }
}

/// The bytes are not a JPEG file, or its header is cut short or garbled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    #[error("not a JPEG file")]
    NotJpeg,
    #[error("the JPEG header ends early, at byte {0}")]
    Truncated(usize),
}

/// Walks all markers from start to end of image.
///
/// # Errors
/// Returns an error if the header (everything before the first scan) cannot be walked. Garbage between
/// segments and between or after scans is stepped over, as decoders do.
pub fn layout(bytes: &[u8]) -> Result<Layout, JpegError> {
    let found = header(bytes)?;
    let end = found.end.or_else(|| end_of_image(bytes, found.scan?));
    Ok(Layout { end, ..found })
}

/// The same up to the first scan, in a moment: the end is not looked for.
///
/// # Errors
/// Returns an error if the header cannot be walked.
pub fn header(bytes: &[u8]) -> Result<Layout, JpegError> {
    if !bytes.starts_with(&[0xFF, SOI]) {
        return Err(JpegError::NotJpeg);
    }
    let mut found = Layout { header: Vec::new(), scan: None, is_tidy: true, end: None };
    let mut at = 2;
    loop {
        let (marker, after) = header_marker(bytes, at)?;
        found.is_tidy &= bytes[at..after - 1].iter().all(|byte| *byte == 0xFF);
        if marker == EOI {
            found.end = Some(after);
            return Ok(found);
        }
        if is_standalone(marker) {
            at = after;
            continue;
        }
        let payload = payload(bytes, after).ok_or(JpegError::Truncated(after))?;
        at = payload.end;
        if marker == SOS {
            found.scan = Some(after - 2);
            return Ok(found);
        }
        found.header.push(Segment { marker, payload });
    }
}

/// The next marker from `at` on, behind any garbage and fill bytes, and the offset after it.
fn header_marker(bytes: &[u8], at: usize) -> Result<(u8, usize), JpegError> {
    let truncated = JpegError::Truncated(at);
    let mut from = at;
    loop {
        let rest = bytes.get(from..).ok_or(truncated)?;
        from += rest.iter().position(|byte| *byte == 0xFF).ok_or(truncated)?;
        from += bytes[from..].iter().take_while(|byte| **byte == 0xFF).count();
        match bytes.get(from).ok_or(truncated)? {
            0 => from += 1,
            marker => return Ok((*marker, from + 1)),
        }
    }
}

fn is_standalone(marker: u8) -> bool {
    marker == TEM || (0xD0..=SOI).contains(&marker)
}

/// The payload of the segment whose length bytes are at `at`.
fn payload(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let range = at + 2..at + length;
    (length >= 2 && range.end <= bytes.len()).then_some(range)
}

/// Steps over entropy-coded data, restart markers and the segments between scans.
fn end_of_image(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match behind_scan(bytes, at) {
            Behind::End(end) => return Some(end),
            Behind::Nothing => return None,
            Behind::Segment(segment) => at = segment.payload.end,
        }
    }
}

/// What comes behind a piece of entropy-coded data.
enum Behind {
    Segment(Segment),
    /// The offset just past the end-of-image marker.
    End(usize),
    Nothing,
}

fn behind_scan(bytes: &[u8], mut at: usize) -> Behind {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(n_data) = rest.iter().position(|byte| *byte == 0xFF) else {
            return Behind::Nothing;
        };
        at += n_data;
        match bytes.get(at + 1) {
            None => return Behind::Nothing,
            Some(&EOI) => return Behind::End(at + 2),
            Some(0xFF) => at += 1,
            Some(0) => at += 2,
            Some(marker) if is_standalone(*marker) => at += 2,
            Some(&marker) => {
                let segment = payload(bytes, at + 2).map(|payload| Segment { marker, payload });
                return segment.map_or(Behind::Nothing, Behind::Segment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOI, APP1 "ab", SOS, entropy data with a stuffed byte and a restart, DHT, SOS, EOI, trailer.
    #[rustfmt::skip]
    const PHOTO: &[u8] = &[
        0xFF, 0xD8,
        0xFF, 0xFF, 0xE1, 0, 4, b'a', b'b',
        0xFF, 0xDA, 0, 2, 1, 0xFF, 0, 2, 0xFF, 0xD0, 3,
        0xFF, 0xC4, 0, 4, 0xFF, 0xD9,
        0xFF, 0xDA, 0, 2, 9,
        0xFF, 0xD9,
        b't', 0xFF, 0xD9,
    ];

    #[test]
    fn finds_segments_and_the_end() {
        let found = layout(PHOTO).expect("well formed");
        assert_eq!(found.header, [Segment { marker: APP1, payload: 7..9 }]);
        assert_eq!(found.end, Some(PHOTO.len() - 3));
        assert!(found.is_tidy);
        let markers = found.from_first_scan(PHOTO).map(|segment| segment.marker);
        assert_eq!(markers.collect::<Vec<_>>(), [SOS, 0xC4, SOS]);
    }

    #[test]
    fn every_truncation_is_an_error_or_has_no_end() {
        for n in 0..PHOTO.len() - 3 {
            if let Ok(found) = layout(&PHOTO[..n]) {
                assert_eq!(found.end, None, "cut at {n}");
            }
        }
    }

    #[test]
    fn garbage_between_segments_is_stepped_over() {
        for garbage in [&[0, 0][..], &[1, 0xFF, 0, 2], &[0xFF, 0, 0xFF, 0xFF, 0], &[7; 300]] {
            let dirty = [&PHOTO[..9], garbage, &PHOTO[9..]].concat();
            let found = layout(&dirty).expect("a scan comes");
            assert_eq!(found.header, [Segment { marker: APP1, payload: 7..9 }]);
            assert_eq!(found.scan, Some(9 + garbage.len()));
            assert_eq!(found.end, Some(dirty.len() - 3));
            assert!(!found.is_tidy);
        }
    }

    #[test]
    fn what_is_no_header_is_an_error() {
        assert_eq!(layout(b"GIF89a"), Err(JpegError::NotJpeg));
        assert_eq!(layout(&[0xFF, 0xD8, 7]), Err(JpegError::Truncated(2)));
        assert_eq!(layout(&[0xFF, 0xD8, 0xFF, 0]), Err(JpegError::Truncated(2)));
        assert_eq!(layout(&[0xFF, 0xD8, 0xFF, 0xE1, 0, 1, 0]), Err(JpegError::Truncated(4)));
    }
}
