//! What a whole file says of itself: how it is to be shown and when it was taken.

use std::io::Cursor;
use std::path::Path;

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use crate::format::isobmff;
use crate::format::raw;
use crate::format::sniff::{Format, Sniffed, refine, sniff};
use crate::orientation::Orientation;

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
        Sniffed::Picture(Format::Raw(_)) => {
            Orientation::from_stored(raw::parse(bytes).and_then(|file| file.stored))
        }
        _ => exif_orientation(bytes),
    }
}

/// What the file's EXIF says; none counts as upright, as it does for viewers.
pub fn exif_orientation(bytes: &[u8]) -> Orientation {
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
