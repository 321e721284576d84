//! Progress: a bar on a terminal, a plain line now and then elsewhere, nothing if the user wants none.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::human::{grouped, plural};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines { started: Instant, last: Instant, n: u64 },
    Nothing,
}

impl Progress {
    /// Chooses by whether stderr is a terminal. `hidden`: the user asked for none.
    pub(crate) fn new(hidden: bool) -> Self {
        if hidden {
            return Self::Nothing;
        }
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Self::Lines { started: now, last: now, n: 0 };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        let template = "{bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        Self::Bar(bar)
    }

    /// The bar that can show a total, if there is one.
    pub(crate) fn wants_total(&self) -> Option<ProgressBar> {
        match self {
            Self::Bar(bar) => Some(bar.clone()),
            _ => None,
        }
    }

    /// So many more files are done.
    pub(crate) fn step(&mut self, n_files: u64) {
        match self {
            Self::Bar(bar) => bar.inc(n_files),
            Self::Lines { started, last, n } => {
                *n += n_files;
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    let rate = *n as f64 / started.elapsed().as_secs_f64();
                    // The scan goes on without its progress.
                    let _ = writeln!(
                        io::stderr(),
                        "orientd: {} so far, {} a second",
                        plural(*n, "file"),
                        grouped(rate as u64)
                    );
                }
            }
            Self::Nothing => {}
        }
    }

    /// Runs `print` with the bar out of the way.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match self {
            Self::Bar(bar) => bar.suspend(print),
            _ => print(),
        }
    }

    pub(crate) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
