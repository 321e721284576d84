//! A time in the past as a person names it.

use std::str::FromStr;

/// Unix seconds, from `36h`, `7d`, `2w` or a day such as `2026-11-27`, which begins here at midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(pub i64);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let time = ago(text).or_else(|| begin_of_day(text));
        let example = || "a time is wanted, such as 36h, 7d, 2w or 2026-11-27".to_owned();
        time.map(Self).ok_or_else(example)
    }
}

/// A number and a unit.
fn ago(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(crate::store::now().saturating_sub(i64::from(number).saturating_mul(seconds)))
}

/// Year, month and day; `None` if there is no such day.
fn begin_of_day(text: &str) -> Option<i64> {
    let parts: Vec<i32> = text.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day] = parts[..] else { return None };
    // SAFETY: `tm` is plain numbers and a pointer that may be null.
    let mut calendar: libc::tm = unsafe { std::mem::zeroed() };
    calendar.tm_year = year.checked_sub(1900)?;
    calendar.tm_mon = month.checked_sub(1)?;
    calendar.tm_mday = day;
    calendar.tm_isdst = -1;
    // SAFETY: mktime reads and normalises the one structure that it is given.
    let time = unsafe { libc::mktime(&raw mut calendar) };
    // A 31st of November becomes the 1st of December.
    let is_as_named = (calendar.tm_mon + 1, calendar.tm_mday) == (month, day);
    (is_as_named && time != -1).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_named_as_people_do() {
        let is_time = |text: &str| text.parse::<Since>().is_ok();
        for text in ["36h", "7d", "2w", "90m", "2026-11-27", "2024-02-29", " 1d "] {
            assert!(is_time(text), "{text:?}");
        }
        for text in
            ["", "soon", "2", "-1d", "2026-11-31", "2026-13-01", "2026-11", "d", "1.5d", "5é"]
        {
            assert!(!is_time(text), "{text:?}");
        }
        let day = |text: &str| text.parse::<Since>().map(|since| since.0);
        let a_day = day("2026-11-28").unwrap_or_default() - day("2026-11-27").unwrap_or_default();
        assert!((82_800..=90_000).contains(&a_day), "{a_day}");
    }
}
