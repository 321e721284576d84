//! One ONNX session and its owner: batches of pictures in, calibrated answers out.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::answer::{Loaded, NetworkAnswer, Views};
use super::device::Device;
use super::model::ModelFile;
use super::runtime::{self, Runtime};
use orientd_core::image::preprocess::turn_counter_clockwise;
use orientd_core::image::rgb::Rgb8;
use orientd_core::model_spec::{INPUT_NAME, ModelSpec, OUTPUT_NAME};
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Probabilities;

/// An ONNX session in this process, and its owner. One thread, no sharing.
pub struct InProcess {
    session: Session,
    pub loaded: Loaded,
    batch: Vec<f32>,
}

impl InProcess {
    /// Loads the library, the model and a provider. `n_threads` are for the CPU provider.
    ///
    /// # Errors
    /// Returns an error if the library is missing, a named device cannot load, or the model does not fit.
    pub fn load(
        library: Option<&Path>,
        model: &ModelFile,
        device: Device,
        n_threads: usize,
    ) -> Result<Self> {
        let runtime = runtime::load(library)?;
        let mut passed_over = Vec::new();
        for candidate in device.candidates() {
            if !candidate.is_built_in() {
                let why = format!("not built into {}", runtime.path.display());
                passed_over.push((candidate, why));
                continue;
            }
            match open(runtime, model, candidate, n_threads) {
                Ok((session, spec)) => {
                    tracing::info!(provider = candidate.name(), model = model.name, "model loaded");
                    let loaded = Loaded { spec, device: candidate, passed_over };
                    return Ok(Self { session, loaded, batch: Vec::new() });
                }
                // An error of the model itself occurs on every device, so it is reported as it is for the CPU.
                Err(err) if candidate == Device::Cpu => return Err(err),
                Err(err) => passed_over.push((candidate, format!("{err:#}"))),
            }
        }
        let why = passed_over.pop().map_or_else(String::new, |(_, why)| why);
        bail!("the device {:?} cannot be used: {why}", device.name())
    }

    /// Answers for S×S pictures, in order. `None` if the network gave no usable numbers.
    ///
    /// # Errors
    /// Returns an error if the session fails; that is a fault of the device or the model, not of a photo.
    pub fn answer(&mut self, photos: &[&Rgb8], views: Views) -> Result<Vec<Option<NetworkAnswer>>> {
        match views {
            Views::Four => self.four_views(photos),
            Views::One => self.one_view(photos),
            Views::Cascade => {
                let mut answers = self.one_view(photos)?;
                let threshold = self.loaded.spec.cascade_confidence;
                let is_doubtful = |answer: &Option<NetworkAnswer>| {
                    answer.is_some_and(|answer| answer.probabilities.of(Turn::NONE) < threshold)
                };
                let doubtful: Vec<usize> =
                    (0..photos.len()).filter(|at| is_doubtful(&answers[*at])).collect();
                let again: Vec<&Rgb8> = doubtful.iter().map(|at| photos[*at]).collect();
                for (at, answer) in doubtful.into_iter().zip(self.four_views(&again)?) {
                    answers[at] = answer;
                }
                Ok(answers)
            }
        }
    }

    fn one_view(&mut self, photos: &[&Rgb8]) -> Result<Vec<Option<NetworkAnswer>>> {
        let len = self.loaded.spec.input.len();
        let mut batch = std::mem::take(&mut self.batch);
        batch.resize(photos.len() * len, 0.0);
        for (photo, out) in photos.iter().zip(batch.chunks_exact_mut(len)) {
            self.loaded.spec.input.normalise(photo, out);
        }
        let logits = self.run(&batch, photos.len());
        self.batch = batch;
        let temperature = self.loaded.spec.temperature_1;
        let answers = logits?.into_iter().map(|logits| {
            usable(NetworkAnswer {
                probabilities: Probabilities::from_logits(logits, temperature),
                views: 1,
            })
        });
        Ok(answers.collect())
    }

