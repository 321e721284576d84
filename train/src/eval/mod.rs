//! How good a model is on photos that were held back, and how sure that is.

pub mod bootstrap;
pub mod engine;
pub mod measure;
pub mod resave;

pub use engine::Engine;
pub use measure::{Evaluation, Subject, evaluate};
