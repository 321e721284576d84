//! The real program in temporary libraries: one module a feature.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]
#![allow(unreachable_pub, reason = "modules of one test program share what is pub")]

mod architecture;
mod asked;
mod bad_input;
mod bombs;
mod chromium;
mod commands;
mod crash;
mod daemon;
mod daemon_faults;
mod daemon_files;
mod daemon_rules;
mod done;
mod engine;
mod family;
mod faults;
mod finding;
mod fixing;
mod followed;
mod formats;
mod harness;
mod heif;
mod history;
mod interrupts;
#[cfg(feature = "test-switches")]
mod isolation;
mod learning;
mod modes;
mod more_formats;
mod never_turned;
mod orientation_kinds;
mod owner;
mod privacy;
mod private;
mod put_back;
mod raw;
mod recovery;
mod refusals;
mod report_page;
mod review;
mod review_daemon;
mod review_page;
mod review_server;
mod review_tty;
mod review_visit;
mod running;
mod scanning;
mod sequences;
mod service;
mod sidecars;
mod snapshots;
mod taken_back;
mod usage;
mod words;
