//! The program: parse, run, print the error, exit.

use std::process::ExitCode;

use clap::Parser;
use orientd_train::cli::Cli;
use orientd_train::commands;

fn main() -> ExitCode {
    keep_memory();
    // SAFETY: no other thread runs yet.
    unsafe { orientd::engine::runtime::disable_telemetry() };
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("orientd-train: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// A training step makes and drops over a gigabyte in pieces of up to 80 MB. By default glibc gives
/// such pieces back at once, and the kernel clears every page of the next: a seventh of the step.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_memory() {
    // SAFETY: no other thread runs yet; both only set numbers that malloc looks at.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}
