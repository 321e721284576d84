//! Execution providers by the names people use for them.

use std::str::FromStr;

use anyhow::{Result, bail};
use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

/// Where the network runs. `Auto` takes the first that loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Device {
    #[default]
    Auto,
    Cpu,
    Cuda,
    TensorRt,
    OpenVino,
    MiGraphX,
}

impl Device {
    const NAMED: [(&'static str, Self); 6] = [
        ("auto", Self::Auto),
        ("cpu", Self::Cpu),
        ("cuda", Self::Cuda),
        ("tensorrt", Self::TensorRt),
        ("openvino", Self::OpenVino),
        ("migraphx", Self::MiGraphX),
    ];

    /// As the command line and the config name them.
    pub fn names() -> [&'static str; 6] {
        Self::NAMED.map(|(name, _)| name)
    }

    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, device)| *device == self).map_or("auto", |(name, _)| name)
    }

    /// What `auto` tries, in order. TensorRT is left out: it builds an engine for minutes first.
    pub(super) fn candidates(self) -> Vec<Self> {
        match self {
            Self::Auto => vec![Self::Cuda, Self::MiGraphX, Self::OpenVino, Self::Cpu],
            named => vec![named],
        }
    }

    /// Was this provider built into the loaded library?
    pub(super) fn is_built_in(self) -> bool {
        let available = match self {
            Self::Auto | Self::Cpu => return true,
            Self::Cuda => ep::CUDA::is_available(),
            Self::TensorRt => ep::TensorRT::is_available(),
            Self::OpenVino => ep::OpenVINO::is_available(),
            Self::MiGraphX => ep::MIGraphX::is_available(),
        };
        available.unwrap_or(false)
    }

    /// Accelerators are faster with full batches; a CPU gains nothing beyond a few photos.
    pub(super) fn is_accelerator(self) -> bool {
        !matches!(self, Self::Auto | Self::Cpu)
    }

    pub(super) fn provider(self) -> Option<ExecutionProviderDispatch> {
        let provider = match self {
            Self::Auto | Self::Cpu => return None,
            Self::Cuda => ep::CUDA::default().build(),
            Self::TensorRt => ep::TensorRT::default().build(),
            Self::OpenVino => ep::OpenVINO::default().build(),
            Self::MiGraphX => ep::MIGraphX::default().build(),
        };
        Some(provider.error_on_failure())
    }
}

impl FromStr for Device {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match Self::NAMED.iter().find(|(name, _)| *name == word) {
            Some((_, device)) => Ok(*device),
            None => {
                bail!("unknown device {word:?}; one of {}", Self::names().join(", "))
            }
        }
    }
}
