//! Pictures for a person to look at: a canvas, and what is drawn on it.

pub mod canvas;
pub mod confusion;
pub mod contact_sheet;
