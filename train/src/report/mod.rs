//! The HTML report of an evaluation, and its plots.

pub mod html;
pub mod plots;
