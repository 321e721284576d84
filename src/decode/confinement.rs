//! What holds a decoding process.

use serde::{Deserialize, Serialize};

/// What holds a decoding process besides its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// No system calls but those that decoding takes.
    pub seccomp: bool,
    /// No file system.
    pub landlock: bool,
}
