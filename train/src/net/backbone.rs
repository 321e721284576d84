//! The networks there are, but for their tops.

use serde::{Deserialize, Serialize};

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
