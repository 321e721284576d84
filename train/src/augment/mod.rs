//! Augmentation: what happens to a photo after it was turned, so that nothing tells the turn but
//! the picture.

mod blur;
mod colour;
mod frequency;
mod geometry;
mod noise;
mod sheet;

use anyhow::{Context, Result, bail, ensure};
use orientd::rules::orientation::{Orientation, Turn};
use orientd::rules::pixels::Rgb8;
use orientd::rules::tensor::resize;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use sheet::sheets;

use crate::data::jpeg;

/// Drawn with `probability`, as strong as a number from `range` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Op {
    pub probability: f64,
    pub range: [f64; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelOp {
    pub probability: f64,
    pub range: [f64; 2],
    /// How often the three channels are drawn separately.
    pub per_channel: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    pub probability: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crop {
    pub probability: f64,
    pub range: [f64; 2],
    pub aspect: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HueSaturation {
    pub probability: f64,
    pub range: [f64; 2],
    pub saturation: [f64; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrequencyBlend {
    pub probability: f64,
    pub range: [f64; 2],
    pub multiply: [f64; 2],
    pub contrast: [f64; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augment {
    pub enabled: bool,
    pub mirror: Mirror,
    pub crop: Crop,
    pub resave: Op,
    pub low_resolution: Op,
    pub rotate: Op,
    pub add: ChannelOp,
    pub multiply: ChannelOp,
    pub hue_saturation: HueSaturation,
    pub gaussian_noise: ChannelOp,
    pub laplace_noise: ChannelOp,
    pub poisson_noise: ChannelOp,
    pub dropout: ChannelOp,
    pub pepper: Op,
    pub salt: Op,
    pub frequency_blend: FrequencyBlend,
    pub gaussian_blur: Op,
    pub average_blur: Op,
    pub motion_blur: Op,
    pub median_blur: Op,
    pub jpeg: Op,
    pub gamma: ChannelOp,
    pub sigmoid_contrast: Op,
    pub log_contrast: Op,
    pub linear_contrast: ChannelOp,
}

impl Augment {
    /// The names of the augmentations, in the order of the settings.
    pub fn names() -> Result<Vec<String>> {
        let defaults: toml::Table = crate::config::DEFAULT.parse()?;
        let table = defaults.get("augment").and_then(toml::Value::as_table);
        let table = table.context("default.toml has no table augment")?;
        Ok(table.iter().filter(|(_, v)| v.is_table()).map(|(name, _)| name.clone()).collect())
    }

    /// These settings with every augmentation off but `name`, which is certain.
    ///
    /// # Errors
    /// Where there is no augmentation of that name.
    pub fn only(&self, name: &str) -> Result<Self> {
        let mut table = toml::Table::try_from(self)?;
        let mut found = false;
        for (key, value) in &mut table {
            if let Some(op) = value.as_table_mut() {
                found |= key == name;
                let probability = if key == name { 1.0 } else { 0.0 };
                op.insert("probability".into(), probability.into());
            }
        }
        table.insert("enabled".into(), true.into());
        if !found {
            bail!("there is no augmentation {name}; one of {}", Self::names()?.join(", "));
        }
        Ok(table.try_into()?)
    }

    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<()> {
        for (name, value) in toml::Table::try_from(self)? {
            let Some(op) = value.as_table() else { continue };
            for (key, value) in op {
                let key = format!("augment.{name}.{key}");
                match value {
                    toml::Value::Array(range) => {
                        let ends: Vec<_> = range.iter().filter_map(toml::Value::as_float).collect();
                        let rising = ends.len() == 2 && ends[0] <= ends[1];
                        ensure!(rising, "{key} is out of range: expected two rising numbers");
                    }
                    toml::Value::Float(x) if !key.ends_with("aspect") => {
                        ensure!((0.0..=1.0).contains(x), "{key} is out of range: expected 0 to 1");
                    }
                    _ => {}
                }
            }
        }
        let positive = |range: [f64; 2]| range[0] > 0.0;
        for (name, holds) in [
            ("crop.range", positive(self.crop.range) && self.crop.range[1] <= 1.0),
            ("crop.aspect", self.crop.aspect >= 1.0),
            ("low_resolution.range", positive(self.low_resolution.range)),
            ("gamma.range", positive(self.gamma.range)),
            ("log_contrast.range", positive(self.log_contrast.range)),
            ("resave.range", self.resave.range[0] >= 1.0 && self.resave.range[1] <= 100.0),
            ("jpeg.range", self.jpeg.range[0] >= 1.0 && self.jpeg.range[1] <= 100.0),
        ] {
            ensure!(holds, "augment.{name} is out of range");
        }
        Ok(())
    }

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
    /// Where the photo is empty or the JPEG codec fails.
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
const APPEARANCE: [(Probability, Change); 19] = [
    (|a| a.add.probability, |a, p, rng| colour::add(p, &a.add, rng)),
    (|a| a.multiply.probability, |a, p, rng| colour::multiply(p, &a.multiply, rng)),
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
        let (width, height) = (80, 60);
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
