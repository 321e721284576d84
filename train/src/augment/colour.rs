//! Changes of single values, by table, and of colours.

use anyhow::Result;
use orientd_core::image::rgb::Rgb8;
use rand_chacha::ChaCha8Rng;

use super::{ChannelOp, HueSaturation, Op, draw, draw_channels};

/// Replaces every value of channel `c` by `change(c, value)`.
fn map_values(picture: &mut Rgb8, change: impl Fn(usize, f64) -> f64) -> Result<()> {
    let tables: [[u8; 256]; 3] = std::array::from_fn(|channel| {
        std::array::from_fn(|value| change(channel, value as f64).round().clamp(0.0, 255.0) as u8)
    });
    for pixel in picture.pixels.chunks_exact_mut(3) {
        for (value, table) in pixel.iter_mut().zip(&tables) {
            *value = table[usize::from(*value)];
        }
    }
    Ok(())
}

pub(super) fn add(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let by = draw_channels(op, rng);
    map_values(picture, |channel, value| value + by[channel])
}

pub(super) fn multiply(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let by = draw_channels(op, rng);
    map_values(picture, |channel, value| value * by[channel])
}

pub(super) fn cast(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let by: [f64; 3] = std::array::from_fn(|_| draw(op.range, rng));
    map_values(picture, |channel, value| value * by[channel])
}

/// All channels become their mean.
pub(super) fn grey(picture: &mut Rgb8) -> Result<()> {
    for pixel in picture.pixels.chunks_exact_mut(3) {
        let sum: u16 = pixel.iter().map(|value| u16::from(*value)).sum();
        pixel.fill(u8::try_from((sum + 1) / 3)?);
    }
    Ok(())
}

pub(super) fn gamma(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let exponent = draw_channels(op, rng);
    map_values(picture, |channel, value| 255.0 * (value / 255.0).powf(exponent[channel]))
}

/// 1 / (1 + exp(gain · (cut-off − value))), with the cut-off around the middle.
pub(super) fn sigmoid(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let gain = draw(op.range, rng);
    let middle = draw([0.4, 0.6], rng);
    map_values(picture, |_, value| 255.0 / (1.0 + (gain * (middle - value / 255.0)).exp()))
}

pub(super) fn log(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let gain = draw(op.range, rng);
    map_values(picture, |_, value| 255.0 * gain * (1.0 + value / 255.0).log2())
}

pub(super) fn linear(picture: &mut Rgb8, op: &ChannelOp, rng: &mut ChaCha8Rng) -> Result<()> {
    let by = draw_channels(op, rng);
    map_values(picture, |channel, value| 127.0 + by[channel] * (value - 127.0))
}

/// Turns the colours around the grey axis and stretches them away from it.
pub(super) fn hue_saturation(
    picture: &mut Rgb8,
    op: &HueSaturation,
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let angle = draw(op.range, rng).to_radians();
    let saturation = 1.0 + draw(op.saturation, rng);
    let matrix = colour_matrix(angle, saturation);
    for pixel in picture.pixels.chunks_exact_mut(3) {
        let old = [f64::from(pixel[0]), f64::from(pixel[1]), f64::from(pixel[2])];
        for (value, row) in pixel.iter_mut().zip(&matrix) {
            let new: f64 = row.iter().zip(&old).map(|(weight, value)| weight * value).sum();
            *value = new.round().clamp(0.0, 255.0) as u8;
        }
    }
    Ok(())
}

/// Rodrigues' rotation about (1, 1, 1), then the distance from the grey axis scaled.
fn colour_matrix(angle: f64, saturation: f64) -> [[f64; 3]; 3] {
    let (sin, cos) = angle.sin_cos();
    let third = 1.0 / 3.0;
    let skew = sin / 3f64.sqrt();
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let turned = match (column + 3 - row) % 3 {
                0 => cos + (1.0 - cos) * third,
                1 => (1.0 - cos) * third - skew,
                _ => (1.0 - cos) * third + skew,
            };
            third + saturation * (turned - third)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_has_no_colour() -> Result<()> {
        let pixels = vec![255, 255, 255, 0, 0, 1, 10, 20, 30];
        let mut picture = Rgb8 { width: 3, height: 1, pixels };
        grey(&mut picture)?;
        assert_eq!(picture.pixels, [255, 255, 255, 0, 0, 0, 20, 20, 20]);
        Ok(())
    }

    #[test]
    fn the_colour_matrix_keeps_grey_and_full_turns() {
        for (angle, saturation) in [(0.4, 1.3), (-1.0, 0.5), (3.0, 0.0)] {
            for row in colour_matrix(angle, saturation) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
        let turned = colour_matrix(120f64.to_radians(), 1.0);
        // A third of a turn carries red to green.
        assert!((turned[1][0] - 1.0).abs() < 1e-12 && turned[0][0].abs() < 1e-12);
    }
}
