//! A transformer's blocks as ONNX nodes, of the operators that onnxruntime knows how to fuse. The
//! positions are those of the exported size.

use anyhow::Result;
use tch::Tensor;

use super::{Writer, float, int, ints};
use crate::net::blocks::{Patches, Transformer};
use crate::net::resize_positions;
use crate::onnx::proto::{AttributeProto, TensorProto, data_type};
use crate::weights::TOKENS;

impl Writer<'_> {
    /// N×T×W tokens, the class token first.
    pub(super) fn patches(&mut self, x: &str, patches: &Patches) -> Result<String> {
        let network = self.network;
        let grid = self.size / patches.side;
        let tensor = |part: &str| network.tensor(&format!("{}.{part}", patches.name)).detach();
        let weight = self.weight(&format!("{}.weight", patches.name), &tensor("weight"))?;
        let bias = self.weight(&format!("{}.bias", patches.name), &tensor("bias"))?;
        let attributes =
            vec![ints("kernel_shape", &[patches.side; 2]), ints("strides", &[patches.side; 2])];
        let cells = self.node("Conv", &[x, &weight, &bias], attributes);
        let rows = self.reshape(&cells, "shape.patches", &[0, patches.width, grid * grid]);
        let rows = self.node("Transpose", &[&rows], vec![ints("perm", &[0, 2, 1])]);
        // An empty row before the patches, to which the class token is added with the positions: it need
        // not be repeated for every picture of the batch.
        let amounts = self.integers("pad.class", &[0, 1, 0, 0, 0, 0]);
        let rows = self.node("Pad", &[&rows, &amounts], vec![]);
        let positions = resize_positions(&tensor("positions"), grid);
        let tokens = self.weight(TOKENS, &Tensor::f_cat(&[tensor("class"), positions], 1)?)?;
        Ok(self.node("Add", &[&rows, &tokens], vec![]))
    }

    pub(super) fn transformer(&mut self, x: &str, block: &Transformer) -> Result<String> {
        let name = |part: &str| format!("{}.{part}", block.name);
        let normed = self.layer_norm(x, &name("norm1"))?;
        let mixed = self.attention(&normed, block)?;
        let mixed = self.scaled(&mixed, &name("scale1"))?;
        let x = self.node("Add", &[x, &mixed], vec![]);
        let normed = self.layer_norm(&x, &name("norm2"))?;
        let hidden = self.matrix(&normed, &name("expand"))?;
        let hidden = self.gelu(&hidden);
        let hidden = self.matrix(&hidden, &name("contract"))?;
        let hidden = self.scaled(&hidden, &name("scale2"))?;
        Ok(self.node("Add", &[&x, &hidden], vec![]))
    }

    /// The class token and the mean of the others, N×2W.
    pub(super) fn tokens(&mut self, x: &str, name: &str, width: i64) -> Result<String> {
        let normed = self.layer_norm(x, name)?;
        let first = self.integers("index.class", &[0]);
        let class = self.node("Gather", &[&normed, &first], vec![int("axis", 1)]);
        let bounds = [
            self.integers("slice.start", &[1]),
            self.integers("slice.end", &[i64::MAX]),
            self.integers("slice.axis", &[1]),
        ];
        let patches = self.node("Slice", &[&normed, &bounds[0], &bounds[1], &bounds[2]], vec![]);
        let mean = self.node("ReduceMean", &[&patches], vec![ints("axes", &[1])]);
        let both = self.node("Concat", &[&class, &mean], vec![int("axis", 2)]);
        Ok(self.reshape(&both, "shape.features", &[0, 2 * width]))
    }

    fn attention(&mut self, x: &str, block: &Transformer) -> Result<String> {
        let width = block.width / block.heads;
        let all = self.matrix(x, &format!("{}.attention", block.name))?;
        let parts: Vec<String> =
            ["query", "key", "value"].iter().map(|part| format!("{all}.{part}")).collect();
        let sizes = self.integers("split.attention", &[block.width; 3]);
        self.push("Split", &[&all, &sizes], vec![int("axis", 2)], parts.clone());
        let mut heads = |part: &str, perm: &[i64]| {
            let part = self.reshape(part, "shape.heads", &[0, 0, block.heads, width]);
            self.node("Transpose", &[&part], vec![ints("perm", perm)])
        };
        let query = heads(&parts[0], &[0, 2, 1, 3]);
        let key = heads(&parts[1], &[0, 2, 3, 1]);
        let value = heads(&parts[2], &[0, 2, 1, 3]);
        let scale = self.scalar("attention.scale", 1.0 / (width as f32).sqrt());
        let query = self.node("Mul", &[&query, &scale], vec![]);
        let scores = self.node("MatMul", &[&query, &key], vec![]);
        let shares = self.node("Softmax", &[&scores], vec![int("axis", -1)]);
        let mixed = self.node("MatMul", &[&shares, &value], vec![]);
        let mixed = self.node("Transpose", &[&mixed], vec![ints("perm", &[0, 2, 1, 3])]);
        let mixed = self.reshape(&mixed, "shape.joined", &[0, 0, block.width]);
        self.matrix(&mixed, &format!("{}.projection", block.name))
    }

    /// Half of x times 1 + erf(x / √2), written as onnxruntime looks for it.
    fn gelu(&mut self, x: &str) -> String {
        let root = self.scalar("gelu.root", std::f32::consts::SQRT_2);
        let one = self.scalar("gelu.one", 1.0);
        let half = self.scalar("gelu.half", 0.5);
        let share = self.node("Div", &[x, &root], vec![]);
        let share = self.node("Erf", &[&share], vec![]);
        let share = self.node("Add", &[&share, &one], vec![]);
        let twice = self.node("Mul", &[x, &share], vec![]);
        self.node("Mul", &[&twice, &half], vec![])
    }

    fn layer_norm(&mut self, x: &str, name: &str) -> Result<String> {
        let weight = self.stored(&format!("{name}.weight"))?;
        let bias = self.stored(&format!("{name}.bias"))?;
        let eps = self.network.arch.norm.eps as f32;
        let attributes: Vec<AttributeProto> = vec![int("axis", -1), float("epsilon", eps)];
        Ok(self.node("LayerNormalization", &[x, &weight, &bias], attributes))
    }

    fn scaled(&mut self, x: &str, name: &str) -> Result<String> {
        let scale = self.stored(name)?;
        Ok(self.node("Mul", &[x, &scale], vec![]))
    }

    /// MatMul takes its matrix as inputs × outputs, the other way round than a linear layer.
    fn matrix(&mut self, x: &str, name: &str) -> Result<String> {
        let weight = format!("{name}.weight");
        let turned = self.network.tensor(&weight).detach().tr();
        let weight = self.weight(&weight, &turned)?;
        let bias = self.stored(&format!("{name}.bias"))?;
        let product = self.node("MatMul", &[x, &weight], vec![]);
        Ok(self.node("Add", &[&product, &bias], vec![]))
    }

    /// A tensor of the network as it is.
    fn stored(&mut self, name: &str) -> Result<String> {
        self.weight(name, &self.network.tensor(name).detach())
    }

    fn reshape(&mut self, x: &str, name: &str, shape: &[i64]) -> String {
        let shape = self.integers(name, shape);
        self.node("Reshape", &[x, &shape], vec![])
    }

    /// A row of integers, stored once.
    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        if !self.initializers.iter().any(|tensor| tensor.name == name) {
            self.initializers.push(TensorProto {
                dims: vec![values.len() as i64],
                data_type: data_type::INT64,
                name: name.to_owned(),
                raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
                ..Default::default()
            });
        }
        name.to_owned()
    }
}
