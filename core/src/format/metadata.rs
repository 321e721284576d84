//! What a whole file says of itself: how it is to be shown and when it was taken.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use crate::format::chunks::{Chunk, of_kind};
use crate::format::embedded_xmp;
use crate::format::exif::{stated_orientation, tiff_start};
use crate::format::isobmff;
use crate::format::jpeg;
use crate::format::jxl;
use crate::format::png;
use crate::format::png_text::{Content, embedded};
use crate::format::raw;
use crate::format::sniff::{Format, Sniffed, refine, sniff};
use crate::format::webp;
use crate::orientation::Orientation;

/// Text chunks with EXIF or XMP that are looked at; programs write one of each.
const MAX_TEXTS: usize = 8;

/// What a whole file says of how it is to be shown, as looking at it would find; `name` gives the
/// ending. The sidecar is not asked.
pub fn stored_orientation(bytes: &[u8], name: &Path) -> Orientation {
    let format = match sniff(bytes, name) {
        Sniffed::Picture(format) => refine(format, bytes, name),
        other => other,
    };
    match format {
        Sniffed::Picture(Format::Heif | Format::Avif) => {
            isobmff::primary(bytes).map_or(Orientation::UPRIGHT, |primary| primary.stored)
        }
        Sniffed::Picture(Format::Jp2) => Orientation::UPRIGHT,
        Sniffed::Picture(Format::Jxl) => {
            jxl::header(bytes).map_or(Orientation::UPRIGHT, |header| header.orientation)
        }
        Sniffed::Picture(Format::Raw(_)) => {
            Orientation::from_stored(raw::parse(bytes).and_then(|file| file.stored))
        }
        _ => embedded_orientation(bytes),
    }
}

/// What the metadata in a JPEG, PNG, WebP or TIFF file says; none counts as upright, as it does for viewers.
/// EXIF comes first. In PNG and WebP, XMP speaks where no EXIF states an orientation, as exiftool and
/// Pillow have it; in JPEG and TIFF viewers obey EXIF only.
pub fn embedded_orientation(bytes: &[u8]) -> Orientation {
    let embedded = Embedded::of(bytes);
    let mut blocks = embedded.exif.iter();
    let by_exif = blocks.find_map(|block| stated_orientation(block));
    let by_xmp = || embedded_xmp::stated_orientation(embedded.xmp.iter().map(|packet| &**packet));
    by_exif.or_else(by_xmp).unwrap_or(Orientation::UPRIGHT)
}

/// The metadata of a file that may state its orientation, what is obeyed first coming first.
#[derive(Default)]
struct Embedded<'a> {
    /// TIFF structures.
    exif: Vec<Cow<'a, [u8]>>,
    /// Packets, where they are obeyed.
    xmp: Vec<Cow<'a, [u8]>>,
}

impl<'a> Embedded<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        if let Ok(layout) = jpeg::header(bytes) {
            let first =
                layout.exif(bytes).next().and_then(|block| bytes.get(block.start + 1..block.end));
            return Self { exif: first.map(Cow::Borrowed).into_iter().collect(), xmp: Vec::new() };
        }
        if let Some(layout) = png::layout(bytes) {
            return Self::of_png(bytes, &layout.chunks);
        }
        if let Some(chunks) = webp::chunks(bytes) {
            let chunks: Vec<Chunk> = chunks.collect();
            let data = |chunk: &Chunk| bytes.get(chunk.data.clone());
            let packets = of_kind(&chunks, b"XMP ").filter_map(data).map(Cow::Borrowed);
            return Self { exif: blocks(bytes, &chunks, b"EXIF"), xmp: packets.collect() };
        }
        Self { exif: vec![Cow::Borrowed(bytes)], xmp: Vec::new() }
    }

    fn of_png(bytes: &'a [u8], chunks: &[Chunk]) -> Self {
        let mut found = Self { exif: blocks(bytes, chunks, b"eXIf"), xmp: Vec::new() };
        let texts = chunks.iter().filter_map(|chunk| {
            embedded(chunk.kind, bytes.get(chunk.data.clone())?).ok().flatten()
        });
        for text in texts.take(MAX_TEXTS) {
            let data = Cow::Owned(text.data);
            match text.content {
                Content::Exif => found.exif.push(data),
                Content::Xmp => found.xmp.push(data),
            }
        }
        found
    }
}

/// The TIFF structures in the chunks of this kind.
fn blocks<'a>(bytes: &'a [u8], chunks: &[Chunk], kind: &'a [u8; 4]) -> Vec<Cow<'a, [u8]>> {
    let data = of_kind(chunks, kind).filter_map(|chunk| bytes.get(chunk.data.clone()));
    data.map(|data| Cow::Borrowed(&data[tiff_start(data)..])).collect()
}

/// As much of a file's EXIF as can be read: viewers, too, use what they can of a damaged block.
fn read_exif(bytes: &[u8]) -> Option<exif::Exif> {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let embedded = Embedded::of(bytes);
    let read = match embedded.exif.into_iter().next() {
        // What is no JPEG, PNG or WebP file: TIFF, or HEIF.
        Some(block) if block.len() == bytes.len() => {
            reader.read_from_container(&mut Cursor::new(bytes))
        }
        Some(block) => reader.read_raw(block.into_owned()),
        None => return None,
    };
    read.or_else(|err| err.distill_partial_result(|_| {})).ok()
}

/// When a photo was taken, by its camera's clock: seconds as if that clock showed UTC.
///
/// EXIF's DateTimeOriginal (Exif 3.0, section 4.6.6). It names no time zone, and people mean that day by
/// whatever clock.
pub fn taken(bytes: &[u8]) -> Option<i64> {
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
