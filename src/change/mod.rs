//! Everything that may write a photo: plans, the journal, the writer, what is kept for undo. Only the
//! journal calls the writer, so nothing is ever written that is not in the journal first.

pub mod answer;
mod attributes;
mod checks;
mod content;
mod file_change;
pub mod journal;
mod lossless;
mod lost;
pub mod originals;
pub mod plan;
pub mod prepare;
pub mod recovery;

mod write;
pub mod write_lock;

pub use lost::{check_in_force, lost_turn};
