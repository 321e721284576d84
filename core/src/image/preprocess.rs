//! From a picture to the network's input. Training imports this file, so both see the same numbers.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::image::rgb::Rgb8;

/// How the network wants its pixels. `mean` and `std` are RGB in 0–255 units.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Side S of the square input; a photo is squashed to S×S whatever its aspect.
    pub size: usize,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

impl InputSpec {
    /// Number of values of one photo: 3·S·S.
    pub fn len(&self) -> usize {
        3 * self.size * self.size
    }

    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The picture at S×S: bilinear with the support widened when shrinking (antialiased), as
    /// Pillow's `BILINEAR`.
    ///
    /// # Errors
    /// Returns an error if the picture has no pixels, or fewer bytes than its size says.
    pub fn squash(&self, picture: &Rgb8) -> Result<Rgb8, ResizeError> {
        resize(picture, self.size, self.size)
    }

    /// Writes `picture`, which is S×S, as planes of normalised values: C×S×S with
    /// `(value − mean) / std`.
    ///
    /// # Panics
    /// Where `picture` is not S×S or `out` is not `self.len()` long.
    pub fn normalise(&self, picture: &Rgb8, out: &mut [f32]) {
        let n_pixels = self.size * self.size;
        assert_eq!((picture.width, picture.height), (self.size, self.size));
        assert_eq!(out.len(), 3 * n_pixels);
        for (channel, plane) in out.chunks_exact_mut(n_pixels).enumerate() {
            let mean = self.mean[channel];
            let scale = 1.0 / self.std[channel];
            for (value, pixel) in plane.iter_mut().zip(picture.pixels.chunks_exact(3)) {
                *value = (f32::from(pixel[channel]) - mean) * scale;
            }
        }
    }
}

/// The picture could not be resized.
#[derive(Debug, thiserror::Error)]
#[error("cannot resize a picture of {width}×{height} pixels")]
pub struct ResizeError {
    width: usize,
    height: usize,
}

/// Shrinks or enlarges with an antialiased bilinear filter, aspect ignored.
///
/// # Errors
/// Returns an error if either picture would be empty, or `picture` has fewer bytes than its size says.
pub fn resize(picture: &Rgb8, width: usize, height: usize) -> Result<Rgb8, ResizeError> {
    resized(picture, width, height)
        .ok_or(ResizeError { width: picture.width, height: picture.height })
}

fn resized(picture: &Rgb8, width: usize, height: usize) -> Option<Rgb8> {
    let from_width = side(picture.width)?;
    let from_height = side(picture.height)?;
    let source = ImageRef::new(from_width, from_height, &picture.pixels, PixelType::U8x3).ok()?;
    let mut target = Image::new(side(width)?, side(height)?, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some(Rgb8 { width, height, pixels: target.into_vec() })
}

fn side(n: usize) -> Option<u32> {
    u32::try_from(n).ok().filter(|n| *n > 0)
}

/// View `k` of a normalised photo: turned `k` quarter turns **counter-clockwise**, plane by plane.
/// The network's answer for it is the photo's answer plus `k` classes.
///
/// `photo` and `out` are C×S×S with S = `size`.
pub fn turn_counter_clockwise(photo: &[f32], size: usize, k: usize, out: &mut [f32]) {
    let planes = photo.chunks_exact(size * size).zip(out.chunks_exact_mut(size * size));
    let last = size - 1;
    for (from, to) in planes {
        match k % 4 {
            0 => to.copy_from_slice(from),
            1 => fill(to, size, |x, y| from[x * size + last - y]),
            2 => fill(to, size, |x, y| from[(last - y) * size + last - x]),
            _ => fill(to, size, |x, y| from[(last - x) * size + y]),
        }
    }
}

fn fill(plane: &mut [f32], size: usize, value: impl Fn(usize, usize) -> f32) {
    for (y, row) in plane.chunks_exact_mut(size).enumerate() {
        for (x, out) in row.iter_mut().enumerate() {
            *out = value(x, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orientation::Turn;

    fn spec() -> InputSpec {
        InputSpec { size: 4, mean: [0.0, 10.0, 20.0], std: [1.0, 2.0, 4.0] }
    }

    fn square() -> Rgb8 {
        Rgb8 { width: 4, height: 4, pixels: (0..48).collect() }
    }

    #[test]
    fn normalises_into_planes() {
        let mut out = vec![0.0; spec().len()];
        spec().normalise(&square(), &mut out);
        assert_eq!(out[0], 0.0);
        assert_eq!(out[16], (1.0 - 10.0) / 2.0);
        assert_eq!(out[32 + 15], (47.0 - 20.0) / 4.0);
    }

    #[test]
    fn a_view_is_the_photo_turned_the_other_way() {
        let mut photo = vec![0.0; spec().len()];
        spec().normalise(&square(), &mut photo);
        for turn in Turn::ALL {
            let mut seen = vec![0.0; spec().len()];
            turn_counter_clockwise(&photo, 4, turn.class(), &mut seen);
            let mut expected = vec![0.0; spec().len()];
            spec().normalise(&square().oriented(turn.inverse().orientation()), &mut expected);
            assert_eq!(seen, expected, "{turn:?}");
        }
    }

    #[test]
    fn flat_images_stay_flat_and_empty_ones_are_errors() {
        let flat = Rgb8 { width: 37, height: 5, pixels: vec![7; 37 * 5 * 3] };
        assert_eq!(spec().squash(&flat).expect("not empty").pixels, vec![7; 48]);
        assert!(spec().squash(&Rgb8 { width: 0, height: 3, pixels: vec![] }).is_err());
        assert!(spec().squash(&Rgb8 { width: 9, height: 9, pixels: vec![0; 5] }).is_err());
    }

    /// Squashing and turning commute, so a photo turned by its tag and one turned in its pixels
    /// look the same to the network.
    #[test]
    fn squash_commutes_with_every_orientation() {
        let pixels = (0..40 * 24 * 3).map(|i| (i * 31 % 251) as u8).collect();
        let photo = Rgb8 { width: 40, height: 24, pixels };
        for orientation in crate::orientation::Orientation::all() {
            let before = spec().squash(&photo).expect("not empty").oriented(orientation);
            let after = spec().squash(&photo.clone().oriented(orientation)).expect("not empty");
            let worst = before.pixels.iter().zip(&after.pixels).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(1), "{orientation:?}: {worst:?}");
        }
    }
}
