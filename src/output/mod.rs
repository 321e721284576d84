//! What is printed: JSON for programs, text for people, a progress bar.

pub(crate) mod days;
mod estimate;
pub(crate) mod guarantee;
pub(crate) mod html;
mod html_photos;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod question;
pub(crate) mod summary;

pub(crate) use summary::Summary;

use std::io::{self, Write};

use anyhow::Result;

/// Prints a line to stdout. A closed pipe is no error.
///
/// # Errors
/// Returns an error if stdout cannot be written for another reason.
pub(crate) fn line(text: &str) -> Result<()> {
    unless_closed(writeln!(anstream::stdout().lock(), "{text}"))
}

/// Prints bytes to stdout as they are. A closed pipe is no error.
///
/// # Errors
/// Returns an error if stdout cannot be written for another reason.
pub(crate) fn raw(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(bytes).and_then(|()| out.flush()))
}

fn unless_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
