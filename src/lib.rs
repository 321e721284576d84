//! orientd finds photos stored sideways or upside down and turns them without touching a pixel.

pub mod change;
pub mod cli;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod decode;
pub mod engine;
pub mod error;
pub mod files;
pub mod heartbeat;
pub mod ipc;
pub mod output;
pub mod pipeline;
pub mod review;
pub mod signals;
pub mod stop;
pub mod store;
