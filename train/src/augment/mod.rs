//! Augmentation: what happens to a photo after it was turned, so that nothing tells the turn but
//! the picture.

mod blur;
mod colour;
mod frequency;
mod geometry;
mod noise;
mod settings;
mod sheet;

use anyhow::Result;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

pub use settings::{Augment, ChannelOp, Crop, FrequencyBlend, Grey, HueSaturation, Mirror, Op};
pub use sheet::sheets;

use crate::data::jpeg;

impl Augment {
    /// The upright `photo` turned by `turn`, at random as its mirror image, left for right, which is
    /// just as upright. A mirror after a quarter turn would change the answer.
    pub fn turn(&self, photo: Rgb8, turn: Turn, rng: &mut ChaCha8Rng) -> Rgb8 {
        let mirrored = self.enabled && rng.random_bool(self.mirror.probability);
        let side = if mirrored { Orientation::MIRRORED } else { Orientation::UPRIGHT };
        photo.oriented(side.then(turn.orientation()))
    }

    /// The turned `photo`, changed at random, at `size`×`size`.
    ///
    /// # Errors
    /// Returns an error if the photo is empty or the JPEG codec fails.
    pub fn apply(&self, photo: &Rgb8, size: usize, rng: &mut ChaCha8Rng) -> Result<Rgb8> {
        if !self.enabled {
            return Ok(resize(photo, size, size)?);
        }
        let mut picture = None;
        if rng.random_bool(self.crop.probability) {
            picture = Some(geometry::crop(photo, &self.crop, rng));
        }
        if rng.random_bool(self.resave.probability) {
            let quality = draw(self.resave.range, rng).round() as i32;
            picture = Some(jpeg::resave(picture.as_ref().unwrap_or(photo), quality)?);
        }
        let mut picture = resize(picture.as_ref().unwrap_or(photo), size, size)?;
        if rng.random_bool(self.low_resolution.probability) {
            let small = (size as f64 * draw(self.low_resolution.range, rng)).round().max(8.0);
            let small = resize(&picture, small as usize, small as usize)?;
            picture = resize(&small, size, size)?;
        }
        if rng.random_bool(self.rotate.probability) {
            picture = geometry::rotate(&picture, draw(self.rotate.range, rng));
        }
        let mut order: Vec<usize> = (0..APPEARANCE.len()).collect();
        order.shuffle(rng);
        for idx in order {
            let (probability, change) = APPEARANCE[idx];
            if rng.random_bool(probability(self)) {
                change(self, &mut picture, rng)?;
            }
        }
        Ok(picture)
    }
}

type Probability = fn(&Augment) -> f64;
type Change = fn(&Augment, &mut Rgb8, &mut ChaCha8Rng) -> Result<()>;

/// The changes of appearance, made in a random order.
const APPEARANCE: [(Probability, Change); 21] = [
    (|a| a.add.probability, |a, p, rng| colour::add(p, &a.add, rng)),
    (|a| a.multiply.probability, |a, p, rng| colour::multiply(p, &a.multiply, rng)),
    (|a| a.colour_cast.probability, |a, p, rng| colour::cast(p, &a.colour_cast, rng)),
    (|a| a.grey.probability, |_, p, _| colour::grey(p)),
    (
        |a| a.hue_saturation.probability,
        |a, p, rng| colour::hue_saturation(p, &a.hue_saturation, rng),
    ),
    (|a| a.gamma.probability, |a, p, rng| colour::gamma(p, &a.gamma, rng)),
    (|a| a.sigmoid_contrast.probability, |a, p, rng| colour::sigmoid(p, &a.sigmoid_contrast, rng)),
    (|a| a.log_contrast.probability, |a, p, rng| colour::log(p, &a.log_contrast, rng)),
    (|a| a.linear_contrast.probability, |a, p, rng| colour::linear(p, &a.linear_contrast, rng)),
    (|a| a.gaussian_noise.probability, |a, p, rng| noise::gaussian(p, &a.gaussian_noise, rng)),
    (|a| a.laplace_noise.probability, |a, p, rng| noise::laplace(p, &a.laplace_noise, rng)),
    (|a| a.poisson_noise.probability, |a, p, rng| noise::poisson(p, &a.poisson_noise, rng)),
    (|a| a.dropout.probability, |a, p, rng| noise::dropout(p, &a.dropout, rng)),
    (|a| a.pepper.probability, |a, p, rng| noise::speckle(p, &a.pepper, 0, rng)),
    (|a| a.salt.probability, |a, p, rng| noise::speckle(p, &a.salt, 255, rng)),
    (|a| a.frequency_blend.probability, |a, p, rng| frequency::blend(p, &a.frequency_blend, rng)),
    (|a| a.gaussian_blur.probability, |a, p, rng| blur::gaussian(p, &a.gaussian_blur, rng)),
    (|a| a.average_blur.probability, |a, p, rng| blur::average(p, &a.average_blur, rng)),
    (|a| a.motion_blur.probability, |a, p, rng| blur::motion(p, &a.motion_blur, rng)),
    (|a| a.median_blur.probability, |a, p, rng| blur::median(p, &a.median_blur, rng)),
    (
        |a| a.jpeg.probability,
        |a, p, rng| {
            *p = jpeg::resave(p, draw(a.jpeg.range, rng).round() as i32)?;
            Ok(())
        },
    ),
];

