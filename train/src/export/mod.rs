//! Writes a network as one ONNX file with orientd's metadata, and checks it against onnxruntime.

mod graph;
pub mod package;

pub use graph::{Precision, build};
