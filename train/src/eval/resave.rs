//! The re-save probe: every photo is turned, saved as JPEG and looked at again. A network that
//! reads a codec's blocks instead of the picture falls here.

use anyhow::Result;
use orientd::rules::decision::Probabilities;
use orientd::rules::orientation::Turn;

use super::engine::Engine;
use crate::data::cache::Cache;
use crate::data::jpeg;
use crate::fit::images::says_upright;

const QUALITY: i32 = 90;

/// Accuracies over all four turns of the same photos, plain and saved again.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Resaved {
    pub photos: usize,
    pub plain_1: f64,
    pub resaved_1: f64,
    pub plain_4: f64,
    pub resaved_4: f64,
}

/// `plain` are the scores of the photos of `part` as they are.
///
/// # Errors
/// Where a photo cannot be read or saved, or the model fails.
pub fn probe(
    engine: &mut Engine,
    cache: &Cache,
    part: &[usize],
    plain: &[[[f32; 4]; 4]],
    mut progress: impl FnMut(),
) -> Result<Resaved> {
    let spec = engine.input().clone();
    let mut result = Resaved { photos: part.len(), ..Resaved::default() };
    let n = 4.0 * part.len().max(1) as f64;
    let is = |right: bool| f64::from(u8::from(right)) / n;
    for (idx, plain) in part.iter().zip(plain) {
        let photo = cache.read(&cache.records[*idx])?;
        let mut pixels = Vec::with_capacity(4 * spec.len());
        for truth in Turn::ALL {
            let turned = photo.clone().oriented(truth.inverse().orientation());
            pixels.extend(spec.squash(&jpeg::resave(&turned, QUALITY)?)?.pixels);
        }
        let upright = says_upright(plain);
        for (truth, views) in Turn::ALL.into_iter().zip(engine.views(&pixels)?) {
            let one = |logits| Probabilities::from_logits(logits, 1.0).best().0;
            result.plain_1 += is(one(plain[truth.class()]) == truth);
            result.resaved_1 += is(one(views[0]) == truth);
            result.plain_4 += is(upright);
            result.resaved_4 += is(Probabilities::from_four_views(&views, 1.0).best().0 == truth);
        }
        progress();
    }
    Ok(result)
}
