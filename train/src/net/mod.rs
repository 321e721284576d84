//! The networks. `arch` describes one as plain data; `network` runs the description with tch and
//! `export` writes the same description as an ONNX graph, so the two cannot drift apart.

pub mod arch;
pub mod backbone;
pub mod blocks;
mod efficientnet;
pub mod layers;
pub mod network;
pub mod parameters;
mod resnet;
mod transformer;
mod vit;

pub use arch::{Architecture, Top};
pub use backbone::Backbone;
pub use network::{Mode, Network};
pub use transformer::resize_positions;