    fn four_views(&mut self, photos: &[&Rgb8]) -> Result<Vec<Option<NetworkAnswer>>> {
        let len = self.loaded.spec.input.len();
        let size = self.loaded.spec.input.size;
        let mut batch = std::mem::take(&mut self.batch);
        batch.resize(photos.len() * 4 * len, 0.0);
        for (photo, views) in photos.iter().zip(batch.chunks_exact_mut(4 * len)) {
            let (upright, turned) = views.split_at_mut(len);
            self.loaded.spec.input.normalise(photo, upright);
            for (k, out) in turned.chunks_exact_mut(len).enumerate() {
                turn_counter_clockwise(upright, size, k + 1, out);
            }
        }
        let logits = self.run(&batch, photos.len() * 4);
        self.batch = batch;
        let temperature = self.loaded.spec.temperature_4;
        let logits = logits?;
        let (photos, _) = logits.as_chunks::<4>();
        let answers = photos.iter().map(|views| {
            let probabilities = Probabilities::from_four_views(views, temperature);
            usable(NetworkAnswer { probabilities, views: 4 })
        });
        Ok(answers.collect())
    }

    /// Logits of `n` normalised pictures, in calls of a bounded size: the memory a call takes grows
    /// with its batch, the speed of a CPU does not.
    fn run(&mut self, batch: &[f32], n: usize) -> Result<Vec<[f32; 4]>> {
        let len = self.loaded.spec.input.len();
        let size = self.loaded.spec.input.size;
        let mut logits = Vec::with_capacity(n);
        for part in batch[..n * len].chunks(len * self.loaded.preferred_batch()) {
            let n_part = part.len() / len;
            let input = TensorRef::from_array_view(([n_part, 3, size, size], part))?;
            let outputs = self.session.run(ort::inputs![INPUT_NAME => input])?;
            let (_, values) = outputs[OUTPUT_NAME].try_extract_tensor::<f32>()?;
            let (rows, rest) = values.as_chunks::<4>();
            let n_rows = rows.len();
            ensure!(n_rows == n_part && rest.is_empty(), "the model answered {n_rows} of {n_part}");
            logits.extend_from_slice(rows);
        }
        Ok(logits)
    }
}

fn usable(answer: NetworkAnswer) -> Option<NetworkAnswer> {
    answer.probabilities.0.iter().all(|p| p.is_finite()).then_some(answer)
}

fn open(
    runtime: &Runtime,
    model: &ModelFile,
    device: Device,
    n_threads: usize,
) -> Result<(Session, ModelSpec)> {
    let mut builder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)
        .map_err(ort::Error::<()>::from)?
        .with_intra_threads(n_threads)
        .map_err(ort::Error::<()>::from)?
        // Spinning would take the cores that decode the next photos.
        .with_intra_op_spinning(false)
        .map_err(ort::Error::<()>::from)?;
    if let Some(provider) = device.provider() {
        builder = builder.with_execution_providers([provider]).map_err(ort::Error::<()>::from)?;
    }
    let session = builder
        .commit_from_memory(&model.bytes)
        .with_context(|| format!("the model {} cannot be loaded", model.name))?;
    let spec = check(&session).with_context(|| format!("the model {} does not fit", model.name))?;
    Ok((session, spec))
}

/// Reads the metadata and checks the graph's input and output against it.
fn check(session: &Session) -> Result<ModelSpec> {
    let spec = {
        let metadata = session.metadata()?;
        ModelSpec::from_metadata(|key| metadata.custom(key))?
    };
    let side = spec.input.size as i64;
    let input = session.inputs().iter().find(|input| input.name() == INPUT_NAME);
    let output = session.outputs().iter().find(|output| output.name() == OUTPUT_NAME);
    ensure!(session.inputs().len() == 1, "it has {} inputs, not one", session.inputs().len());
    check_shape(
        INPUT_NAME,
        input.map(|input| input.dtype()),
        &[None, Some(3), Some(side), Some(side)],
    )?;
    check_shape(OUTPUT_NAME, output.map(|output| output.dtype()), &[None, Some(4)])?;
    Ok(spec)
}

/// `None` in `expected` is a dimension that must be dynamic.
fn check_shape(name: &str, found: Option<&ValueType>, expected: &[Option<i64>]) -> Result<()> {
    let kind = found.ok_or_else(|| anyhow!("it has no {name:?}"))?;
    let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = kind else {
        bail!("its {name:?} is {kind:?}, not a float32 tensor")
    };
    let fits = shape.len() == expected.len()
        && shape.iter().zip(expected).all(|(dim, expected)| match expected {
            None => *dim < 0,
            // A dynamic side is as good as the right one.
            Some(n) => dim == n || *dim < 0,
        });
    let show = |dim: &Option<i64>| dim.map_or("n".to_owned(), |dim| dim.to_string());
    let wanted: Vec<String> = expected.iter().map(show).collect();
    ensure!(fits, "its {name:?} has the shape {shape:?}, not [{}]", wanted.join(", "));
    Ok(())
}
