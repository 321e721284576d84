//! A network as plain data: stages of blocks of convolutions or of transformers, then a pool and a top.

use serde::{Deserialize, Serialize};

use super::backbone::Backbone;
use super::blocks::{Block, Norm};
use super::{efficientnet, resnet, vit};

pub const N_CLASSES: i64 = 4;

/// Width of the hidden layer of `Top::Dense256`, and the slope of its LeakyReLU (Keras' default).
pub const DENSE_WIDTH: i64 = 256;
pub const LEAKY_SLOPE: f64 = 0.3;

/// Batch-norm of the dense top (PyTorch's defaults).
pub const TOP_NORM: Norm = Norm { eps: 1e-5, momentum: 0.1 };

/// What stands between the pooled features and the four scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Top {
    /// One linear layer.
    None,
    /// Linear 256, LeakyReLU, batch-norm, linear.
    Dense256,
}

impl Top {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dense256 => "dense256",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub backbone: Backbone,
    pub top: Top,
    pub norm: Norm,
    /// Stage 0 is the stem.
    pub stages: Vec<Vec<Block>>,
    /// Channels after the last stage.
    pub features: i64,
    /// Convolutions of the stages before this one rest in the first training stage: everything
    /// before the recipe's block 5; for ResNet-50, everything before its last stage. Of a transformer
    /// its patches and the first half of its blocks rest whole.
    pub first_unfrozen: usize,
}

impl Architecture {
    pub fn new(backbone: Backbone, top: Top) -> Self {
        let (norm, stages, features, first_unfrozen) = match backbone {
            Backbone::ResNet50 => resnet::stages(),
            Backbone::VitS14 => vit::stages(),
            _ => efficientnet::stages(backbone),
        };
        Self { backbone, top, norm, stages, features, first_unfrozen }
    }

    /// The same for pictures of `size`×`size`: a transformer holds a position for every patch.
    pub fn for_input(mut self, size: usize) -> Self {
        for block in self.stages.iter_mut().flatten() {
            if let Block::Patches(patches) = block {
                patches.grid = size as i64 / patches.side;
            }
        }
        self
    }
}
