//! Noise added to pixels, and pixels lost.

use anyhow::Result;
use orientd_core::image::rgb::Rgb8;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};

use super::{ChannelOp, Op, draw};

/// Adds `noise()` to every pixel, separately by channel or alike.
fn add_noise(picture: &mut Rgb8, per_channel: bool, mut noise: impl FnMut() -> f64) -> Result<()> {
    for pixel in picture.pixels.chunks_exact_mut(3) {
        let mut drawn = noise();
        for (channel, value) in pixel.iter_mut().enumerate() {
            if per_channel && channel > 0 {
                drawn = noise();
            }
            *value = (f64::from(*value) + drawn).round().clamp(0.0, 255.0) as u8;
        }
    }
    Ok(())
}

pub(super) fn gaussian(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let deviation = draw(op.range, rng);
    let per_channel = rng.random_bool(op.per_channel);
    add_noise(picture, per_channel, || {
        let unit: f64 = StandardNormal.sample(rng);
        deviation * unit
    })
}

pub(super) fn laplace(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    // A Laplace variable of scale b has the standard deviation b·√2.
    let deviation = draw(op.range, rng);
    let per_channel = rng.random_bool(op.per_channel);
    let scale = deviation / 2f64.sqrt();
    add_noise(picture, per_channel, || {
        let size: f64 = Exp1.sample(rng);
        if rng.random_bool(0.5) { scale * size } else { -scale * size }
    })
}

/// Poisson events, as many brighter as darker pixels.
pub(super) fn poisson(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let mean = draw(op.range, rng);
    let per_channel = rng.random_bool(op.per_channel);
    let events = Poisson::new(mean.max(1e-3))?;
    add_noise(picture, per_channel, || {
        let size: f64 = events.sample(rng);
        if rng.random_bool(0.5) { size } else { -size }
    })
}

/// Pixels, or single channels of them, become black.
pub(super) fn dropout(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let share = draw(op.range, rng).clamp(0.0, 1.0);
    let width = if rng.random_bool(op.per_channel) { 1 } else { 3 };
    for values in picture.pixels.chunks_exact_mut(width) {
        if rng.random_bool(share) {
            values.fill(0);
        }
    }
    Ok(())
}

/// Pixels become `towards` or something between.
pub(super) fn speckle(
    picture: &mut Rgb8,
    op: &Op,
    towards: u8,
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let share = draw(op.range, rng).clamp(0.0, 1.0);
    for pixel in picture.pixels.chunks_exact_mut(3) {
        if rng.random_bool(share) {
            let strength = rng.random_range(0.5..=1.0);
            for value in pixel {
                let old = f64::from(*value);
                *value = (old + strength * (f64::from(towards) - old)).round() as u8;
            }
        }
    }
    Ok(())
}
