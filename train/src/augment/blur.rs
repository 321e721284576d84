//! Blurs. Beyond the edge, the edge goes on.

use anyhow::Result;
use orientd_core::image::rgb::Rgb8;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Op, draw};

/// Offsets in x and y with weights that add up to 1.
type Kernel = Vec<(isize, isize, f32)>;

fn convolve(picture: &mut Rgb8, kernel: &Kernel) {
    let source = picture.pixels.clone();
    let width = picture.width;
    let height = picture.height;
    for (y, row) in picture.pixels.chunks_exact_mut(3 * width).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let mut sum = [0f32; 3];
            for (dx, dy, weight) in kernel {
                let column = x.saturating_add_signed(*dx).min(width - 1);
                let row = y.saturating_add_signed(*dy).min(height - 1);
                let at = 3 * (row * width + column);
                for (total, value) in sum.iter_mut().zip(&source[at..at + 3]) {
                    *total += weight * f32::from(*value);
                }
            }
            for (value, total) in pixel.iter_mut().zip(sum) {
                *value = total.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

fn normalised(mut kernel: Kernel) -> Kernel {
    let total: f32 = kernel.iter().map(|(.., weight)| weight).sum();
    for (.., weight) in &mut kernel {
        *weight /= total;
    }
    kernel
}

pub(super) fn gaussian(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let deviation = draw(op.range, rng).max(1e-3);
    let reach = (3.0 * deviation).ceil() as isize;
    let weight = |offset: isize| (-0.5 * (offset as f64 / deviation).powi(2)).exp() as f32;
    let line: Vec<isize> = (-reach..=reach).collect();
    convolve(picture, &normalised(line.iter().map(|d| (*d, 0, weight(*d))).collect()));
    convolve(picture, &normalised(line.iter().map(|d| (0, *d, weight(*d))).collect()));
    Ok(())
}

pub(super) fn average(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let side = draw(op.range, rng).round().max(1.0) as isize;
    let offsets = (0..side).map(|offset| offset - side / 2);
    let square = offsets.clone().flat_map(|dy| offsets.clone().map(move |dx| (dx, dy, 1.0)));
    convolve(picture, &normalised(square.collect()));
    Ok(())
}

/// Along a line of `side` pixels in any direction.
pub(super) fn motion(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let side = draw(op.range, rng).round().max(1.0);
    let (sin, cos) = rng.random_range(0.0..std::f64::consts::TAU).sin_cos();
    let line = (0..side as usize).map(|step| {
        let along = step as f64 - (side - 1.0) / 2.0;
        ((along * cos).round() as isize, (along * sin).round() as isize, 1.0)
    });
    convolve(picture, &normalised(line.collect()));
    Ok(())
}

/// The median of a window of odd side.
pub(super) fn median(picture: &mut Rgb8, op: &Op, rng: &mut ChaCha8Rng) -> Result<()> {
    let reach = (draw(op.range, rng).round().max(1.0) as usize / 2) as isize;
    let source = picture.pixels.clone();
    let width = picture.width;
    let height = picture.height;
    let mut window = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                window.clear();
                for dy in -reach..=reach {
                    let row = y.saturating_add_signed(dy).min(height - 1);
                    for dx in -reach..=reach {
                        let column = x.saturating_add_signed(dx).min(width - 1);
                        window.push(source[3 * (row * width + column) + channel]);
                    }
                }
                let middle = window.len() / 2;
                let (_, median, _) = window.select_nth_unstable(middle);
                picture.pixels[3 * (y * width + x) + channel] = *median;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// A single bright pixel in the middle of black.
    fn point() -> Rgb8 {
        let mut pixels = vec![0; 9 * 9 * 3];
        pixels[3 * (4 * 9 + 4)..3 * (4 * 9 + 4) + 3].fill(250);
        Rgb8 { width: 9, height: 9, pixels }
    }

    #[test]
    fn blurs_spread_a_point_and_the_median_removes_it() {
        let rng = || ChaCha8Rng::seed_from_u64(1);
        let op = |x: f64| Op { probability: 1.0, range: [x, x] };
        let light = |picture: &Rgb8| picture.pixels.iter().map(|v| u32::from(*v)).sum::<u32>();
        type Blur = fn(&mut Rgb8, &Op, &mut ChaCha8Rng) -> Result<()>;
        let blurs: [(&str, Blur, f64); 3] =
            [("gaussian", gaussian, 0.8), ("average", average, 3.0), ("motion", motion, 5.0)];
        for (name, blur, strength) in blurs {
            let mut seen = point();
            blur(&mut seen, &op(strength), &mut rng()).expect(name);
            assert!(seen.pixels.iter().max() < Some(&120), "{name}");
            assert!(light(&seen).abs_diff(750) < 60, "{name} keeps the light");
        }
        let mut seen = point();
        median(&mut seen, &op(3.0), &mut rng()).expect("median");
        assert_eq!(light(&seen), 0);
    }
}
