//! Trains a network in two stages: `run` is the loop, the other files what it is made of.

pub mod adam;
mod average;
mod checkpoint;
mod claim;
pub mod device;
pub mod images;
mod journal;
pub mod loss;
mod run;
mod schedule;
pub mod validate;

use crate::config::Config;
use crate::net::Network;

pub use claim::{claim, fingerprint, is_idle, load_best, replaced, replaces, run_config};
pub use run::{Outcome, fit};

/// The optimiser for the tensors of `network` that learn at present.
pub fn optimiser(network: &Network, config: &Config) -> adam::Adam {
    adam::Adam::new(network, &config.fit)
}
