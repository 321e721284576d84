//! orientd finds photos stored sideways or upside down and turns them without touching a pixel.

pub mod engine;
pub mod error;
pub mod identity;
pub mod rules;
pub mod stages;
pub mod store;
