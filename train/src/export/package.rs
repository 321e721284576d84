//! From a finished run to the model file: calibrated, checked against onnxruntime, and small.

use std::path::Path;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use jiff::tz::Offset;
use orientd_core::model_spec::ModelSpec;
use prost::Message;

use super::{Precision, build};
use crate::calibrate::{Calibration, calibrate};
use crate::config::{self, Config};
use crate::data::Cache;
use crate::data::split::split;
use crate::eval::Engine;
use crate::fit::device::n_workers;
use crate::fit::images::input_spec;
use crate::fit::validate::Views;
use crate::fit::{self, load_best, run_config};
use crate::metrics;
use crate::onnx::{self, Session};

/// The largest difference of a score between tch and onnxruntime.
const TOLERANCE: f32 = 1e-3;

/// The largest loss of accuracy, with one view or with four, for weights of half the size.
const HALF_COST: f64 = 0.0005;

/// Validation photos on which tch and onnxruntime are compared.
const COMPARED: usize = 32;

/// A model file, and what is to be known of how it was made.
pub struct Package {
    pub bytes: Vec<u8>,
    pub spec: ModelSpec,
    pub note: String,
}

/// # Errors
/// Returns an error if there is no trained network in `run`, or onnxruntime gives other scores than tch.
pub fn package(run: &Path, cache: &Cache, settings: &[String]) -> Result<Package> {
    onnx::runtime::ensure_installed()?;
    let mut config = run_config(run, &cache.records, settings)?;
    // What is shipped computes in float32, so that is what is calibrated and compared.
    config.fit.precision = config::Precision::Float32;
    let network = load_best(run, &config)?;
    let mut engine = Engine::Tch(Box::new(network), input_spec(&config));
    let present = fit::replaced(run)?;
    let part = split(&cache.records, &config)?.validation;
    let views = engine.score(cache, &part, &config.augment, |_| {})?;
    let Engine::Tch(network, _) = &engine else { unreachable!("made above") };
    let on_validation = Photos { cache, part: &part, config: &config };

    let spec_full = spec(&config, &views, present.as_ref())?;
    let full = build(network, &spec_full, Precision::Float32)?.encode_to_vec();
    let n_compared = COMPARED.min(part.len());
    let compared = Photos { part: &part[..n_compared], ..on_validation };
    let difference = difference(&compared.seen_by(&full)?, &views[..n_compared]);
    ensure!(
        difference <= TOLERANCE,
        "onnxruntime's scores differ from tch's by {difference}, more than {TOLERANCE}"
    );

    let half = build(network, &spec_full, Precision::Float16)?.encode_to_vec();
    let half_views = on_validation.seen_by(&half)?;
    let cost = half_cost(&views, &half_views);
    let (spec, precision, kind) = if cost < HALF_COST {
        // The thresholds are those of the weights that are shipped.
        (spec(&config, &half_views, present.as_ref())?, Precision::Float16, "float16")
    } else {
        (spec_full, Precision::Float32, "float32")
    };
    let bytes = build(network, &spec, precision)?.encode_to_vec();
    let note = format!(
        "{:.2} MB with {kind} weights (float16 costs {:.3} points on {} photos); in float32 \
         onnxruntime's scores are within {difference:.1e} of tch's on {n_compared} photos",
        bytes.len() as f64 / 1e6,
        100.0 * cost,
        part.len()
    );
    Ok(Package { bytes, spec, note })
}

/// What the model file says of itself, calibrated on what it says of the validation photos.
fn spec(config: &Config, views: &Views, present: Option<&Calibration>) -> Result<ModelSpec> {
    let fitted = calibrate(views, &config.calibrate, present)?;
    let one = metrics::one_view(views, fitted.temperature_1);
    let four = metrics::four_views(views, fitted.temperature_4);
    let [rightly, _, _] = metrics::wrongly_stored(&four, fitted.thresholds());
    let round = |x: f64| (x * 1e4).round() / 1e4;
    Ok(ModelSpec {
        input: input_spec(config),
        temperature_1: fitted.temperature_1,
        temperature_4: fitted.temperature_4,
        thresholds: fitted.thresholds(),
        cascade_confidence: fitted.cascade_confidence,
        backbone: config.network.backbone.as_str().to_owned(),
        trained_at: today(),
        eval: serde_json::json!({
            "photos": views.len(),
            "four_way_1": round(metrics::accuracy(&one)),
            "four_way_4": round(metrics::accuracy(&four)),
            "wrong_per_thousand": round(metrics::wrong_per_thousand(&four, fitted.thresholds())),
            "turned_rightly": round(rightly),
            "top": config.network.top.as_str(),
            "seed": config.seed,
        }),
    })
}

#[derive(Clone, Copy)]
struct Photos<'a> {
    cache: &'a Cache,
    part: &'a [usize],
    config: &'a Config,
}

impl Photos<'_> {
    /// The scores that onnxruntime gives with the model.
    fn seen_by(&self, model: &[u8]) -> Result<Views> {
        let mut engine = Engine::Onnx(Session::from_bytes(model, n_workers(0))?);
        engine.score(self.cache, self.part, &self.config.augment, |_| {})
    }
}

/// The largest of a score.
fn difference(a: &[[[f32; 4]; 4]], b: &[[[f32; 4]; 4]]) -> f32 {
    let pairs = a.iter().flatten().flatten().zip(b.iter().flatten().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// How much accuracy float16 loses, as a share: the worse of one view and four.
fn half_cost(full: &Views, half: &Views) -> f64 {
    let one = |views: &Views| metrics::accuracy(&metrics::one_view(views, 1.0));
    let four = |views: &Views| metrics::accuracy(&metrics::four_views(views, 1.0));
    f64::max(one(full) - one(half), four(full) - four(half))
}

/// In UTC, as YYYY-MM-DD.
fn today() -> String {
    Offset::UTC.to_datetime(Timestamp::now()).date().to_string()
}
