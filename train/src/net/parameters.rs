//! The tensors of a network: names, shapes and roles, in the order of the graph.

use super::arch::{Architecture, DENSE_WIDTH, N_CLASSES, Top};
use super::blocks::{Block, Conv, Patches, Shortcut, SqueezeExcite, Step, Transformer};

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
    /// A transformer's class token and positions.
    Token,
    /// LayerScale.
    Scale,
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
            linear_parameters("top.dense", inputs, DENSE_WIDTH, None, out);
            norm_parameters("top.bn", DENSE_WIDTH, None, out);
            inputs = DENSE_WIDTH;
        }
        linear_parameters("top.linear", inputs, N_CLASSES, None, out);
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
        Block::Patches(patches) => patch_parameters(patches, stage, out),
        Block::Transformer(block) => transformer_parameters(block, stage, out),
        Block::Tokens { name, width } => layer_norm_parameters(name, *width, Some(stage), out),
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

fn linear_parameters(
    name: &str,
    inputs: i64,
    outputs: i64,
    stage: Option<usize>,
    out: &mut Vec<Parameter>,
) {
    let weight = format!("{name}.weight");
    let shape = vec![outputs, inputs];
    out.push(Parameter { name: weight, shape, role: Role::LinearWeight, stage });
    let bias = format!("{name}.bias");
    out.push(Parameter { name: bias, shape: vec![outputs], role: Role::Bias, stage });
}

fn patch_parameters(patches: &Patches, stage: usize, out: &mut Vec<Parameter>) {
    let name = &patches.name;
    let width = patches.width;
    for (part, shape, role) in [
        ("weight", vec![width, 3, patches.side, patches.side], Role::ConvWeight),
        ("bias", vec![width], Role::Bias),
        ("class", vec![1, 1, width], Role::Token),
        ("positions", vec![1, patches.grid * patches.grid, width], Role::Token),
    ] {
        out.push(Parameter { name: format!("{name}.{part}"), shape, role, stage: Some(stage) });
    }
}

fn transformer_parameters(block: &Transformer, stage: usize, out: &mut Vec<Parameter>) {
    let width = block.width;
    let stage = Some(stage);
    let name = |part: &str| format!("{}.{part}", block.name);
    let scale = |part: &str| {
        let role = Role::Scale;
        Parameter { name: name(part), shape: vec![width], role, stage }
    };
    layer_norm_parameters(&name("norm1"), width, stage, out);
    linear_parameters(&name("attention"), width, 3 * width, stage, out);
    linear_parameters(&name("projection"), width, width, stage, out);
    out.push(scale("scale1"));
    layer_norm_parameters(&name("norm2"), width, stage, out);
    linear_parameters(&name("expand"), width, block.hidden, stage, out);
    linear_parameters(&name("contract"), block.hidden, width, stage, out);
    out.push(scale("scale2"));
}

fn layer_norm_parameters(name: &str, width: i64, stage: Option<usize>, out: &mut Vec<Parameter>) {
    for (part, role) in [("weight", Role::NormWeight), ("bias", Role::NormBias)] {
        out.push(Parameter { name: format!("{name}.{part}"), shape: vec![width], role, stage });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Backbone;
    use super::*;

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
            // Without the mask token, and with the class token's position in the class token.
            (Backbone::VitS14,   22_056_576 - 2 * 384),
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
