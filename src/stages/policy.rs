//! What is done about a photo that is to be turned, and below which folder.

use std::path::{Path, PathBuf};

use crate::rules::mode::Mode;

/// What is done about the verdict `fix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixing {
    Off,
    /// Check and plan as if to fix, write nothing.
    Plan,
    Apply,
}

/// What is done below one folder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    pub fixing: Fixing,
    /// Apply from this confidence only; the rest stays pending.
    pub min_confidence: f32,
    pub mode: Mode,
}

/// What is done where. The innermost folder decides.
#[derive(Clone, Debug)]
pub struct Policies {
    elsewhere: Policy,
    /// Longest path first.
    below: Vec<(PathBuf, Policy)>,
}

impl Policies {
    /// `below` in any order.
    pub fn new(elsewhere: Policy, mut below: Vec<(PathBuf, Policy)>) -> Self {
        below.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
        Self { elsewhere, below }
    }

    pub fn of(&self, path: &Path) -> Policy {
        let innermost = self.below.iter().find(|(folder, _)| path.starts_with(folder));
        innermost.map_or(self.elsewhere, |(_, policy)| *policy)
    }
}
