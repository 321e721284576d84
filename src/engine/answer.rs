//! How the network is run on a photo, and its result.

use std::str::FromStr;

use anyhow::{Result, bail};

use super::device::Device;
use orientd_core::model_spec::ModelSpec;
use orientd_core::verdict::decision::Probabilities;

/// How many quarter turns of a photo the network looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Views {
    One,
    Four,
    /// One; all four unless that one says "upright" overwhelmingly. A turn is thus never proposed
    /// on one view alone.
    #[default]
    Cascade,
}

impl Views {
    /// As the command line and the config name them.
    pub const WORDS: [&str; 3] = ["1", "4", "cascade"];
}

impl FromStr for Views {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "1" => Ok(Self::One),
            "4" => Ok(Self::Four),
            "cascade" => Ok(Self::Cascade),
            _ => bail!("unknown views {word:?}; one of 1, 4, cascade"),
        }
    }
}

/// What the network says of one photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkAnswer {
    pub probabilities: Probabilities,
    /// 1 or 4.
    pub views: u8,
}

/// What is known of a model once it is loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub spec: ModelSpec,
    /// The provider in use.
    pub device: Device,
    /// Providers that `auto` tried first, and why they did not load.
    pub passed_over: Vec<(Device, String)>,
}

impl Loaded {
    /// How many photos at once keep the device busy.
    pub fn preferred_batch(&self) -> usize {
        if self.device.is_accelerator() { 64 } else { 8 }
    }
}