/// A number from the range, both ends included.
fn draw(range: [f64; 2], rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(range[0]..=range[1])
}

/// One number for all channels or, in a share `per_channel` of the cases, one for each.
fn draw_channels(op: &ChannelOp, rng: &mut ChaCha8Rng) -> [f64; 3] {
    if rng.random_bool(op.per_channel) {
        std::array::from_fn(|_| draw(op.range, rng))
    } else {
        [draw(op.range, rng); 3]
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::config::Config;

    /// A smooth picture with some structure in every channel.
    fn photo() -> Rgb8 {
        let width = 80;
        let height = 60;
        let pixels = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| [x * 3, y * 4, (x + y) / 2 + 60]))
            .map(|value: usize| value.min(255) as u8)
            .collect();
        Rgb8 { width, height, pixels }
    }

    fn settings() -> Augment {
        Config::load(None, &[]).expect("the defaults are valid").augment
    }

    #[test]
    fn every_augmentation_changes_the_picture_and_keeps_it_recognisable() {
        let plain = resize(&photo(), 64, 64).expect("not empty");
        for name in Augment::names().expect("default.toml") {
            let only = settings().only(&name).expect("a known name");
            let mut changed = 0;
            for seed in 0..32 {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let photo = only.turn(photo(), Turn::NONE, &mut rng);
                let seen = only.apply(&photo, 64, &mut rng).expect("a valid photo");
                assert_eq!((seen.width, seen.height, seen.pixels.len()), (64, 64, 64 * 64 * 3));
                let pairs = plain.pixels.iter().zip(&seen.pixels);
                let total: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
                let mean = total as f64 / plain.pixels.len() as f64;
                assert!(mean < 90.0, "{name} with seed {seed} changes by {mean}");
                changed += usize::from(total > 0);
            }
            assert!(changed >= 20, "{name} changed the picture for {changed} of 32 seeds");
        }
    }

    /// Turned back, the photo is itself or its mirror image, whatever the turn.
    #[test]
    fn the_mirror_keeps_the_answer() {
        let mirrored = photo().oriented(Orientation::MIRRORED);
        for turn in Turn::ALL {
            let mut n_mirrored = 0;
            for seed in 0..32 {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let seen = settings().turn(photo(), turn, &mut rng);
                let back = seen.oriented(turn.inverse().orientation());
                assert!(back == photo() || back == mirrored);
                n_mirrored += usize::from(back == mirrored);
            }
            assert!((4..=28).contains(&n_mirrored), "{n_mirrored} of 32 are mirrored");
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let augment = |seed| {
            settings().apply(&photo(), 48, &mut ChaCha8Rng::seed_from_u64(seed)).expect("valid")
        };
        assert_eq!(augment(3), augment(3));
        assert_ne!(augment(3), augment(4));
    }

    #[test]
    fn without_augmentation_it_is_what_the_network_sees_in_use() {
        let plain = Augment { enabled: false, ..settings() };
        let seen = plain.apply(&photo(), 48, &mut ChaCha8Rng::seed_from_u64(0)).expect("valid");
        assert_eq!(seen, resize(&photo(), 48, 48).expect("not empty"));
        let err = settings().only("sepia").expect_err("no such augmentation");
        assert!(err.to_string().contains("median_blur"));
    }
}
