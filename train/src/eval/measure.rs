//! The whole evaluation of one model on one part of the photos.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use orientd_core::verdict::decision::Thresholds;
use serde::Serialize;

use super::bootstrap::{Figure, Times, figure, mean_figure, resamplings};
use super::engine::Engine;
use super::resave::{self, Resaved};
use crate::calibrate::{Calibration, auto_confidence};
use crate::config::Config;
use crate::data::cache::{Cache, Record};
use crate::fit::validate::Views;
use crate::metrics::{self, Answer, Bin, Point};
use crate::progress;

/// The figures of one way of asking the network.
#[derive(Clone, Debug, Serialize)]
pub struct Measures {
    /// Share of all four turns of all photos that is answered rightly.
    pub accuracy: Figure,
    pub loss: Figure,
    pub calibration_error: Figure,
    pub average_precision: Figure,
    pub recall_at_97: Figure,
    pub recall_at_99: Figure,
    /// At `auto_confidence`.
    pub wrong_per_thousand: Figure,
    pub turned_rightly: Figure,
    pub turned_wrongly: Figure,
    pub reviewed: Figure,
    /// The lowest threshold that keeps to the allowed wrong turns on these very photos, and the share of the
    /// wrongly stored turned rightly there: what a threshold fitted elsewhere can be compared with.
    pub best_threshold: f32,
    pub best_turned_rightly: f64,
    pub confusion: [[usize; 4]; 4],
    /// The reliability diagram.
    pub bins: Vec<Bin>,
    /// Precision and recall of "needs turning, and this way", by falling confidence; thinned.
    pub curve: Vec<Point>,
}

/// The figures of one source.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    pub source: String,
    pub photos: usize,
    pub accuracy_1: Figure,
    pub accuracy_4: Figure,
    pub wrong_per_thousand: Figure,
    pub turned_rightly: Figure,
}

/// A photo that is answered wrongly with four views.
#[derive(Clone, Debug, Serialize)]
pub struct Mistake {
    pub path: String,
    pub source: String,
    /// Degrees clockwise that were wanted of the upright photo.
    pub turn: u16,
    pub confidence: f32,
    #[serde(skip)]
    pub record: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    pub model: String,
    pub part: String,
    pub photos: usize,
    pub prevalence: f64,
    pub settings: Calibration,
    pub one_view: Measures,
    pub four_views: Measures,
    /// As orientd looks by default, and the share of photos that need four views.
    pub cascade: Measures,
    pub cascade_four_views: f64,
    pub resave: Resaved,
    /// Mean over sources of the four-view accuracy, and the worst of them.
    pub mean_source: f64,
    pub worst_source: Option<String>,
    pub sources: Vec<Source>,
    /// Photos answered wrongly with four views, of which `mistakes` shows the surest.
    pub n_mistakes: usize,
    pub mistakes: Vec<Mistake>,
}

/// What is measured, on which photos.
pub struct Subject<'a> {
    pub model: &'a str,
    pub part_name: &'a str,
    pub part: &'a [usize],
    pub settings: Calibration,
}

/// # Errors
/// Returns an error if there are no photos, the cache cannot be read or the model fails.
pub fn evaluate(
    engine: &mut Engine,
    cache: &Cache,
    config: &Config,
    subject: &Subject<'_>,
) -> Result<Evaluation> {
    let part = subject.part;
    ensure!(!part.is_empty(), "there are no photos in the part {}", subject.part_name);
    let bar = progress::photos(part.len() as u64, "evaluate");
    let views = engine.score(cache, part, &config.augment, |n| bar.set_position(n as u64))?;
    bar.finish_and_clear();

    let most = if config.eval.resave_photos == 0 { part.len() } else { config.eval.resave_photos };
    let n_probed = most.min(part.len());
    let probed: Vec<usize> = (0..n_probed).map(|n| n * part.len() / n_probed).collect();
    let probed_part: Vec<usize> = probed.iter().map(|at| part[*at]).collect();
    let probed_views: Views = probed.iter().map(|at| views[*at]).collect();
    let bar = progress::photos(n_probed as u64, "re-save");
    let resamplings = resamplings(n_probed, config.eval.bootstrap, config.seed);
    let resave =
        resave::probe(engine, cache, &probed_part, &probed_views, &resamplings, || bar.inc(1))?;
    bar.finish_and_clear();

    let records: Vec<&Record> = part.iter().map(|idx| &cache.records[*idx]).collect();
    Ok(figures(&views, &records, part, config, subject, resave))
}

fn figures(
    views: &Views,
    records: &[&Record],
    part: &[usize],
    config: &Config,
    subject: &Subject<'_>,
    resave: Resaved,
) -> Evaluation {
    let settings = subject.settings;
    let prevalence = config.eval.prevalence;
    let one = metrics::one_view(views, settings.temperature_1);
    let four = metrics::four_views(views, settings.temperature_4);
    let (cascade, cascade_four_views) =
        metrics::cascade(&one, &four, settings.cascade_confidence, prevalence);
    let resamplings = resamplings(views.len(), config.eval.bootstrap, config.seed);
    let allowed = config.calibrate.wrong_per_thousand;
    let measured = |answers: &[Answer]| {
        measure(answers, settings.thresholds(), (prevalence, allowed), &resamplings)
    };
    let sources = by_source(records, &one, &four, settings.thresholds(), config);
    let total: f64 = sources.iter().map(|source| source.accuracy_4.value).sum();
    Evaluation {
        model: subject.model.to_owned(),
        part: subject.part_name.to_owned(),
        photos: views.len(),
        prevalence,
        settings,
        one_view: measured(&one),
        four_views: measured(&four),
        cascade: measured(&cascade),
        cascade_four_views,
        resave,
        mean_source: total / sources.len().max(1) as f64,
        worst_source: sources.first().map(|source| source.source.clone()),
        n_mistakes: four.iter().step_by(4).filter(|answer| !answer.is_right()).count(),
        mistakes: mistakes(records, part, &four, config.eval.worst),
        sources,
    }
}

