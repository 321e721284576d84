//! What is printed: JSON for programs, text for people, a progress bar.

pub mod guarantee;
pub mod html;
pub mod human;
pub mod json;
pub mod progress;
pub mod summary;

pub use summary::Summary;

use std::io::{self, Write};

use anyhow::Result;

/// Prints a line to stdout. A closed pipe is no error.
///
/// # Errors
/// Returns an error if stdout cannot be written for another reason.
pub fn line(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{text}") {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
