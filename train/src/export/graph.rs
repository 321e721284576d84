//! From the architecture and its weights to an ONNX graph, batch-norms folded.

mod transformer;

use anyhow::Result;
use orientd_core::model_spec::{INPUT_NAME, ModelSpec, OUTPUT_NAME};
use tch::{Device, Kind, Tensor};

use crate::net::arch::{LEAKY_SLOPE, N_CLASSES, TOP_NORM, Top};
use crate::net::blocks::{Activation, Block, Conv, Norm, Residual, Shortcut, SqueezeExcite, Step};
use crate::net::network::Network;
use crate::onnx::proto::{
    AttributeProto, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetId,
    StringStringEntry, TensorProto, TensorShape, TensorType, TypeProto, ValueInfo, attribute_type,
    data_type,
};

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// How the weights are stored. The network computes in float32 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Float32,
    /// Half the size; cast when the model is loaded.
    Float16,
}

/// The whole model for pictures of `spec.input.size`.
///
/// # Errors
/// Returns an error if libtorch cannot give a tensor's values.
pub fn build(network: &Network, spec: &ModelSpec, precision: Precision) -> Result<ModelProto> {
    let size = spec.input.size as i64;
    let mut writer = Writer { network, precision, size, ..Writer::new(network) };
    let mut x = INPUT_NAME.to_owned();
    for block in network.arch.stages.iter().flatten() {
        x = match block {
            Block::Conv(conv) => writer.conv(&x, conv)?,
            Block::MaxPool { kernel, stride, padding } => {
                writer.max_pool(&x, *kernel, *stride, *padding)
            }
            Block::Residual(residual) => writer.residual(&x, residual)?,
            Block::Patches(patches) => writer.patches(&x, patches)?,
            Block::Transformer(block) => writer.transformer(&x, block)?,
            Block::Tokens { name, width } => writer.tokens(&x, name, *width)?,
        };
    }
    if !network.arch.backbone.is_transformer() {
        x = writer.node("GlobalAveragePool", &[&x], vec![]);
    }
    let features = writer.node("Flatten", &[&x], vec![int("axis", 1)]);
    writer.top(&features)?;

    let graph = GraphProto {
        name: network.arch.backbone.as_str().to_owned(),
        node: writer.nodes,
        initializer: writer.initializers,
        input: vec![value_info(INPUT_NAME, &[3, size, size])],
        output: vec![value_info(OUTPUT_NAME, &[N_CLASSES])],
    };
    Ok(ModelProto {
        ir_version: IR_VERSION,
        producer_name: "orientd-train".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSetId { domain: String::new(), version: OPSET }],
        metadata_props: spec
            .to_metadata()
            .into_iter()
            .map(|(key, value)| StringStringEntry { key, value })
            .collect(),
    })
}

struct Writer<'a> {
    network: &'a Network,
    precision: Precision,
    /// Side of what the next layer is given: padding depends on it.
    size: i64,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

impl<'a> Writer<'a> {
    fn new(network: &'a Network) -> Self {
        let precision = Precision::Float32;
        Self { network, precision, size: 0, nodes: Vec::new(), initializers: Vec::new() }
    }

