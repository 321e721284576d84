//! The tensors that an ONNX graph holds, by the names under which its nodes know them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use tch::{Kind, Tensor};

use crate::onnx::proto::{GraphProto, TensorProto, data_type};

pub(super) struct Initializers<'a> {
    by_name: BTreeMap<&'a str, &'a TensorProto>,
}

impl<'a> Initializers<'a> {
    /// A tensor that is cast has the name of the result, too.
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let named = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor));
        let mut by_name: BTreeMap<&str, &TensorProto> = named.collect();
        for node in graph.node.iter().filter(|node| node.op_type == "Cast") {
            if let ([input], [output]) = (node.input.as_slice(), node.output.as_slice())
                && let Some(tensor) = by_name.get(input.as_str()).copied()
            {
                by_name.insert(output, tensor);
            }
        }
        Self { by_name }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// In float32.
    ///
    /// # Errors
    /// Returns an error if there is none of that name, or its kind or length is not what we read.
    pub(super) fn tensor(&self, name: &str) -> Result<Tensor> {
        let tensor = self.by_name.get(name).with_context(|| format!("no initializer {name}"))?;
        read(tensor).with_context(|| format!("initializer {name}"))
    }
}

fn read(tensor: &TensorProto) -> Result<Tensor> {
    if tensor.raw_data.is_empty() && !tensor.float_data.is_empty() {
        let values = Tensor::from_slice(&tensor.float_data);
        return Ok(values.f_reshape(&tensor.dims)?);
    }
    let kind = match tensor.data_type {
        data_type::FLOAT => Kind::Float,
        data_type::FLOAT16 => Kind::Half,
        other => bail!("unsupported data type {other}"),
    };
    Ok(Tensor::f_from_data_size(&tensor.raw_data, &tensor.dims, kind)?.to_kind(Kind::Float))
}
