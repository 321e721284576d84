//! From photos to batches: `prepare` fills a cache of upright, shrunk photos; `split` parts it;
//! `plan` decides the order; `loader` turns, augments and stacks.

pub mod cache;
pub mod fingerprint;
mod joined;
pub mod library;
pub mod loader;
pub mod photo;
pub mod plan;
pub mod prepare;
pub mod sources;
pub mod split;

pub use cache::{Cache, Origin, Record};
pub use photo::open_photo;
