//! Progress bars with the time left, on stderr where it is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Counts photos.
pub fn photos(total: u64, what: &str) -> ProgressBar {
    bar(total, what, "{prefix:>10} {wide_bar} {pos}/{len} {per_sec} {eta} left {msg}")
}

/// Counts steps, with room for the figures.
pub fn steps(total: u64, what: &str) -> ProgressBar {
    bar(total, what, "{prefix:>10} {bar:20} {pos}/{len} {eta} left {wide_msg}")
}

fn bar(total: u64, what: &str, template: &str) -> ProgressBar {
    // A template that is wrong only costs the looks.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_prefix(what.to_owned())
}
