//! Which protections are in force in a decoding process.

use serde::{Deserialize, Serialize};

/// Protections in force in a decoding process, besides its resource limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Only the system calls that decoding needs.
    pub seccomp: bool,
    /// No access to the file system.
    pub landlock: bool,
}
