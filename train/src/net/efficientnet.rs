//! EfficientNet B0–B3 as torchvision builds them, and Lite0–Lite2 as Google published them.

use super::backbone::Backbone;
use super::blocks::{
    Activation, Block, Conv, Norm, Padding, Residual, Shortcut, SqueezeExcite, Step,
};

/// Expansion, kernel, stride, output channels and repeats of the seven stages of B0.
const STAGES: [(i64, i64, i64, i64, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

const STEM_CHANNELS: i64 = 32;
const HEAD_CHANNELS: i64 = 1280;

/// The stage that the recipe calls block 5.
const BLOCK_5: usize = 5;

struct Family {
    lite: bool,
    width: f64,
    depth: f64,
}

impl Family {
    fn of(backbone: Backbone) -> Self {
        let (width, depth) = match backbone {
            Backbone::B1 | Backbone::Lite1 => (1.0, 1.1),
            Backbone::B2 | Backbone::Lite2 => (1.1, 1.2),
            Backbone::B3 => (1.2, 1.4),
            _ => (1.0, 1.0),
        };
        Self { lite: backbone.is_lite(), width, depth }
    }

    fn activation(&self) -> Activation {
        if self.lite { Activation::Relu6 } else { Activation::Silu }
    }

    fn padding(&self, kernel: i64) -> Padding {
        if self.lite { Padding::Same } else { Padding::Symmetric((kernel - 1) / 2) }
    }

    /// Lite leaves the first and the last stage as they are, whatever the depth.
    fn repeats(&self, stage: usize, base: usize) -> usize {
        let fixed = self.lite && (stage == 0 || stage == STAGES.len() - 1);
        if fixed { base } else { (base as f64 * self.depth).ceil() as usize }
    }

    /// The stem and the head: Lite does not scale them.
    fn end_channels(&self, base: i64) -> i64 {
        if self.lite { base } else { round_channels(base as f64 * self.width) }
    }

    fn conv(&self, name: String, (inputs, outputs): (i64, i64), kernel: i64) -> Conv {
        Conv {
            name,
            inputs,
            outputs,
            kernel,
            stride: 1,
            padding: self.padding(kernel),
            groups: 1,
            activation: self.activation(),
        }
    }

    fn block(
        &self,
        name: &str,
        (inputs, outputs): (i64, i64),
        (expansion, kernel, stride): (i64, i64, i64),
    ) -> Residual {
        let inner = inputs * expansion;
        let mut body = Vec::new();
        if expansion != 1 {
            body.push(Step::Conv(self.conv(format!("{name}.expand"), (inputs, inner), 1)));
        }
        let depthwise = self.conv(format!("{name}.depthwise"), (inner, inner), kernel);
        body.push(Step::Conv(Conv { stride, groups: inner, ..depthwise }));
        if !self.lite {
            let squeezed = (inputs / 4).max(1);
            let name = format!("{name}.se");
            body.push(Step::SqueezeExcite(SqueezeExcite { name, channels: inner, squeezed }));
        }
        let project = self.conv(format!("{name}.project"), (inner, outputs), 1);
        body.push(Step::Conv(Conv { activation: Activation::None, ..project }));
        let shortcut =
            if stride == 1 && inputs == outputs { Shortcut::Identity } else { Shortcut::None };
        Residual { body, shortcut, activation: Activation::None }
    }
}

/// To the nearest multiple of 8, but never down by more than a tenth.
fn round_channels(channels: f64) -> i64 {
    let rounded = ((channels + 4.0) as i64 / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

pub(super) fn stages(backbone: Backbone) -> (Norm, Vec<Vec<Block>>, i64, usize) {
    let family = Family::of(backbone);
    let norm = if family.lite {
        // Published with a momentum of 0.01 for 350 epochs; a fine-tune of a few hundred steps would
        // end with the running statistics of its start.
        Norm { eps: 1e-3, momentum: 0.1 }
    } else {
        Norm { eps: 1e-5, momentum: 0.1 }
    };

    let mut channels = family.end_channels(STEM_CHANNELS);
    let stem = family.conv("stem".into(), (3, channels), 3);
    let mut stages = vec![vec![Block::Conv(Conv { stride: 2, ..stem })]];
    for (idx, (expansion, kernel, stride, outputs, repeats)) in STAGES.into_iter().enumerate() {
        let outputs = round_channels(outputs as f64 * family.width);
        let mut blocks = Vec::new();
        for repeat in 0..family.repeats(idx, repeats) {
            let stride = if repeat == 0 { stride } else { 1 };
            let name = format!("stages.{}.{repeat}", idx + 1);
            let block = family.block(&name, (channels, outputs), (expansion, kernel, stride));
            blocks.push(Block::Residual(block));
            channels = outputs;
        }
        stages.push(blocks);
    }
    // torchvision makes the head four times the last stage, which is 1280 times the width.
    let features = if family.lite { HEAD_CHANNELS } else { 4 * channels };
    stages.push(vec![Block::Conv(family.conv("head".into(), (channels, features), 1))]);
    (norm, stages, features, BLOCK_5)
}