    /// Adds a node with one output and returns the output's name.
    fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let name = format!("{}_{}", op.to_lowercase(), self.nodes.len());
        self.push(op, inputs, attributes, vec![name.clone()]);
        name
    }

    fn push(
        &mut self,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
        output: Vec<String>,
    ) {
        let name = format!("{}_{}", op.to_lowercase(), self.nodes.len());
        let input = inputs.iter().map(|input| (*input).to_owned()).collect();
        self.nodes.push(NodeProto { input, output, name, op_type: op.to_owned(), attribute });
    }

    /// Stores a tensor and returns the name of its float32 value.
    fn weight(&mut self, name: &str, tensor: &Tensor) -> Result<String> {
        // Biases are few, and their rounding would move every pixel the same way.
        let half = self.precision == Precision::Float16 && tensor.dim() > 1;
        let (data_type, kind, width) = if half {
            (data_type::FLOAT16, Kind::Half, 2)
        } else {
            (data_type::FLOAT, Kind::Float, 4)
        };
        let stored = tensor.to_device(Device::Cpu).to_kind(kind).contiguous();
        let mut raw_data = vec![0; stored.numel() * width];
        stored.f_copy_data_u8(&mut raw_data, stored.numel())?;
        let dims = tensor.size();
        let initializer =
            TensorProto { dims, data_type, name: name.to_owned(), raw_data, ..Default::default() };
        self.initializers.push(initializer);
        if !half {
            return Ok(name.to_owned());
        }
        Ok(self.node("Cast", &[name], vec![int("to", data_type::FLOAT.into())]))
    }

    fn scalar(&mut self, name: &str, value: f32) -> String {
        if !self.initializers.iter().any(|tensor| tensor.name == name) {
            self.initializers.push(TensorProto {
                data_type: data_type::FLOAT,
                name: name.to_owned(),
                raw_data: value.to_le_bytes().to_vec(),
                ..Default::default()
            });
        }
        name.to_owned()
    }

    fn activate(&mut self, x: String, activation: Activation) -> String {
        match activation {
            Activation::None => x,
            Activation::Relu => self.node("Relu", &[&x], vec![]),
            Activation::Relu6 => {
                let low = self.scalar("relu6.low", 0.0);
                let high = self.scalar("relu6.high", 6.0);
                self.node("Clip", &[&x, &low, &high], vec![])
            }
            Activation::Silu => {
                let gate = self.node("Sigmoid", &[&x], vec![]);
                self.node("Mul", &[&x, &gate], vec![])
            }
        }
    }

    fn conv(&mut self, x: &str, conv: &Conv) -> Result<String> {
        let weight = self.network.tensor(&format!("{}.conv.weight", conv.name)).detach();
        let (scale, shift) =
            norm_map(self.network, &format!("{}.bn", conv.name), self.network.arch.norm);
        let folded = weight * scale.reshape([-1, 1, 1, 1]);
        let weight = self.weight(&format!("{}.weight", conv.name), &folded)?;
        let bias = self.weight(&format!("{}.bias", conv.name), &shift)?;
        let (before, after) = conv.padding.amounts(self.size, conv.kernel, conv.stride);
        self.size = (self.size + before + after - conv.kernel) / conv.stride + 1;
        let attributes = vec![
            ints("kernel_shape", &[conv.kernel; 2]),
            ints("strides", &[conv.stride; 2]),
            ints("pads", &[before, before, after, after]),
            int("group", conv.groups),
        ];
        let out = self.node("Conv", &[x, &weight, &bias], attributes);
        Ok(self.activate(out, conv.activation))
    }

    fn max_pool(&mut self, x: &str, kernel: i64, stride: i64, padding: i64) -> String {
        self.size = (self.size + 2 * padding - kernel) / stride + 1;
        let attributes = vec![
            ints("kernel_shape", &[kernel; 2]),
            ints("strides", &[stride; 2]),
            ints("pads", &[padding; 4]),
        ];
        self.node("MaxPool", &[x], attributes)
    }

    fn residual(&mut self, x: &str, residual: &Residual) -> Result<String> {
        let before = self.size;
        let mut body = x.to_owned();
        for step in &residual.body {
            body = match step {
                Step::Conv(conv) => self.conv(&body, conv)?,
                Step::SqueezeExcite(se) => self.squeeze_excite(&body, se)?,
            };
        }
        let after = self.size;
        let shortcut = match &residual.shortcut {
            Shortcut::None => return Ok(self.activate(body, residual.activation)),
            Shortcut::Identity => x.to_owned(),
            Shortcut::Projection(conv) => {
                self.size = before;
                self.conv(x, conv)?
            }
        };
        self.size = after;
        let sum = self.node("Add", &[&body, &shortcut], vec![]);
        Ok(self.activate(sum, residual.activation))
    }

    fn squeeze_excite(&mut self, x: &str, se: &SqueezeExcite) -> Result<String> {
        let pooled = self.node("GlobalAveragePool", &[x], vec![]);
        let reduced = self.pointwise(&pooled, &format!("{}.reduce", se.name))?;
        let squeezed = self.activate(reduced, Activation::Silu);
        let restored = self.pointwise(&squeezed, &format!("{}.restore", se.name))?;
        let gate = self.node("Sigmoid", &[&restored], vec![]);
        Ok(self.node("Mul", &[x, &gate], vec![]))
    }

    fn pointwise(&mut self, x: &str, name: &str) -> Result<String> {
        let network = self.network;
        let weight = format!("{name}.weight");
        let weight = self.weight(&weight, &network.tensor(&weight).detach())?;
        let bias = format!("{name}.bias");
        let bias = self.weight(&bias, &network.tensor(&bias).detach())?;
        Ok(self.node("Conv", &[x, &weight, &bias], vec![ints("kernel_shape", &[1, 1])]))
    }

    fn top(&mut self, features: &str) -> Result<()> {
        let network = self.network;
        let tensor = |name: &str| network.tensor(name).detach();
        let mut weight = tensor("top.linear.weight");
        let mut bias = tensor("top.linear.bias");
        let mut x = features.to_owned();
        if network.arch.top == Top::Dense256 {
            x =
                self.gemm(&x, "top.dense", &tensor("top.dense.weight"), &tensor("top.dense.bias"))?;
            x = self.node("LeakyRelu", &[&x], vec![float("alpha", LEAKY_SLOPE as f32)]);
            // The batch-norm comes before the last layer, so it is folded forwards.
            let (scale, shift) = norm_map(network, "top.bn", TOP_NORM);
            // New tensors: assigning in place would change the network.
            bias = weight.matmul(&shift) + bias;
            weight = scale.unsqueeze(0) * weight;
        }
        self.gemm(&x, "top.linear", &weight, &bias)?;
        if let Some(last) = self.nodes.last_mut() {
            last.output = vec![OUTPUT_NAME.to_owned()];
        }
        Ok(())
    }

    fn gemm(&mut self, x: &str, name: &str, weight: &Tensor, bias: &Tensor) -> Result<String> {
        let weight = self.weight(&format!("{name}.weight"), weight)?;
        let bias = self.weight(&format!("{name}.bias"), bias)?;
        Ok(self.node("Gemm", &[x, &weight, &bias], vec![int("transB", 1)]))
    }
}

