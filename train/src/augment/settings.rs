//! The table `[augment]`: how often each change is made, and how strongly.

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// No strength is drawn beyond this, in whatever unit.
const MOST: f64 = 1000.0;

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
pub struct Grey {
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
    pub colour_cast: Op,
    pub grey: Grey,
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
    /// The names of the augmentations.
    ///
    /// # Errors
    /// Returns an error if a setting cannot be written as TOML.
    pub fn names(&self) -> Result<Vec<String>> {
        let table = toml::Table::try_from(self)?;
        Ok(table.iter().filter(|(_, v)| v.is_table()).map(|(name, _)| name.clone()).collect())
    }

    /// These settings with every augmentation off but `name`, which is certain.
    ///
    /// # Errors
    /// Returns an error if there is no augmentation of that name.
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
            bail!("there is no augmentation {name}; one of {}", self.names()?.join(", "));
        }
        Ok(table.try_into()?)
    }

    /// # Errors
    /// Returns an error if a setting is out of range; names the first.
    pub fn check(&self) -> Result<()> {
        for (name, value) in toml::Table::try_from(self)? {
            let Some(op) = value.as_table() else { continue };
            for (key, value) in op {
                let key = format!("augment.{name}.{key}");
                match value {
                    toml::Value::Array(range) => {
                        let ends: Vec<_> = range.iter().filter_map(toml::Value::as_float).collect();
                        let rising = ends.len() == 2 && ends[0] <= ends[1];
                        let bounded = ends.iter().all(|end| end.abs() <= MOST);
                        ensure!(
                            rising && bounded,
                            "{key} is out of range: expected two rising numbers within ±{MOST}"
                        );
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
            ("crop.aspect", (1.0..=10.0).contains(&self.crop.aspect)),
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
}
