//! Values that are one of a few words: they are known to the parser, so that a shell completes them.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::engine::{Device, Views};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::Turn;

pub(super) fn devices() -> impl TypedValueParser<Value = Device> {
    PossibleValuesParser::new(Device::names()).try_map(|word| word.parse::<Device>())
}

pub(super) fn views() -> impl TypedValueParser<Value = Views> {
    PossibleValuesParser::new(Views::WORDS).try_map(|word| word.parse::<Views>())
}

pub(super) fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::as_str)).try_map(|word| word.parse::<Mode>())
}

/// Degrees clockwise; counter-clockwise with a minus.
pub(super) fn turns() -> impl TypedValueParser<Value = Turn> {
    PossibleValuesParser::new(["0", "90", "180", "270", "-90", "-180", "-270"]).try_map(|word| {
        let degrees: i32 = word.parse().map_err(|_| "not a number of degrees")?;
        let clockwise = u16::try_from(degrees.rem_euclid(360)).map_err(|_| "not a quarter turn")?;
        Turn::from_degrees(clockwise).ok_or("not a quarter turn")
    })
}
