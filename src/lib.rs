//! orientd finds photos stored sideways or upside down and turns them without touching a pixel.
//!
//! Without the feature `app` there is only what the trainer uses: the rules, the database, the engine.

pub mod engine;
pub mod error;
pub mod files;
pub mod ipc;
pub mod store;

#[cfg(feature = "app")]
pub mod change;
#[cfg(feature = "app")]
pub mod cli;
#[cfg(feature = "app")]
pub mod commands;
#[cfg(feature = "app")]
pub mod config;
#[cfg(feature = "app")]
pub mod context;
#[cfg(feature = "app")]
pub mod daemon;
#[cfg(feature = "app")]
pub mod decode;
#[cfg(feature = "app")]
pub mod heartbeat;
#[cfg(feature = "app")]
pub mod output;
#[cfg(feature = "app")]
pub mod pipeline;
#[cfg(feature = "app")]
pub mod review;
#[cfg(feature = "app")]
pub mod signals;
#[cfg(feature = "app")]
pub mod stop;
