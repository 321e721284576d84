//! Files named on the command line that are no pictures. Those that a walk meets are only counted; a person who
//! names one wants to know.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::files::open::open_for_reading;
use crate::output::human;
use orientd_core::format::sniff::{SNIFF_LEN, Sniffed, sniff};

/// Names that are shown; of more, the number.
const MAX_NAMED: usize = 3;

/// Says on stderr which of the named files are no pictures.
///
/// # Errors
/// Returns an error if nothing else was named.
pub(super) fn refuse(named: &[PathBuf]) -> Result<()> {
    let strangers: Vec<&PathBuf> = named.iter().filter(|path| is_no_picture(path)).collect();
    if strangers.is_empty() {
        return Ok(());
    }
    let shown = strangers.iter().take(MAX_NAMED).map(|path| name_of(path));
    let mut names = shown.collect::<Vec<_>>().join(", ");
    let n_more = strangers.len().saturating_sub(MAX_NAMED) as u64;
    if n_more > 0 {
        names += &format!(" and {} more", human::grouped(n_more));
    }
    let are = if strangers.len() == 1 { "is no picture" } else { "are no pictures" };
    if strangers.len() == named.len() {
        bail!("{names} {are}\n  photos are looked at; videos and other files are left alone");
    }
    anstream::eprintln!("orientd: {names} {are}");
    Ok(())
}

fn name_of(path: &Path) -> String {
    human::printable(&path.to_string_lossy())
}

/// By its content. What cannot be read is the scan's to report, with the reason.
fn is_no_picture(path: &Path) -> bool {
    let Ok((file, _)) = open_for_reading(path) else { return false };
    head_of(file).is_some_and(|head| sniff(&head, path) == Sniffed::Other)
}

fn head_of(file: File) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    file.take(SNIFF_LEN).read_to_end(&mut head).ok()?;
    Some(head)
}
