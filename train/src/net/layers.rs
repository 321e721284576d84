//! What the layers of a network are made of: fresh weights, padding, activations.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::arch::N_CLASSES;
use super::blocks::{Activation, Conv, Padding};
use super::parameters::{Parameter, Role};

/// Sum, sum of squares and count of each channel of a convolution's output.
pub type Moments = BTreeMap<String, (Tensor, Tensor, f64)>;

/// The same values, with the channels of a 4-D tensor innermost in memory.
pub fn channels_last(tensor: &Tensor) -> Tensor {
    if tensor.dim() == 4 {
        tensor.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
    } else {
        tensor.shallow_clone()
    }
}

pub(super) fn initial(parameter: &Parameter) -> Tensor {
    let options = (Kind::Float, Device::Cpu);
    let shape = parameter.shape.as_slice();
    match parameter.role {
        // He initialisation by fan-out, as both torchvision families do.
        Role::ConvWeight => {
            let fan_out = (shape[0] * shape[2] * shape[3]) as f64;
            Tensor::randn(shape, options) * (2.0 / fan_out).sqrt()
        }
        Role::LinearWeight if shape[0] == N_CLASSES => Tensor::randn(shape, options) * 0.01,
        Role::LinearWeight => Tensor::randn(shape, options) * (2.0 / shape[1] as f64).sqrt(),
        Role::NormWeight | Role::RunningVar => Tensor::ones(shape, options),
        // As in the transformers' own papers; 0.1 is CaiT's LayerScale for up to 18 blocks.
        Role::Token => Tensor::randn(shape, options) * 0.02,
        Role::Scale => Tensor::ones(shape, options) * 0.1,
        Role::Bias | Role::NormBias | Role::RunningMean => Tensor::zeros(shape, options),
    }
}

/// The input, padded beforehand where the amounts differ, and what the convolution adds itself.
pub(super) fn pad(x: &Tensor, conv: &Conv) -> (Tensor, i64) {
    if let Padding::Symmetric(amount) = conv.padding {
        return (x.shallow_clone(), amount);
    }
    let size = x.size();
    let (top, bottom) = conv.padding.amounts(size[2], conv.kernel, conv.stride);
    let (left, right) = conv.padding.amounts(size[3], conv.kernel, conv.stride);
    if (top, left, left) == (bottom, right, top) {
        (x.shallow_clone(), top)
    } else {
        (x.constant_pad_nd([left, right, top, bottom]), 0)
    }
}

/// In place where the gradient asks for the result only: memory is what the processor waits for.
pub(super) fn activate(mut x: Tensor, activation: Activation) -> Tensor {
    match activation {
        Activation::None => x,
        Activation::Relu => x.relu_(),
        Activation::Relu6 => x.relu6_(),
        Activation::Silu => x.silu(),
    }
}

/// Stochastic depth: whole pictures skip the block, the others are scaled up.
pub(super) fn drop_paths(x: Tensor, probability: f64) -> Tensor {
    if probability <= 0.0 {
        return x;
    }
    let mut shape = vec![1; x.dim()];
    shape[0] = x.size()[0];
    let keep = Tensor::rand(shape, (Kind::Float, x.device()));
    let keep = keep.ge(probability).to_kind(x.kind()) / (1.0 - probability);
    x * keep
}

pub(super) fn note_moments(x: &Tensor, name: &str, moments: &mut Moments) {
    let x = x.to_kind(Kind::Float);
    let channels = x.size()[1];
    let flat = x.transpose(0, 1).reshape([channels, -1]);
    let count = flat.size()[1] as f64;
    let dims = [1i64];
    let sum = flat.sum_dim_intlist(dims.as_slice(), false, Kind::Float);
    let squares = flat.square().sum_dim_intlist(dims.as_slice(), false, Kind::Float);
    match moments.get_mut(name) {
        None => {
            moments.insert(name.to_owned(), (sum, squares, count));
        }
        Some((total, total_squares, n)) => {
            *total += sum;
            *total_squares += squares;
            *n += count;
        }
    }
}
