//! The network: which ONNX Runtime, on which device, with which model, and what it says.

pub mod device;
pub mod host;
pub mod model;
pub mod runtime;
pub mod session;

pub use device::Device;
pub use model::ModelFile;
pub use session::{Answer, Engine, Views};
