//! Pictures, and how they become the network's input.

pub mod colours;
pub mod content;
pub mod fingerprint;
pub mod preprocess;
pub mod rgb;
