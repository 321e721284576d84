//! What a whole file says of itself: how it is to be shown and when it was taken.

use std::io::Cursor;
use std::path::Path;

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
    let is_date = (1800..2300).contains(&when.year)
        && (1..=12).contains(&when.month)
        && (1..=31).contains(&when.day)
        && when.hour < 24
        && when.minute < 60
        && when.second <= 60;
    is_date.then(|| {
        let days = days_from_civil(when.year.into(), when.month.into(), when.day.into());
        let [hour, minute, second] = [when.hour, when.minute, when.second].map(i64::from);
        ((days * 24 + hour) * 60 + minute) * 60 + second
    })
}

/// Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms"): years that begin in March put the leap day last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_calendars_do() {
        for (date, days) in [
            ((1970, 1, 1), 0),
            ((1969, 12, 31), -1),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((1900, 3, 1), -25_508),
            ((2026, 11, 24), 20_781),
        ] {
            assert_eq!(days_from_civil(date.0, date.1, date.2), days, "{date:?}");
        }
    }
}
