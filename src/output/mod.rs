//! What is printed: JSON for programs, lines for people, a bar for the impatient.

pub mod guarantee;
pub mod html;
pub mod human;
pub mod json;
pub mod progress;
pub mod summary;

pub use summary::Summary;

use std::io::{self, Write};

use anyhow::Result;

/// Prints a line to stdout. A reader that has left is no error: there is nobody to tell.
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
