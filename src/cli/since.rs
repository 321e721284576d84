//! A time in the past as a person names it.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::{Span, ToSpan, ZonedDateTime};

/// Unix seconds, from `2d`, `90m`, `2026-11-27`, `2026-11-27 14:30`, `today` or `yesterday`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(pub i64);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let now = ZonedDateTime::now();
        let time = moment(text.trim(), &now).ok_or_else(|| {
            "a time is wanted, such as 2d, 90m, 2026-11-27, \"2026-11-27 14:30\" or yesterday"
                .to_owned()
        })?;
        if time > now {
            return Err("this is in the future".to_owned());
        }
        Ok(Self(time.timestamp().as_second()))
    }
}

/// By the clock on the wall. `None` if it names no time.
fn moment(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    match text {
        "today" => return now.start_of_day().ok(),
        "yesterday" => return now.checked_sub(1.day()).ok()?.start_of_day().ok(),
        _ => {}
    }
    if let Ok(date) = text.parse::<DateTime>() {
        return date.to_zoned_datetime(now.time_zone().clone()).ok();
    }
    let span: Span = text.parse().ok()?;
    now.checked_sub(span.abs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn times_are_named_as_people_do() {
        let now: ZonedDateTime = "2026-03-29T12:00:00+02:00[Europe/Berlin]".parse().expect("a time");
        for (text, expected) in [
            ("2d",                Some("2026-03-27T12:00:00+01:00")),
            ("2 days",            Some("2026-03-27T12:00:00+01:00")),
            ("2 days ago",        Some("2026-03-27T12:00:00+01:00")),
            ("90m",               Some("2026-03-29T10:30:00+02:00")),
            ("1h30m",             Some("2026-03-29T10:30:00+02:00")),
            ("1w",                Some("2026-03-22T12:00:00+01:00")),
            ("2026-03-28",        Some("2026-03-28T00:00:00+01:00")),
            ("2026-03-28 14:30",  Some("2026-03-28T14:30:00+01:00")),
            ("today",             Some("2026-03-29T00:00:00+01:00")),
            ("yesterday",         Some("2026-03-28T00:00:00+01:00")),
            ("2",                 None),
            ("",                  None),
            ("soon",              None),
            ("2026-13-01",        None),
        ] {
            let expected = expected.map(|text| text.parse::<jiff::Timestamp>().expect("a time"));
            assert_eq!(moment(text, &now).map(|time| time.timestamp()), expected, "{text:?}");
        }
        assert!("9999-01-01".parse::<Since>().is_err(), "in the future");
    }
}
