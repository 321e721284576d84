//! A model to be measured: a network in tch, or a model file in onnxruntime.

use anyhow::Result;
use orientd_core::image::preprocess::{InputSpec, turn_counter_clockwise};
use orientd_core::image::rgb::Rgb8;
use tch::Device;

use crate::augment::Augment;
use crate::data::cache::Cache;
use crate::fit::images::{to_tensor, view_logits};
use crate::fit::validate::{Views, photos_at_once, score};
use crate::net::Network;
use crate::onnx::Session;

pub enum Engine {
    Tch(Box<Network>, InputSpec),
    Onnx(Session),
}

impl Engine {
    pub fn input(&self) -> &InputSpec {
        match self {
            Self::Tch(_, spec) => spec,
            Self::Onnx(session) => &session.spec.input,
        }
    }

    /// The scores of the four views of each picture; `pixels` are N×S×S×3 bytes.
    ///
    /// # Errors
    /// Returns an error if onnxruntime fails.
    pub fn views(&mut self, pixels: &[u8]) -> Result<Views> {
        match self {
            Self::Tch(network, spec) => {
                Ok(view_logits(network, &to_tensor(pixels, spec, network.device)))
            }
            Self::Onnx(session) => onnx_views(session, pixels),
        }
    }

    /// The scores of the cached photos of `part`, as they are.
    ///
    /// # Errors
    /// Returns an error if the cache cannot be read or onnxruntime fails.
    pub fn score(
        &mut self,
        cache: &Cache,
        part: &[usize],
        augment: &Augment,
        progress: impl FnMut(usize),
    ) -> Result<Views> {
        let size = self.input().size;
        let at_once = match self {
            Self::Tch(network, _) => photos_at_once(network.device),
            Self::Onnx(_) => photos_at_once(Device::Cpu),
        };
        score(cache, part, (augment, size), at_once, |pixels| self.views(pixels), progress)
    }
}

fn onnx_views(session: &mut Session, pixels: &[u8]) -> Result<Views> {
    let spec = session.spec.input.clone();
    let mut views = Vec::new();
    for picture in pixels.chunks_exact(spec.len()) {
        let picture = Rgb8 { width: spec.size, height: spec.size, pixels: picture.to_vec() };
        let mut photo = vec![0.0; spec.len()];
        spec.normalise(&picture, &mut photo);
        let mut batch = vec![0.0; 4 * spec.len()];
        for (k, out) in batch.chunks_exact_mut(spec.len()).enumerate() {
            turn_counter_clockwise(&photo, spec.size, k, out);
        }
        let logits = session.logits(&batch)?;
        views.push([logits[0], logits[1], logits[2], logits[3]]);
    }
    Ok(views)
}
