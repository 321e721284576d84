//! Where the network runs and in which precision.

use anyhow::{Result, ensure};
use tch::{Cuda, Device, Kind};

use crate::config::{self, Config, Precision};
use crate::net::{Architecture, Network};

/// The device and the kind that convolutions compute in.
///
/// # Errors
/// Returns an error if a GPU is asked for by name and there is none.
pub fn choose(config: &Config) -> Result<(Device, Kind)> {
    let has_gpu = Cuda::is_available();
    let device = match config.fit.device {
        config::Device::Auto => Device::cuda_if_available(),
        config::Device::Cpu => Device::Cpu,
        config::Device::Cuda => {
            ensure!(
                has_gpu,
                "fit.device = \"cuda\", but libtorch finds no GPU\n  \
                 `train/setup-libtorch.sh cuda` fetches the libtorch that can use one"
            );
            Device::Cuda(0)
        }
    };
    let kind = match config.fit.precision {
        Precision::Float32 => Kind::Float,
        Precision::BFloat16 => Kind::BFloat16,
        Precision::Auto if device.is_cuda() || cpu_has_bfloat16() => Kind::BFloat16,
        Precision::Auto => Kind::Float,
    };
    if config.fit.threads > 0 {
        tch::set_num_threads(i32::try_from(config.fit.threads)?);
    }
    Ok((device, kind))
}

/// Without the instructions, bfloat16 is emulated and slower than float32.
#[cfg(target_arch = "x86_64")]
fn cpu_has_bfloat16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_has_bfloat16() -> bool {
    false
}

/// A fresh network of the configured architecture.
///
/// # Errors
/// Returns an error if the device cannot be used, as `choose` does.
pub fn network(config: &Config) -> Result<Network> {
    let (device, kind) = choose(config)?;
    let arch = Architecture::new(config.network.backbone, config.network.top)
        .for_input(config.network.input);
    Ok(Network::new(arch, device, kind, config.seed as i64))
}

/// Threads for work beside the network.
pub fn n_workers(configured: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if configured > 0 { configured } else { cores.min(8) }
}
