//! Starting weights: a run of our own, an ONNX model (ours, or DINOv2), ImageNet weights by torchvision's,
//! timm's or the Lite package's names (safetensors, or the Lite package's legacy `.pth`).

mod initializers;
mod legacy;
mod names;
mod onnx;
mod transformer;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tch::{Device, Kind, Tensor};

pub use legacy::read as read_legacy;
pub use names::{Scheme, foreign_name};
pub use transformer::TOKENS;

use crate::net::{Network, resize_positions};

/// Tensors by name, as a file holds them.
pub type Tensors = BTreeMap<String, Tensor>;

/// What was loaded, in words for the log.
#[derive(Debug, PartialEq)]
pub struct Loaded {
    pub format: &'static str,
    /// The file's top (its last linear layer and the like) fitted and was taken too.
    pub with_top: bool,
    /// The file has its batch-norms folded away: `Network::unfold_norms` is wanted before training.
    pub folded: bool,
}

/// Fills `network` from `path`; the top stays as it is where the file has none that fits.
///
/// # Errors
/// Returns an error if the file cannot be read, or holds the weights of another network: the first tensor that
/// is missing or has another shape is named, and `network` must not be used.
pub fn load(network: &Network, path: &Path) -> Result<Loaded> {
    let failed = || format!("cannot load weights from {}", path.display());
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "onnx" => onnx::load(network, path).with_context(failed),
        "safetensors" => {
            read_safetensors(path).and_then(|tensors| fill(network, &tensors)).with_context(failed)
        }
        "pth" | "pt" => {
            legacy::read(path).and_then(|tensors| fill(network, &tensors)).with_context(failed)
        }
        _ => bail!("{}: expected a file ending in .onnx, .safetensors or .pth", path.display()),
    }
}

pub fn read_safetensors(path: &Path) -> Result<Tensors> {
    let bytes = std::fs::read(path)?;
    let file = safetensors::SafeTensors::deserialize(&bytes).context("not a safetensors file")?;
    file.iter().map(|(name, view)| Ok((name.to_owned(), from_view(name, &view)?))).collect()
}

fn from_view(name: &str, view: &safetensors::tensor::TensorView<'_>) -> Result<Tensor> {
    use safetensors::Dtype;
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F64 => Kind::Double,
        Dtype::I64 => Kind::Int64,
        other => bail!("{name} has the unsupported type {other:?}"),
    };
    let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
    let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)?;
    Ok(if kind == Kind::Int64 { tensor } else { tensor.to_kind(Kind::Float) })
}

/// Fills the network from tensors under whatever naming they have.
fn fill(network: &Network, tensors: &Tensors) -> Result<Loaded> {
    let scheme = names::detect(tensors.keys().map(String::as_str))
        .context("the names of the tensors are none this program knows")?;
    let mut with_top = true;
    for parameter in network.parameters() {
        let name = names::foreign_name(&network.arch, &parameter.name, scheme);
        let found = name.as_ref().and_then(|name| tensors.get(name));
        match (found, parameter.stage) {
            (Some(tensor), Some(_)) => set(network, &parameter.name, tensor)?,
            (Some(tensor), None) if tensor.size() == parameter.shape => {
                network.set(&parameter.name, tensor)?;
            }
            // A head for other classes: ours starts fresh.
            (_, None) => with_top = false,
            (None, Some(_)) => bail!(
                "the weights lack {} and so are not those of {}",
                name.unwrap_or_else(|| parameter.name.clone()),
                network.arch.backbone.as_str()
            ),
        }
    }
    ensure_no_deeper(network, tensors, scheme)?;
    Ok(Loaded { format: scheme.as_str(), with_top, folded: false })
}

/// B1's first blocks have the shapes of B0's: a file with more blocks than the network is wrong.
fn ensure_no_deeper(network: &Network, tensors: &Tensors, scheme: Scheme) -> Result<()> {
    let known: std::collections::BTreeSet<_> = network
        .parameters()
        .iter()
        .filter_map(|parameter| names::foreign_name(&network.arch, &parameter.name, scheme))
        .collect();
    let is_norm_count = |name: &str| name.ends_with("num_batches_tracked");
    for (name, tensor) in tensors {
        let stray = !known.contains(name) && !is_norm_count(name) && !names::is_head(name);
        ensure!(
            !(stray && tensor.dim() == 4),
            "the weights have {name}, which {} has not",
            network.arch.backbone.as_str()
        );
    }
    Ok(())
}

/// Some files keep 1×1 convolutions as matrices, and positions may be for another size of pictures.
fn set(network: &Network, name: &str, tensor: &Tensor) -> Result<()> {
    let wanted = network.tensor(name).size();
    let is_square = |n: i64| ((n as f64).sqrt().round() as i64).pow(2) == n;
    if let ([1, n, width], [1, there, same]) = (wanted.as_slice(), tensor.size().as_slice())
        && width == same
        && is_square(*there)
    {
        let grid = (*n as f64).sqrt().round() as i64;
        return network.set(name, &resize_positions(tensor, grid));
    }
    let same_values = tensor.numel() as i64 == wanted.iter().product::<i64>();
    if tensor.dim() == 2 && wanted.len() == 4 && same_values {
        return network.set(name, &tensor.reshape(wanted));
    }
    network.set(name, tensor)
}

/// All tensors of a network, on the CPU.
pub fn snapshot(network: &Network) -> Tensors {
    let take = |name: &String| {
        let tensor = network.tensor(name).detach().to_device(Device::Cpu);
        // Rows outermost, as files have them, whatever the layout in use.
        (name.clone(), tensor.copy().contiguous())
    };
    tch::no_grad(|| network.parameters().iter().map(|parameter| take(&parameter.name)).collect())
}

/// Puts back what `snapshot` took.
pub fn restore(network: &Network, tensors: &Tensors) -> Result<()> {
    for parameter in network.parameters() {
        let name = &parameter.name;
        let tensor = tensors.get(name).with_context(|| format!("the checkpoint lacks {name}"))?;
        network.set(name, tensor)?;
    }
    Ok(())
}
