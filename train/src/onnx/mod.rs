//! ONNX files: their messages, and the runtime that runs them.

pub mod proto;
pub mod runtime;

pub use runtime::Session;
