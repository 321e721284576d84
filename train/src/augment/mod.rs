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

use crate::jpeg;

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