/// `answers` come four to a photo, photo by photo.
fn measure(
    answers: &[Answer],
    thresholds: Thresholds,
    (prevalence, allowed): (f64, f64),
    resamplings: &[Times],
) -> Measures {
    let best_threshold = auto_confidence(answers, allowed);
    let best = Thresholds { auto_confidence: best_threshold, ..thresholds };
    let n_photos = answers.len() / 4;
    let by_photo = |value: &dyn Fn(&[Answer]) -> f64| {
        let values: Vec<f64> = answers.chunks_exact(4).map(value).collect();
        mean_figure(&values, resamplings)
    };
    let scored = metrics::scored(answers, prevalence);
    let on_curve = |statistic: &dyn Fn(&[Point], f64) -> f64| {
        figure(n_photos, resamplings, |times| {
            let (points, average) = metrics::curve(&scored, times);
            statistic(&points, average)
        })
    };
    let stored_wrongly =
        |which: usize| by_photo(&|photo| metrics::wrongly_stored(photo, thresholds)[which]);
    Measures {
        accuracy: by_photo(&metrics::accuracy),
        loss: by_photo(&metrics::loss),
        calibration_error: figure(n_photos, resamplings, |times| {
            metrics::calibration(answers, times).0
        }),
        average_precision: on_curve(&|_, average| average),
        recall_at_97: on_curve(&|points, _| metrics::recall_at(points, 0.97)),
        recall_at_99: on_curve(&|points, _| metrics::recall_at(points, 0.99)),
        wrong_per_thousand: by_photo(&|photo| metrics::wrong_per_thousand(photo, thresholds)),
        turned_rightly: stored_wrongly(0),
        turned_wrongly: stored_wrongly(1),
        reviewed: stored_wrongly(2),
        best_threshold,
        best_turned_rightly: metrics::wrongly_stored(answers, best)[0],
        confusion: metrics::confusion(answers),
        bins: metrics::calibration(answers, |_| 1.0).1,
        curve: thinned(metrics::curve(&scored, |_| 1.0).0),
    }
}

/// About a thousand points at most, the ends among them.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let step = points.len().div_ceil(1000).max(1);
    let last = points.last().copied();
    let mut thinned: Vec<Point> = points.into_iter().step_by(step).collect();
    if thinned.last() != last.as_ref() {
        thinned.extend(last);
    }
    thinned
}

fn by_source(
    records: &[&Record],
    one: &[Answer],
    four: &[Answer],
    thresholds: Thresholds,
    config: &Config,
) -> Vec<Source> {
    let mut members: BTreeMap<&str, Vec<[&[Answer]; 2]>> = BTreeMap::new();
    let photos = records.iter().zip(one.chunks_exact(4).zip(four.chunks_exact(4)));
    for (record, (one, four)) in photos {
        members.entry(record.source.as_str()).or_default().push([one, four]);
    }
    let mut sources: Vec<Source> = members
        .into_iter()
        .map(|(source, photos)| {
            let resamplings = resamplings(photos.len(), config.eval.bootstrap, config.seed);
            let figure = |looked: usize, value: &dyn Fn(&[Answer]) -> f64| {
                let values: Vec<f64> = photos.iter().map(|photo| value(photo[looked])).collect();
                mean_figure(&values, &resamplings)
            };
            Source {
                source: source.to_owned(),
                photos: photos.len(),
                accuracy_1: figure(0, &metrics::accuracy),
                accuracy_4: figure(1, &metrics::accuracy),
                wrong_per_thousand: figure(1, &|photo| {
                    metrics::wrong_per_thousand(photo, thresholds)
                }),
                turned_rightly: figure(1, &|photo| metrics::wrongly_stored(photo, thresholds)[0]),
            }
        })
        .collect();
    sources.sort_by(|a, b| a.accuracy_4.value.total_cmp(&b.accuracy_4.value));
    sources
}

/// Those it was surest of first.
fn mistakes(records: &[&Record], part: &[usize], four: &[Answer], most: usize) -> Vec<Mistake> {
    let upright = four.iter().step_by(4);
    let mut mistakes: Vec<Mistake> = records
        .iter()
        .zip(part)
        .zip(upright)
        .filter(|(_, answer)| !answer.is_right())
        .map(|((record, idx), answer)| {
            let (turn, confidence) = answer.seen.best();
            let path = record.path.clone();
            let source = record.source.clone();
            Mistake { path, source, turn: turn.degrees(), confidence, record: *idx }
        })
        .collect();
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    mistakes.truncate(most);
    mistakes
}
