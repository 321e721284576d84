//! orientd finds photos stored sideways or upside down and turns them without touching a pixel.

pub mod answer;
pub mod cli;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod error;
pub mod frames;
pub mod identity;
pub mod journal;
pub mod originals;
pub mod output;
pub mod pipeline;
pub mod pulse;
pub mod report;
pub mod review;
pub mod rules;
pub mod stages;
pub mod store;
