//! The hidden command behind [`crate::engine::host`]: a process that owns the network's context.

use std::io::{BufReader, BufWriter, stdin, stdout};
use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Global;
use crate::engine::{Device, host};

/// Answers until the input ends.
pub fn run(global: &Global, n_threads: usize) -> Result<ExitCode> {
    // A service manager, or Ctrl-C, signals the whole group. The daemon then finishes what it has in
    // hand, for which it needs this process; afterwards it closes the pipe.
    // SAFETY: ignoring a signal has no handler that could do harm.
    unsafe {
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
    let mut from = BufReader::new(stdin().lock());
    let mut to = BufWriter::new(stdout().lock());
    let device = global.device.unwrap_or(Device::Auto);
    host::serve(&mut from, &mut to, global.ort_lib.as_deref(), device, n_threads)?;
    Ok(ExitCode::SUCCESS)
}