/// What a batch-norm does at rest: scale·x + shift.
fn norm_map(network: &Network, name: &str, norm: Norm) -> (Tensor, Tensor) {
    let tensor = |part: &str| network.tensor(&format!("{name}.{part}")).detach();
    let variance = tensor("running_var").to_kind(Kind::Double);
    let scale = tensor("weight").to_kind(Kind::Double) / (variance + norm.eps).sqrt();
    let shift = tensor("bias") - tensor("running_mean") * &scale;
    (scale.to_kind(Kind::Float), shift.to_kind(Kind::Float))
}

/// A float32 value with a free batch size and these further sides.
fn value_info(name: &str, sides: &[i64]) -> ValueInfo {
    let batch = DimensionValue::Named("batch".into());
    let fixed = sides.iter().map(|side| DimensionValue::Fixed(*side));
    let dim =
        std::iter::once(batch).chain(fixed).map(|value| Dimension { value: Some(value) }).collect();
    let tensor_type = TensorType { elem_type: data_type::FLOAT, shape: Some(TensorShape { dim }) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor_type) });
    ValueInfo { name: name.to_owned(), r#type }
}

fn int(name: &str, i: i64) -> AttributeProto {
    let r#type = attribute_type::INT;
    AttributeProto { name: name.to_owned(), i, r#type, ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let ints = values.to_vec();
    let r#type = attribute_type::INTS;
    AttributeProto { name: name.to_owned(), ints, r#type, ..Default::default() }
}

fn float(name: &str, f: f32) -> AttributeProto {
    let r#type = attribute_type::FLOAT;
    AttributeProto { name: name.to_owned(), f, r#type, ..Default::default() }
}
