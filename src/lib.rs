//! orientd finds photos stored sideways or upside down and turns them without touching a pixel.

pub mod rules;
