//! One file that holds all a run needs to go on: weights, optimiser, average and place.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::weights::{Tensors, read_safetensors};

/// Key of the metadata that holds the place.
const STATE: &str = "orientd.state";

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// 0 or 1.
    pub stage: usize,
    pub epoch: usize,
    /// Steps done of this epoch.
    pub step: usize,
    pub global_step: usize,
    /// Steps of this stage's optimiser and of the average.
    pub adam_steps: i64,
    pub average_steps: i64,
    /// Of the epoch so far: sums over photos.
    pub sums: Sums,
    pub best_loss: f64,
    /// Epochs of this stage without a better loss.
    pub bad_epochs: usize,
    pub finished: bool,
    /// Seconds that this stage has taken so far.
    #[serde(default)]
    pub stage_seconds: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub photos: f64,
    pub loss: f64,
    pub right: f64,
}

impl State {
    pub(super) fn start() -> Self {
        Self {
            stage: 0,
            epoch: 0,
            step: 0,
            global_step: 0,
            adam_steps: 0,
            average_steps: 0,
            sums: Sums::default(),
            best_loss: f64::MAX,
            bad_epochs: 0,
            finished: false,
            stage_seconds: 0.0,
        }
    }
}

/// Writes the tensors and the place whole; the file before stays where that fails.
///
/// # Errors
/// Returns an error if the disk is full or fails.
pub(super) fn save(path: &Path, tensors: &Tensors, state: &State) -> Result<()> {
    let mut raw = Vec::new();
    for (name, tensor) in tensors {
        let stored = tch::no_grad(|| {
            tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous()
        });
        let mut bytes = vec![0; 4 * stored.numel()];
        stored.f_copy_data_u8(&mut bytes, stored.numel())?;
        let shape = stored.size().iter().map(|n| *n as usize).collect::<Vec<_>>();
        raw.push((name, shape, bytes));
    }
    let views = raw
        .iter()
        .map(|(name, shape, bytes)| {
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let metadata = HashMap::from([(STATE.to_owned(), serde_json::to_string(state)?)]);
    let bytes = safetensors::serialize(views, Some(metadata))?;
    crate::files::write_whole(path, &bytes)
}

/// # Errors
/// Returns an error if the file is damaged.
pub(super) fn load(path: &Path) -> Result<(Tensors, State)> {
    let failed = || format!("cannot read the checkpoint {}", path.display());
    let tensors: std::collections::BTreeMap<String, Tensor> =
        read_safetensors(path).with_context(failed)?;
    let bytes = std::fs::read(path).with_context(failed)?;
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).with_context(failed)?;
    let text = metadata.metadata().as_ref().and_then(|pairs| pairs.get(STATE));
    let state = text.context("it has no place of a run").with_context(failed)?;
    Ok((tensors, serde_json::from_str(state).with_context(failed)?))
}
