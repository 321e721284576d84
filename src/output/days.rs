//! Days in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// As in "27 November 2026".
const DAY: &str = "%-d %B %Y";

/// Today, where this program runs.
pub(crate) fn today() -> String {
    Timestamp::now().to_zoned_datetime(TimeZone::system()).strftime(DAY).to_string()
}

/// The day of a camera's clock: seconds as if that clock showed UTC. `None`: no calendar has it.
pub(crate) fn taken(seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?;
    Some(time.to_zoned_datetime(TimeZone::UTC).strftime(DAY).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_cameras() {
        assert_eq!(taken(1_057_361_400).as_deref(), Some("4 July 2003"));
        assert_eq!(taken(i64::MAX), None);
    }
}
