//! Runs the blocks of a transformer. What passes between them is N×T×W (the class token first) and
//! stays float32; matrices are multiplied in the network's precision.

use tch::{Kind, Tensor};

use super::blocks::{Patches, Transformer};
use super::layers::drop_paths;
use super::network::{Mode, Network};

impl Network {
    pub(super) fn patches(&self, images: &Tensor, patches: &Patches) -> Tensor {
        let name = &patches.name;
        let weight = self.tensor(&format!("{name}.weight")).to_kind(self.compute);
        let bias = self.tensor(&format!("{name}.bias")).to_kind(self.compute);
        let cells = images.conv2d(&weight, Some(bias), [patches.side; 2], [0, 0], [1, 1], 1);
        let cells = cells.flatten(2, 3).transpose(1, 2).to_kind(Kind::Float);
        let n = cells.size()[0];
        let class = self.tensor(&format!("{name}.class")).expand([n, 1, patches.width], false);
        Tensor::cat(&[class, cells + self.tensor(&format!("{name}.positions"))], 1)
    }

    pub(super) fn transformer(&self, x: &Tensor, block: &Transformer, mode: &Mode) -> Tensor {
        let drop = match mode {
            Mode::Train { drop_path, .. } => drop_path * block.depth,
            _ => 0.0,
        };
        let scaled = |x: Tensor, part: &str| {
            drop_paths(x * self.tensor(&format!("{}.{part}", block.name)), drop)
        };
        let x = x + scaled(self.attention(x, block), "scale1");
        let hidden = self.layer_norm(&x, &format!("{}.norm2", block.name), block.width);
        let hidden = self.matrix(&hidden, &format!("{}.expand", block.name)).gelu("none");
        &x + scaled(self.matrix(&hidden, &format!("{}.contract", block.name)), "scale2")
    }

    fn attention(&self, x: &Tensor, block: &Transformer) -> Tensor {
        let n = x.size()[0];
        let n_tokens = x.size()[1];
        let normed = self.layer_norm(x, &format!("{}.norm1", block.name), block.width);
        let all = self.matrix(&normed, &format!("{}.attention", block.name));
        // Query, key and value of every head.
        let all = all.view([n, n_tokens, 3, block.heads, block.width / block.heads]);
        let all = all.permute([2, 0, 3, 1, 4]);
        let mixed = Tensor::scaled_dot_product_attention(
            &all.get(0),
            &all.get(1),
            &all.get(2),
            None::<&Tensor>,
            0.0,
            false,
            None,
            false,
        );
        let mixed = mixed.transpose(1, 2).reshape([n, n_tokens, block.width]);
        self.matrix(&mixed, &format!("{}.projection", block.name))
    }

    /// The class token and the mean of the others, N×2W.
    pub(super) fn tokens(&self, x: &Tensor, name: &str, width: i64) -> Tensor {
        let x = self.layer_norm(x, name, width);
        let patches = x.narrow(1, 1, x.size()[1] - 1);
        let mean = patches.mean_dim([1i64].as_slice(), false, Kind::Float);
        Tensor::cat(&[x.select(1, 0), mean], 1)
    }

    fn layer_norm(&self, x: &Tensor, name: &str, width: i64) -> Tensor {
        let tensor = |part: &str| Some(self.tensor(&format!("{name}.{part}")));
        x.layer_norm([width], tensor("weight"), tensor("bias"), self.arch.norm.eps, false)
    }

    fn matrix(&self, x: &Tensor, name: &str) -> Tensor {
        let tensor = |part: &str| self.tensor(&format!("{name}.{part}")).to_kind(self.compute);
        x.to_kind(self.compute).linear(&tensor("weight"), Some(tensor("bias")))
    }
}

/// Positions (1×G²×W) for another number of patches along a side, bicubic, as DINOv2 does it.
pub fn resize_positions(positions: &Tensor, grid: i64) -> Tensor {
    let n = positions.size()[1];
    let width = positions.size()[2];
    let before = (n as f64).sqrt().round() as i64;
    if before == grid {
        return positions.shallow_clone();
    }
    let square = positions.reshape([1, before, before, width]).permute([0, 3, 1, 2]);
    let resized = square.upsample_bicubic2d([grid; 2], false, None, None);
    resized.permute([0, 2, 3, 1]).reshape([1, grid * grid, width])
}
