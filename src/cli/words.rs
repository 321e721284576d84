//! Values that are one of a few words: they are known to the parser, so that a shell completes them.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::engine::{Device, Views};
use orientd_core::edit::mode::Mode;

pub(super) fn devices() -> impl TypedValueParser<Value = Device> {
    PossibleValuesParser::new(Device::names()).try_map(|word| word.parse::<Device>())
}

pub(super) fn views() -> impl TypedValueParser<Value = Views> {
    PossibleValuesParser::new(Views::WORDS).try_map(|word| word.parse::<Views>())
}

pub(super) fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::as_str)).try_map(|word| word.parse::<Mode>())
}
