//! ResNet-50 as torchvision builds it (v1.5: the stride is in the 3×3 convolution).

use super::blocks::{Activation, Block, Conv, Norm, Padding, Residual, Shortcut, Step};

/// Inner channels, repeats and stride of the four stages.
const STAGES: [(i64, usize, i64); 4] = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)];
const EXPANSION: i64 = 4;
const STEM_CHANNELS: i64 = 64;

fn conv(name: String, (inputs, outputs): (i64, i64), kernel: i64, stride: i64) -> Conv {
    Conv {
        name,
        inputs,
        outputs,
        kernel,
        stride,
        padding: Padding::Symmetric((kernel - 1) / 2),
        groups: 1,
        activation: Activation::Relu,
    }
}

fn block(name: &str, inputs: i64, inner: i64, stride: i64) -> Residual {
    let outputs = inner * EXPANSION;
    let linear = |conv: Conv| Conv { activation: Activation::None, ..conv };
    let body = vec![
        Step::Conv(conv(format!("{name}.first"), (inputs, inner), 1, 1)),
        Step::Conv(conv(format!("{name}.second"), (inner, inner), 3, stride)),
        Step::Conv(linear(conv(format!("{name}.third"), (inner, outputs), 1, 1))),
    ];
    let shortcut = if stride == 1 && inputs == outputs {
        Shortcut::Identity
    } else {
        let name = format!("{name}.shortcut");
        Shortcut::Projection(linear(conv(name, (inputs, outputs), 1, stride)))
    };
    Residual { body, shortcut, activation: Activation::Relu }
}

pub(super) fn stages() -> (Norm, Vec<Vec<Block>>, i64, usize) {
    let stem = conv("stem".into(), (3, STEM_CHANNELS), 7, 2);
    let pool = Block::MaxPool { kernel: 3, stride: 2, padding: 1 };
    let mut stages = vec![vec![Block::Conv(stem), pool]];
    let mut channels = STEM_CHANNELS;
    for (idx, (inner, repeats, stride)) in STAGES.into_iter().enumerate() {
        let mut blocks = Vec::new();
        for repeat in 0..repeats {
            let stride = if repeat == 0 { stride } else { 1 };
            let name = format!("stages.{}.{repeat}", idx + 1);
            blocks.push(Block::Residual(block(&name, channels, inner, stride)));
            channels = inner * EXPANSION;
        }
        stages.push(blocks);
    }
    (Norm { eps: 1e-5, momentum: 0.1 }, stages, channels, STAGES.len())
}
