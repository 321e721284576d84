//! Progress: a bar on a terminal, a plain line now and then elsewhere, nothing if the user wants none.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::estimate::{Estimate, two_digits};
use super::human::{grouped, plural};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

pub(crate) struct Progress {
    shown: Shown,
    started: Instant,
    n_done: u64,
    estimate: Estimate,
}

enum Shown {
    Bar(ProgressBar),
    /// When the last line was printed.
    Lines(Instant),
    Nothing,
}

impl Progress {
    /// Chooses by whether stderr is a terminal. `hidden`: the user asked for none.
    pub(crate) fn new(hidden: bool) -> Self {
        let shown = match (hidden, std::io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Bar(bar()),
            (false, false) => Shown::Lines(Instant::now()),
        };
        let mut estimate = Estimate::default();
        estimate.note(Duration::ZERO, 0);
        Self { shown, started: Instant::now(), n_done: 0, estimate }
    }

    /// The bar that can show a total, if there is one.
    pub(crate) fn wants_total(&self) -> Option<ProgressBar> {
        match &self.shown {
            Shown::Bar(bar) => Some(bar.clone()),
            _ => None,
        }
    }

    /// So many more files are done.
    pub(crate) fn step(&mut self, n_files: u64) {
        self.n_done += n_files;
        self.estimate.note(self.started.elapsed(), self.n_done);
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.inc(n_files);
                bar.set_message(outlook(&self.estimate, self.n_done, bar.length()));
            }
            Shown::Lines(last) if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                let files = plural(self.n_done, "file");
                let rate = two_digits(self.estimate.rate().unwrap_or(0.0));
                // The scan goes on without its progress.
                let _ = writeln!(io::stderr(), "orientd: {files} so far, {rate} a second");
            }
            Shown::Lines(_) | Shown::Nothing => {}
        }
    }

    /// Runs `print` with the bar out of the way.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(print),
            _ => print(),
        }
    }

    pub(crate) fn finish(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar
}

/// `1,234 of 5,000, 14 a second, 5 min left`, as far as that can be said.
fn outlook(estimate: &Estimate, n_done: u64, n_all: Option<u64>) -> String {
    let mut text = match n_all {
        Some(n_all) => format!("{} of {}", grouped(n_done), grouped(n_all.max(n_done))),
        None => plural(n_done, "file"),
    };
    if let Some(rate) = estimate.rate() {
        text += &format!(", {} a second", two_digits(rate));
    }
    if let Some(left) = n_all.and_then(|n_all| estimate.left(n_all.saturating_sub(n_done))) {
        text += &format!(", {left} left");
    }
    text
}
