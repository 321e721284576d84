//! How good a model is on photos that were held back, and how sure that is.

pub mod bootstrap;
pub mod engine;
pub mod measure;
pub mod metrics;
pub mod resave;

pub use engine::Engine;
pub use measure::{Evaluation, Settings, Subject, evaluate};
