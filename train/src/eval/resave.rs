//! The re-save probe: every photo is turned, saved as JPEG and looked at again. A network that
//! reads a codec's blocks instead of the picture falls here.

use anyhow::Result;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Probabilities;

use super::bootstrap::{Figure, Times, mean_figure};
use super::engine::Engine;
use crate::data::cache::Cache;
use crate::fit::images::says_upright;
use crate::jpeg;

const QUALITY: i32 = 90;

/// Accuracies over all four turns of the same photos, plain and saved again.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Resaved {
    pub photos: usize,
    pub plain_1: Figure,
    pub resaved_1: Figure,
    pub plain_4: Figure,
    pub resaved_4: Figure,
    /// What saving again changes with one view and with four, photo by photo.
    pub change_1: Figure,
    pub change_4: Figure,
}

/// Shares of one photo's four turns that are answered rightly.
struct Row {
    plain_1: f64,
    resaved_1: f64,
    plain_4: f64,
    resaved_4: f64,
}

/// `plain` are the scores of the photos of `part` as they are.
///
/// # Errors
/// Returns an error if a photo cannot be read or saved, or the model fails.
pub fn probe(
    engine: &mut Engine,
    cache: &Cache,
    part: &[usize],
    plain: &[[[f32; 4]; 4]],
    resamplings: &[Times],
    mut progress: impl FnMut(),
) -> Result<Resaved> {
    let mut rows = Vec::with_capacity(part.len());
    for (idx, plain) in part.iter().zip(plain) {
        rows.push(row(engine, cache.read(&cache.records[*idx])?, plain)?);
        progress();
    }
    let figure = |value: &dyn Fn(&Row) -> f64| {
        mean_figure(&rows.iter().map(value).collect::<Vec<_>>(), resamplings)
    };
    Ok(Resaved {
        photos: part.len(),
        plain_1: figure(&|row| row.plain_1),
        resaved_1: figure(&|row| row.resaved_1),
        plain_4: figure(&|row| row.plain_4),
        resaved_4: figure(&|row| row.resaved_4),
        change_1: figure(&|row| row.resaved_1 - row.plain_1),
        change_4: figure(&|row| row.resaved_4 - row.plain_4),
    })
}

fn row(engine: &mut Engine, photo: Rgb8, plain: &[[f32; 4]; 4]) -> Result<Row> {
    let spec = engine.input().clone();
    let mut pixels = Vec::with_capacity(4 * spec.len());
    for truth in Turn::ALL {
        let turned = photo.clone().oriented(truth.inverse().orientation());
        pixels.extend(spec.squash(&jpeg::resave(&turned, QUALITY)?)?.pixels);
    }
    let is = |right: bool| f64::from(u8::from(right)) / 4.0;
    let one = |logits| Probabilities::from_logits(logits, 1.0).best().0;
    let plain_4 = f64::from(u8::from(says_upright(plain)));
    let mut row = Row { plain_1: 0.0, resaved_1: 0.0, plain_4, resaved_4: 0.0 };
    for (truth, views) in Turn::ALL.into_iter().zip(engine.views(&pixels)?) {
        row.plain_1 += is(one(plain[truth.class()]) == truth);
        row.resaved_1 += is(one(views[0]) == truth);
        row.resaved_4 += is(Probabilities::from_four_views(&views, 1.0).best().0 == truth);
    }
    Ok(row)
}
