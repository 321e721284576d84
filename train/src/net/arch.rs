//! A network as plain data: stages of blocks of convolutions or of transformers, then a pool and a top.

use serde::{Deserialize, Serialize};

use super::{efficientnet, resnet, vit};

pub const N_CLASSES: i64 = 4;

/// Width of the hidden layer of `Top::Dense256`, and the slope of its LeakyReLU (Keras' default).
pub const DENSE_WIDTH: i64 = 256;
pub const LEAKY_SLOPE: f64 = 0.3;

/// Batch-norm of the dense top (PyTorch's defaults).
pub const TOP_NORM: Norm = Norm { eps: 1e-5, momentum: 0.1 };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
pub enum Backbone {
    #[serde(rename = "efficientnet_b0")]
    #[value(name = "efficientnet_b0")]
    B0,
    #[serde(rename = "efficientnet_b1")]
    #[value(name = "efficientnet_b1")]
    B1,
    #[serde(rename = "efficientnet_b2")]
    #[value(name = "efficientnet_b2")]
    B2,
    #[serde(rename = "efficientnet_b3")]
    #[value(name = "efficientnet_b3")]
    B3,
    #[serde(rename = "efficientnet_lite0")]
    #[value(name = "efficientnet_lite0")]
    Lite0,
    #[serde(rename = "efficientnet_lite1")]
    #[value(name = "efficientnet_lite1")]
    Lite1,
    #[serde(rename = "efficientnet_lite2")]
    #[value(name = "efficientnet_lite2")]
    Lite2,
    #[serde(rename = "resnet50")]
    #[value(name = "resnet50")]
    ResNet50,
    #[serde(rename = "vit_s14")]
    #[value(name = "vit_s14")]
    VitS14,
}

impl Backbone {
    pub const ALL: [Self; 9] = [
        Self::B0,
        Self::B1,
        Self::B2,
        Self::B3,
        Self::Lite0,
        Self::Lite1,
        Self::Lite2,
        Self::ResNet50,
        Self::VitS14,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::B0 => "efficientnet_b0",
            Self::B1 => "efficientnet_b1",
            Self::B2 => "efficientnet_b2",
            Self::B3 => "efficientnet_b3",
            Self::Lite0 => "efficientnet_lite0",
            Self::Lite1 => "efficientnet_lite1",
            Self::Lite2 => "efficientnet_lite2",
            Self::ResNet50 => "resnet50",
            Self::VitS14 => "vit_s14",
        }
    }

    /// Mean and standard deviation, RGB in 0–255 units, that the published weights were made with.
    pub fn normalisation(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::Lite0 | Self::Lite1 | Self::Lite2 => ([127.0; 3], [128.0; 3]),
            _ => ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
        }
    }

    pub fn is_lite(self) -> bool {
        matches!(self, Self::Lite0 | Self::Lite1 | Self::Lite2)
    }

    /// Looks at patches of the picture as tokens, rather than convolving it.
    pub fn is_transformer(self) -> bool {
        self == Self::VitS14
    }
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    None,
    Relu,
    Relu6,
    Silu,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// The same on all sides.
    Symmetric(i64),
    /// TensorFlow's SAME: as little as makes the output ceil(input / stride), the odd pixel last.
    Same,
}

impl Padding {
    /// Pixels before and after, for an input side of `size`.
    pub fn amounts(self, size: i64, kernel: i64, stride: i64) -> (i64, i64) {
        match self {
            Self::Symmetric(amount) => (amount, amount),
            Self::Same => {
                let outputs = (size + stride - 1) / stride;
                let total = ((outputs - 1) * stride + kernel - size).max(0);
                (total / 2, total - total / 2)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    pub eps: f64,
    pub momentum: f64,
}

/// A convolution without bias, its batch-norm and activation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    pub name: String,
    pub inputs: i64,
    pub outputs: i64,
    pub kernel: i64,
    pub stride: i64,
    pub padding: Padding,
    pub groups: i64,
    pub activation: Activation,
}

/// Scales the channels by what is seen all over the picture (1×1 convolutions with bias).
#[derive(Clone, Debug, PartialEq)]
pub struct SqueezeExcite {
    pub name: String,
    pub channels: i64,
    pub squeezed: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Conv(Conv),
    SqueezeExcite(SqueezeExcite),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Shortcut {
    /// Nothing is added.
    None,
    Identity,
    Projection(Conv),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    pub body: Vec<Step>,
    pub shortcut: Shortcut,
    /// After the addition.
    pub activation: Activation,
}

/// Makes a token of every square patch of the picture, adds what was learnt of its position, and puts
/// the class token before them.
#[derive(Clone, Debug, PartialEq)]
pub struct Patches {
    pub name: String,
    pub width: i64,
    /// In pixels.
    pub side: i64,
    /// Patches along a side of the picture, for which positions are held.
    pub grid: i64,
}

/// Attention between the tokens, then a hidden layer for each, both scaled by channel (LayerScale)
/// and added to what came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Transformer {
    pub name: String,
    pub width: i64,
    pub heads: i64,
    pub hidden: i64,
    /// From 0 at the first block to 1 at the last: stochastic depth grows with it.
    pub depth: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Conv(Conv),
    MaxPool {
        kernel: i64,
        stride: i64,
        padding: i64,
    },
    Residual(Residual),
    Patches(Patches),
    Transformer(Transformer),
    /// Normalises the tokens; then the class token and the mean of the others, side by side.
    Tokens {
        name: String,
        width: i64,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn tensorflow_padding() {
        for (size, kernel, stride, expected) in [
            (224, 3, 2, (0, 1)),
            (225, 3, 2, (1, 1)),
            (56,  5, 2, (1, 2)),
            (7,   5, 1, (2, 2)),
            (7,   1, 1, (0, 0)),
        ] {
            assert_eq!(Padding::Same.amounts(size, kernel, stride), expected, "{size} {kernel} {stride}");
        }
    }
}
