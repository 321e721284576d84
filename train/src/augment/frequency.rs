//! The frequency-noise blend: clouds of noise say where the picture is multiplied and where its
//! contrast is changed.

use std::f64::consts::TAU;

use anyhow::Result;
use orientd_core::image::rgb::Rgb8;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{FrequencyBlend, draw};

/// Side of the cloud before it is enlarged.
const SIDE: usize = 16;

pub(super) fn blend(picture: &mut Rgb8, op: &FrequencyBlend, rng: &mut ChaCha8Rng) -> Result<()> {
    let cloud = cloud(draw(op.range, rng), rng);
    let factor = draw(op.multiply, rng);
    let contrast = draw(op.contrast, rng);
    let width = picture.width;
    let height = picture.height;
    for (y, row) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let share = sample(&cloud, x as f64 / width as f64, y as f64 / height as f64);
            for value in pixel {
                let old = f64::from(*value);
                let new = share * old * factor + (1.0 - share) * (127.0 + contrast * (old - 127.0));
                *value = new.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Ok(())
}

/// SIDE×SIDE values from 0 to 1 whose spectrum falls with the frequency to the power `exponent`.
fn cloud(exponent: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut values = vec![0.0; SIDE * SIDE];
    for fy in 0..SIDE / 2 {
        for fx in 0..SIDE / 2 {
            if (fx, fy) == (0, 0) {
                continue;
            }
            let frequency = ((fx * fx + fy * fy) as f64).sqrt();
            let amplitude = frequency.powf(exponent);
            let phase_x = rng.random_range(0.0..TAU);
            let phase_y = rng.random_range(0.0..TAU);
            let wave = |f: usize, phase: f64| {
                let step = TAU * f as f64 / SIDE as f64;
                (0..SIDE).map(|i| (step * i as f64 + phase).cos()).collect::<Vec<_>>()
            };
            let along = wave(fx, phase_x);
            let down = wave(fy, phase_y);
            for (row, across) in values.chunks_exact_mut(SIDE).zip(&down) {
                for (value, x) in row.iter_mut().zip(&along) {
                    *value += amplitude * x * across;
                }
            }
        }
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for value in &mut values {
        *value = (*value - low) / (high - low).max(1e-9);
    }
    values
}

/// Bilinear, at a place given as shares of the sides.
fn sample(cloud: &[f64], x: f64, y: f64) -> f64 {
    let x = x * (SIDE - 1) as f64;
    let y = y * (SIDE - 1) as f64;
    let left = x as usize;
    let top = y as usize;
    let right = (left + 1).min(SIDE - 1);
    let bottom = (top + 1).min(SIDE - 1);
    let along = x - left as f64;
    let down = y - top as f64;
    let value = |x: usize, y: usize| cloud[y * SIDE + x];
    (1.0 - down) * ((1.0 - along) * value(left, top) + along * value(right, top))
        + down * ((1.0 - along) * value(left, bottom) + along * value(right, bottom))
}
