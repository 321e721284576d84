//! Runs an architecture with tch. Tensors are kept channels-last and, where the precision says so,
//! convolved in bfloat16 with float32 masters: meant for CPUs with AVX-512 BF16; see train/bench.
//!
//! tch's plain methods panic where shapes do not fit; every shape here comes from the architecture,
//! and `set` checks what is loaded.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tch::{Device, Kind, Tensor};

use super::arch::{Architecture, LEAKY_SLOPE, TOP_NORM, Top};
use super::blocks::{Block, Conv, Norm, Residual, Shortcut, SqueezeExcite, Step};
use super::layers::{Moments, activate, channels_last, drop_paths, initial, note_moments, pad};
use super::parameters::{Parameter, Role};

/// What a pass through the network is for.
pub enum Mode {
    /// Batch-norm uses its running statistics.
    Infer,
    /// Batch-norm uses and updates the statistics of the batch; `dropout` before the top and
    /// `drop_path` (stochastic depth, growing to this at the last block) draw from tch's generator.
    Train { dropout: f64, drop_path: f64 },
    /// As `Infer`, and notes what every batch-norm is given.
    Measure(RefCell<Moments>),
}

impl Mode {
    fn is_train(&self) -> bool {
        matches!(self, Self::Train { .. })
    }
}

pub struct Network {
    pub arch: Architecture,
    pub device: Device,
    /// What convolutions and matrices compute in: `Float` or `BFloat16`.
    pub(super) compute: Kind,
    parameters: Vec<Parameter>,
    tensors: BTreeMap<String, Tensor>,
}

