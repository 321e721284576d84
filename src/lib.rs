//! orientd finds photos stored sideways or upside down and turns them without loss.
//!
//! The flow, one thread a step, bounded channels between them (`pipeline::Round`):
//!
//! ```text
//! walk     folders → files that are new or have changed      pipeline::walk
//! decode   file → picture, in a confined process             pipeline::decode_pool, decode::sandbox
//! infer    pictures → probabilities of the four turns        pipeline::infer, engine
//! decide   probabilities → upright, fix or review            orientd_core::verdict
//! record   what was seen → database                          pipeline::record, store
//! change   plan → journal → the file, or its sidecar         change
//! report   → lines, JSON, the daemon's log                   output, daemon
//! ```
//!
//! The rooms, from the bottom up; a room uses only rooms before it (`tests/it/architecture.rs`):
//!
//! - `orientd_core`, a crate of its own: formats, orientations, verdicts and edits as values; no I/O
//! - [`files`], [`error`], `ipc`, `signals`: what a file is, why one was left alone, messages, stop
//! - [`store`]: the database, one method a question
//! - `decode`, `change`, [`engine`]: pictures from files; all that may write a photo; the network
//! - `pipeline`, `config`: the flow; the config file
//! - `daemon`, `output`, `review`: the service; what is printed; a person's answers
//! - `cli`, `context`, `commands`: the command line, config and flags resolved, one file a command
//!
//! To read the code, start at `commands::scan`, then `pipeline::Round::run`; for a change of a photo,
//! at `change::prepare` and `change::journal`. `docs/ARCHITECTURE.md` follows a photo all the way.
//!
//! Without the feature `app` there are the database, the finder of ONNX Runtime and what these need:
//! that is what the trainer takes.

pub mod engine;
pub mod error;
pub mod files;
mod ipc;
pub mod store;

#[cfg(feature = "app")]
pub mod change;
#[cfg(feature = "app")]
pub mod cli;
#[cfg(feature = "app")]
pub mod commands;
#[cfg(feature = "app")]
mod config;
#[cfg(feature = "app")]
mod context;
#[cfg(feature = "app")]
mod daemon;
#[cfg(feature = "app")]
pub mod decode;
#[cfg(feature = "app")]
mod heartbeat;
#[cfg(feature = "app")]
mod output;
#[cfg(feature = "app")]
pub mod pipeline;
#[cfg(feature = "app")]
mod review;
#[cfg(feature = "app")]
mod signals;
#[cfg(feature = "app")]
mod stop;
