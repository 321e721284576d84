//! Asks before something is done that was only named by its number.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};

/// Asks on the terminal; anything but yes is no.
///
/// # Errors
/// Returns an error if there is no terminal to ask on, or it cannot be read or written.
pub(crate) fn ask(question: &str) -> Result<bool> {
    let mut screen = io::stderr();
    if !io::stdin().is_terminal() || !screen.is_terminal() {
        bail!("{question}\n  there is no terminal to ask on; --yes does it without asking");
    }
    write!(screen, "{question} [y/N] ")?;
    screen.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
