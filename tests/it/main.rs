//! The real program in temporary libraries: one module a feature.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

mod bad_input;
mod commands;
mod crash;
mod daemon;
mod engine;
mod faults;
mod finding;
mod fixing;
mod formats;
mod harness;
mod modes;
mod purity;
mod scanning;
mod sequences;
mod service;
mod usage;
