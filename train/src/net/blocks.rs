//! What a network is made of, as plain data: blocks of convolutions or of transformers.

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