impl Network {
    /// With fresh weights; the same seed gives the same ones.
    pub fn new(arch: Architecture, device: Device, compute: Kind, seed: i64) -> Self {
        tch::manual_seed(seed);
        let parameters = arch.parameters();
        let tensors = parameters
            .iter()
            .map(|parameter| (parameter.name.clone(), initial(parameter).to_device(device)))
            .map(|(name, tensor)| (name, channels_last(&tensor)))
            .collect();
        let network = Self { arch, device, compute, parameters, tensors };
        network.train_all();
        network
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The tensor of a parameter of this architecture.
    pub fn tensor(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }

    /// Overwrites one tensor.
    ///
    /// # Errors
    /// Returns an error if the network has no such tensor or it has another shape.
    pub fn set(&self, name: &str, value: &Tensor) -> Result<()> {
        let target = self
            .tensors
            .get(name)
            .with_context(|| format!("{} has no tensor {name}", self.arch.backbone.as_str()))?;
        ensure!(
            target.size() == value.size(),
            "{name} has shape {:?} in the weights, expected {:?}",
            value.size(),
            target.size()
        );
        tch::no_grad(|| target.shallow_clone().copy_(value));
        Ok(())
    }

    pub fn train_all(&self) {
        for parameter in &self.parameters {
            let tensor = self.tensor(&parameter.name);
            let _ = tensor.set_requires_grad(parameter.role.is_trainable());
        }
    }

    /// The first training stage: convolutions of the early stages rest; batch-norm, the late
    /// stages and the top learn. What is early in a transformer rests whole, so that no gradient need
    /// be passed through it.
    pub fn freeze_early(&self) {
        self.train_all();
        for parameter in &self.parameters {
            let early = parameter.stage.is_some_and(|stage| stage < self.arch.first_unfrozen);
            let rests = matches!(parameter.role, Role::ConvWeight | Role::Bias);
            if early && (rests || self.arch.backbone.is_transformer()) {
                let _ = self.tensor(&parameter.name).set_requires_grad(false);
            }
        }
    }

    /// Four scores for each picture of `images` (N×3×S×S, normalised float32, best channels-last).
    pub fn forward(&self, images: &Tensor, mode: &Mode) -> Tensor {
        self.top(&self.features(images, mode), mode)
    }

    /// What the last stage sees, averaged over the picture; of a transformer the class token too.
    pub fn features(&self, images: &Tensor, mode: &Mode) -> Tensor {
        let mut x = images.to_kind(self.compute);
        let n_blocks = self.arch.stages.iter().map(Vec::len).sum::<usize>() as f64;
        let mut block_idx = 0.0;
        for block in self.arch.stages.iter().flatten() {
            x = match block {
                Block::Conv(conv) => self.conv(&x, conv, mode),
                Block::MaxPool { kernel, stride, padding } => {
                    x.max_pool2d([*kernel; 2], [*stride; 2], [*padding; 2], [1, 1], false)
                }
                Block::Residual(residual) => {
                    self.residual(&x, residual, mode, block_idx / n_blocks)
                }
                Block::Patches(patches) => self.patches(&x, patches),
                Block::Transformer(block) => self.transformer(&x, block, mode),
                Block::Tokens { name, width } => self.tokens(&x, name, *width),
            };
            block_idx += 1.0;
        }
        if self.arch.backbone.is_transformer() {
            return x;
        }
        x.to_kind(Kind::Float).mean_dim([2i64, 3].as_slice(), false, Kind::Float)
    }

    fn top(&self, features: &Tensor, mode: &Mode) -> Tensor {
        let mut x = features.shallow_clone();
        if let Mode::Train { dropout, .. } = mode {
            x = x.dropout(*dropout, true);
        }
        if self.arch.top == Top::Dense256 {
            x = self.linear(&x, "top.dense");
            x = x.maximum(&(&x * LEAKY_SLOPE));
            x = self.norm(&x, "top.bn", TOP_NORM, mode);
        }
        self.linear(&x, "top.linear")
    }

    fn linear(&self, x: &Tensor, name: &str) -> Tensor {
        let weight = self.tensor(&format!("{name}.weight"));
        x.linear(weight, Some(self.tensor(&format!("{name}.bias"))))
    }

    fn residual(&self, x: &Tensor, residual: &Residual, mode: &Mode, depth: f64) -> Tensor {
        let mut body = x.shallow_clone();
        for step in &residual.body {
            body = match step {
                Step::Conv(conv) => self.conv(&body, conv, mode),
                Step::SqueezeExcite(se) => self.squeeze_excite(&body, se),
            };
        }
        let shortcut = match &residual.shortcut {
            Shortcut::None => return activate(body, residual.activation),
            Shortcut::Identity => x.shallow_clone(),
            Shortcut::Projection(conv) => self.conv(x, conv, mode),
        };
        if let Mode::Train { drop_path, .. } = mode {
            body = drop_paths(body, drop_path * depth);
        }
        activate(body + shortcut, residual.activation)
    }

    fn squeeze_excite(&self, x: &Tensor, se: &SqueezeExcite) -> Tensor {
        let apply = |x: &Tensor, part: &str| {
            let tensor = |kind: &str| self.tensor(&format!("{}.{part}.{kind}", se.name));
            let weight = tensor("weight");
            let bias = tensor("bias").to_kind(self.compute);
            x.conv2d(&weight.to_kind(self.compute), Some(bias), [1, 1], [0, 0], [1, 1], 1)
        };
        let pooled = x.mean_dim([2i64, 3].as_slice(), true, self.compute);
        let gate = apply(&apply(&pooled, "reduce").silu(), "restore").sigmoid();
        x * gate
    }

    fn conv(&self, x: &Tensor, conv: &Conv, mode: &Mode) -> Tensor {
        let weight = self.tensor(&format!("{}.conv.weight", conv.name)).to_kind(self.compute);
        let (padded, padding) = pad(x, conv);
        let out = padded.conv2d(
            &weight,
            None::<&Tensor>,
            [conv.stride; 2],
            [padding; 2],
            [1, 1],
            conv.groups,
        );
        let out = self.norm(&out, &format!("{}.bn", conv.name), self.arch.norm, mode);
        activate(out, conv.activation)
    }

    fn norm(&self, x: &Tensor, name: &str, norm: Norm, mode: &Mode) -> Tensor {
        if let Mode::Measure(moments) = mode {
            note_moments(x, name, &mut moments.borrow_mut());
        }
        let tensor = |part: &str| Some(self.tensor(&format!("{name}.{part}")));
        x.batch_norm(
            tensor("weight"),
            tensor("bias"),
            tensor("running_mean"),
            tensor("running_var"),
            mode.is_train(),
            norm.momentum,
            norm.eps,
            self.device.is_cuda(),
        )
    }

    /// Gives every batch-norm of a network whose batch-norms were folded away (an ONNX model) the
    /// statistics seen in a `Measure` pass, and weights that leave the network's answers as they
    /// were. Without this the first training batch would change every layer's scale.
    pub fn unfold_norms(&self, moments: &Moments) -> Result<()> {
        for (name, (sum, squares, count)) in moments {
            let norm = if name == "top.bn" { TOP_NORM } else { self.arch.norm };
            let tensor = |part: &str| self.tensor(&format!("{name}.{part}"));
            let mean = sum / *count;
            let variance = squares / *count;
            let variance = (variance - mean.square()).clamp_min(0.0);
            // The present affine map of x: scale·x + shift.
            let scale = tensor("weight") / (tensor("running_var") + norm.eps).sqrt();
            let shift = tensor("bias") - tensor("running_mean") * &scale;
            self.set(&format!("{name}.weight"), &(&scale * (&variance + norm.eps).sqrt()))?;
            self.set(&format!("{name}.bias"), &(shift + &mean * &scale))?;
            self.set(&format!("{name}.running_mean"), &mean)?;
            self.set(&format!("{name}.running_var"), &variance)?;
        }
        Ok(())
    }
}
