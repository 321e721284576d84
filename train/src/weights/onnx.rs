//! Weights out of an ONNX model whose batch-norms are folded into the convolutions, in the order of
//! the graph: ours, and those PyTorch's exporter writes for the same networks.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use prost::Message;
use tch::{Device, Kind, Tensor};

use super::initializers::Initializers;
use super::{Loaded, transformer};
use crate::net::blocks::{Block, Shortcut, Step};
use crate::net::{Network, Top};
use crate::onnx::proto::{ModelProto, NodeProto};

/// A weight and a bias.
type Pair = (Tensor, Tensor);

pub(super) fn load(network: &Network, path: &Path) -> Result<Loaded> {
    let bytes = std::fs::read(path)?;
    let graph = ModelProto::decode(bytes.as_slice())
        .context("not an ONNX file")?
        .graph
        .context("the model has no graph")?;
    let values = Initializers::of(&graph);
    if network.arch.backbone.is_transformer() {
        let format = transformer::fill(network, &graph, &values)?;
        let with_top = fill_top(network, pairs(&graph.node, "Gemm", &values)?)?;
        return Ok(Loaded { format, with_top, folded: false });
    }
    let mut convs = pairs(&graph.node, "Conv", &values)?.into_iter();
    fill_blocks(network, &mut convs)?;
    ensure!(
        convs.next().is_none(),
        "the model has more convolutions than {}",
        network.arch.backbone.as_str()
    );
    let with_top = fill_top(network, pairs(&graph.node, "Gemm", &values)?)?;
    Ok(Loaded { format: "onnx", with_top, folded: true })
}

fn pairs(nodes: &[NodeProto], op: &str, values: &Initializers<'_>) -> Result<Vec<Pair>> {
    nodes
        .iter()
        .filter(|node| node.op_type == op)
        .map(|node| match node.input.as_slice() {
            [_, weight, bias] => Ok((values.tensor(weight)?, values.tensor(bias)?)),
            _ => bail!("a {op} without a bias: batch-norms are expected to be folded"),
        })
        .collect()
}

fn fill_blocks(network: &Network, convs: &mut impl Iterator<Item = Pair>) -> Result<()> {
    let mut next = || convs.next().context("the model has too few convolutions");
    for block in network.arch.stages.iter().flatten() {
        match block {
            Block::Conv(conv) => set_conv(network, &conv.name, next()?)?,
            Block::MaxPool { .. } => {}
            Block::Residual(residual) => {
                for step in &residual.body {
                    match step {
                        Step::Conv(conv) => set_conv(network, &conv.name, next()?)?,
                        Step::SqueezeExcite(se) => {
                            for part in ["reduce", "restore"] {
                                let (weight, bias) = next()?;
                                let name = format!("{}.{part}", se.name);
                                network.set(&format!("{name}.weight"), &weight)?;
                                network.set(&format!("{name}.bias"), &bias)?;
                            }
                        }
                    }
                }
                if let Shortcut::Projection(conv) = &residual.shortcut {
                    set_conv(network, &conv.name, next()?)?;
                }
            }
            Block::Patches(_) | Block::Transformer(_) | Block::Tokens { .. } => {
                bail!("a transformer has no convolutions to fill")
            }
        }
    }
    Ok(())
}

/// The folded pair, and a batch-norm that adds the bias and nothing else.
fn set_conv(network: &Network, name: &str, (weight, bias): Pair) -> Result<()> {
    network.set(&format!("{name}.conv.weight"), &weight)?;
    set_identity(network, &format!("{name}.bn"), &bias, network.arch.norm.eps)
}

fn set_identity(network: &Network, norm: &str, bias: &Tensor, eps: f64) -> Result<()> {
    let ones = Tensor::ones_like(bias);
    network.set(&format!("{norm}.weight"), &(&ones * (1.0 + eps).sqrt()))?;
    network.set(&format!("{norm}.bias"), bias)?;
    network.set(&format!("{norm}.running_mean"), &Tensor::zeros_like(&ones))?;
    network.set(&format!("{norm}.running_var"), &ones)
}

/// Takes the model's top where it is of the kind wanted; its batch-norm is folded into the last
/// layer, so that ours starts as the identity.
fn fill_top(network: &Network, layers: Vec<Pair>) -> Result<bool> {
    let names: &[&str] = match network.arch.top {
        Top::None => &["top.linear"],
        Top::Dense256 => &["top.dense", "top.linear"],
    };
    let fits = layers.len() == names.len()
        && names.iter().zip(&layers).all(|(name, (weight, _))| {
            network.tensor(&format!("{name}.weight")).size() == weight.size()
        });
    if !fits {
        return Ok(false);
    }
    for (name, (weight, bias)) in names.iter().zip(&layers) {
        network.set(&format!("{name}.weight"), weight)?;
        network.set(&format!("{name}.bias"), bias)?;
    }
    if network.arch.top == Top::Dense256 {
        let zeros = Tensor::zeros(network.tensor("top.bn.bias").size(), (Kind::Float, Device::Cpu));
        set_identity(network, "top.bn", &zeros, crate::net::arch::TOP_NORM.eps)?;
    }
    Ok(true)
}
