//! What a file must not exceed to be looked at.

use serde::{Deserialize, Serialize};

/// What must not be exceeded, from the config.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub max_file_bytes: u64,
    pub max_pixels: u64,
}
