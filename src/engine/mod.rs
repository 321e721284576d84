//! The network: which ONNX Runtime, on which device, with which model, and what it says.

mod answer;
pub mod device;
pub mod host;
pub mod model;
pub mod runtime;
mod session;

use std::path::Path;

use anyhow::Result;

pub use answer::{Loaded, NetworkAnswer, Views};
pub use device::Device;
pub use model::ModelFile;

use self::host::Host;
use self::session::InProcess;
use orientd_core::image::rgb::Rgb8;

/// An inference session, in this process or in a child.
pub enum Engine {
    InProcess(Box<InProcess>),
    /// In a process of its own, whose memory goes back to the system when the engine is dropped.
    Child(Box<Host>),
}

impl Engine {
    /// Loads the library, the model and a provider into this process. `n_threads` are for the CPU
    /// provider.
    ///
    /// # Errors
    /// Returns an error if the library is missing, a named device cannot load, or the model does not
    /// fit.
    pub fn load(
        library: Option<&Path>,
        model: &ModelFile,
        device: Device,
        n_threads: usize,
    ) -> Result<Self> {
        let engine = InProcess::load(library, model, device, n_threads)?;
        Ok(Self::InProcess(Box::new(engine)))
    }

    /// As [`Engine::load`], in a child process.
    ///
    /// # Errors
    /// As [`Engine::load`]; also if the process cannot be started.
    pub fn load_in_child(
        library: Option<&Path>,
        model: &ModelFile,
        device: Device,
        n_threads: usize,
    ) -> Result<Self> {
        Ok(Self::Child(Box::new(Host::start(library, model, device, n_threads)?)))
    }

    pub fn loaded(&self) -> &Loaded {
        match self {
            Self::InProcess(engine) => &engine.loaded,
            Self::Child(host) => &host.loaded,
        }
    }

    /// Answers for S×S pictures, in order. `None` if the network gave no usable numbers.
    ///
    /// # Errors
    /// Returns an error if the session fails; that is a fault of the device or the model, not of a
    /// photo.
    pub fn answer(&mut self, photos: &[&Rgb8], views: Views) -> Result<Vec<Option<NetworkAnswer>>> {
        match self {
            Self::InProcess(engine) => engine.answer(photos, views),
            Self::Child(host) => host.answer(photos, views),
        }
    }
}
