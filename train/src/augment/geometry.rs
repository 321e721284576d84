//! Which part of the photo is seen, and a slight tilt.

use orientd_core::image::rgb::Rgb8;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Crop, draw};

/// A random part of the photo.
pub(super) fn crop(photo: &Rgb8, op: &Crop, rng: &mut ChaCha8Rng) -> Rgb8 {
    let area = draw(op.range, rng);
    let stretch = draw([-op.aspect.ln(), op.aspect.ln()], rng).exp().sqrt();
    let side = |full: usize, factor: f64| {
        ((full as f64 * area.sqrt() * factor).round() as usize).clamp(1, full)
    };
    let width = side(photo.width, stretch);
    let height = side(photo.height, 1.0 / stretch);
    let left = rng.random_range(0..=photo.width - width);
    let top = rng.random_range(0..=photo.height - height);
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in photo.pixels.chunks_exact(3 * photo.width).skip(top).take(height) {
        pixels.extend_from_slice(&row[3 * left..3 * (left + width)]);
    }
    Rgb8 { width, height, pixels }
}

/// Tilted about the middle, bilinear; what comes in from outside continues the edge.
pub(super) fn rotate(picture: &Rgb8, degrees: f64) -> Rgb8 {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let right = (picture.width - 1) as f64;
    let bottom = (picture.height - 1) as f64;
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for y in 0..picture.height {
        for x in 0..picture.width {
            let dx = x as f64 - right / 2.0;
            let dy = y as f64 - bottom / 2.0;
            let column = (right / 2.0 + cos * dx + sin * dy).clamp(0.0, right);
            let row = (bottom / 2.0 - sin * dx + cos * dy).clamp(0.0, bottom);
            pixels.extend(between(picture, column, row));
        }
    }
    Rgb8 { width: picture.width, height: picture.height, pixels }
}

fn between(picture: &Rgb8, column: f64, row: f64) -> [u8; 3] {
    let x = column as usize;
    let y = row as usize;
    let along = column - x as f64;
    let down = row - y as f64;
    let x_next = (x + 1).min(picture.width - 1);
    let y_next = (y + 1).min(picture.height - 1);
    let value = |x: usize, y: usize, channel: usize| {
        f64::from(picture.pixels[3 * (y * picture.width + x) + channel])
    };
    std::array::from_fn(|channel| {
        let upper = (1.0 - along) * value(x, y, channel) + along * value(x_next, y, channel);
        let lower =
            (1.0 - along) * value(x, y_next, channel) + along * value(x_next, y_next, channel);
        ((1.0 - down) * upper + down * lower).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_turn_changes_nothing_and_a_quarter_is_a_quarter() {
        use orientd_core::orientation::Turn;
        let pixels = (0..11 * 11 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let picture = Rgb8 { width: 11, height: 11, pixels };
        assert_eq!(rotate(&picture, 0.0), picture);
        let quarter = picture.clone().oriented(Turn::quarters(1).orientation());
        assert_eq!(rotate(&picture, 90.0), quarter);
    }
}
