//! A network as plain data: stages of blocks of convolutions, then a pool and a top.

use serde::{Deserialize, Serialize};

use super::{efficientnet, resnet};

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
}

impl Backbone {
    pub const ALL: [Self; 8] = [
        Self::B0,
        Self::B1,
        Self::B2,
        Self::B3,
        Self::Lite0,
        Self::Lite1,
        Self::Lite2,
        Self::ResNet50,
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

#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Conv(Conv),
    MaxPool { kernel: i64, stride: i64, padding: i64 },
    Residual(Residual),
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
    /// before the recipe's block 5; for ResNet-50, everything before its last stage.
    pub first_unfrozen: usize,
}

/// What a tensor of the network is, which decides how it starts and who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    ConvWeight,
    LinearWeight,
    Bias,
    NormWeight,
    NormBias,
    RunningMean,
    RunningVar,
}

impl Role {
    /// Changed by the optimiser, rather than measured.
    pub fn is_trainable(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }
}

/// One tensor of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<i64>,
    pub role: Role,
    /// `None` for the top.
    pub stage: Option<usize>,
}

impl Architecture {
    pub fn new(backbone: Backbone, top: Top) -> Self {
        let (norm, stages, features, first_unfrozen) = match backbone {
            Backbone::ResNet50 => resnet::stages(),
            _ => efficientnet::stages(backbone),
        };
        Self { backbone, top, norm, stages, features, first_unfrozen }
    }

    /// Every convolution with batch-norm, in the order of the graph, with its stage.
    pub fn convs(&self) -> Vec<(usize, &Conv)> {
        let mut convs = Vec::new();
        for (stage, blocks) in self.stages.iter().enumerate() {
            for block in blocks {
                match block {
                    Block::Conv(conv) => convs.push((stage, conv)),
                    Block::MaxPool { .. } => {}
                    Block::Residual(residual) => {
                        convs.extend(residual.body.iter().filter_map(|step| match step {
                            Step::Conv(conv) => Some((stage, conv)),
                            Step::SqueezeExcite(_) => None,
                        }));
                        if let Shortcut::Projection(conv) = &residual.shortcut {
                            convs.push((stage, conv));
                        }
                    }
                }
            }
        }
        convs
    }

    /// Every tensor, in the order of the graph.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for (stage, blocks) in self.stages.iter().enumerate() {
            for block in blocks {
                block_parameters(block, stage, &mut parameters);
            }
        }
        self.top_parameters(&mut parameters);
        parameters
    }

    fn top_parameters(&self, out: &mut Vec<Parameter>) {
        let mut inputs = self.features;
        if self.top == Top::Dense256 {
            linear_parameters("top.dense", inputs, DENSE_WIDTH, out);
            norm_parameters("top.bn", DENSE_WIDTH, None, out);
            inputs = DENSE_WIDTH;
        }
        linear_parameters("top.linear", inputs, N_CLASSES, out);
    }
}

fn block_parameters(block: &Block, stage: usize, out: &mut Vec<Parameter>) {
    match block {
        Block::Conv(conv) => conv_parameters(conv, stage, out),
        Block::MaxPool { .. } => {}
        Block::Residual(residual) => {
            for step in &residual.body {
                match step {
                    Step::Conv(conv) => conv_parameters(conv, stage, out),
                    Step::SqueezeExcite(se) => squeeze_parameters(se, stage, out),
                }
            }
            if let Shortcut::Projection(conv) = &residual.shortcut {
                conv_parameters(conv, stage, out);
            }
        }
    }
}

fn conv_parameters(conv: &Conv, stage: usize, out: &mut Vec<Parameter>) {
    out.push(Parameter {
        name: format!("{}.conv.weight", conv.name),
        shape: vec![conv.outputs, conv.inputs / conv.groups, conv.kernel, conv.kernel],
        role: Role::ConvWeight,
        stage: Some(stage),
    });
    norm_parameters(&format!("{}.bn", conv.name), conv.outputs, Some(stage), out);
}

fn squeeze_parameters(se: &SqueezeExcite, stage: usize, out: &mut Vec<Parameter>) {
    let stage = Some(stage);
    for (part, from, to) in
        [("reduce", se.channels, se.squeezed), ("restore", se.squeezed, se.channels)]
    {
        let name = format!("{}.{part}.weight", se.name);
        out.push(Parameter { name, shape: vec![to, from, 1, 1], role: Role::ConvWeight, stage });
        let name = format!("{}.{part}.bias", se.name);
        out.push(Parameter { name, shape: vec![to], role: Role::Bias, stage });
    }
}

fn norm_parameters(name: &str, channels: i64, stage: Option<usize>, out: &mut Vec<Parameter>) {
    for (part, role) in [
        ("weight", Role::NormWeight),
        ("bias", Role::NormBias),
        ("running_mean", Role::RunningMean),
        ("running_var", Role::RunningVar),
    ] {
        out.push(Parameter { name: format!("{name}.{part}"), shape: vec![channels], role, stage });
    }
}

fn linear_parameters(name: &str, inputs: i64, outputs: i64, out: &mut Vec<Parameter>) {
    let weight = format!("{name}.weight");
    let shape = vec![outputs, inputs];
    out.push(Parameter { name: weight, shape, role: Role::LinearWeight, stage: None });
    let bias = format!("{name}.bias");
    out.push(Parameter { name: bias, shape: vec![outputs], role: Role::Bias, stage: None });
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

    /// Published sizes of the networks with their 1000-class heads taken off.
    #[test]
    #[rustfmt::skip]
    fn parameter_counts_are_the_published_ones() {
        for (backbone, published) in [
            (Backbone::B0,       5_288_548 - 1_281_000),
            (Backbone::B1,       7_794_184 - 1_281_000),
            (Backbone::B2,       9_109_994 - 1_409_000),
            (Backbone::B3,       12_233_232 - 1_537_000),
            (Backbone::Lite0,    4_652_008 - 1_281_000),
            (Backbone::ResNet50, 25_557_032 - 2_049_000),
        ] {
            let counted: i64 = Architecture::new(backbone, Top::None)
                .parameters()
                .iter()
                .filter(|parameter| parameter.stage.is_some() && parameter.role.is_trainable())
                .map(|parameter| parameter.shape.iter().product::<i64>())
                .sum();
            assert_eq!(counted, published, "{}", backbone.as_str());
        }
    }

    #[test]
    fn names_are_unique() {
        for backbone in Backbone::ALL {
            let parameters = Architecture::new(backbone, Top::Dense256).parameters();
            let names: std::collections::BTreeSet<_> =
                parameters.iter().map(|parameter| &parameter.name).collect();
            assert_eq!(names.len(), parameters.len(), "{}", backbone.as_str());
        }
    }
}
