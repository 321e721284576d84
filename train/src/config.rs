//! Settings: `default.toml` holds every key with its default; a user's file is laid over it.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::net::{Backbone, Top};

/// The commented defaults, and the only place they are written.
pub const DEFAULT: &str = include_str!("default.toml");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub seed: u64,
    pub prepare: Prepare,
    pub split: Split,
    pub network: Network,
    pub fit: Fit,
    pub augment: Augment,
    pub calibrate: Calibrate,
    pub eval: Eval,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prepare {
    pub side: usize,
    pub burst_minutes: f64,
    pub duplicate_bits: u32,
    pub person: bool,
    pub person_weight: f32,
    pub sensor: bool,
    pub sensor_weight: f32,
    pub confident: bool,
    pub confident_weight: f32,
    pub confident_from: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    pub validation: f64,
    pub gate: f64,
    pub leave_out: Vec<String>,
    pub train_share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub backbone: Backbone,
    pub top: Top,
    pub input: usize,
    pub weights: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Auto,
    Float32,
    BFloat16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    Auto,
    Cpu,
    Cuda,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    Constant,
    Cosine,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub epochs: usize,
    pub minutes: f64,
    pub learning_rate: f64,
    pub schedule: Schedule,
    pub warmup_steps: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    pub views: usize,
    pub one_view_weight: f64,
    pub batch: usize,
    pub epoch_photos: usize,
    pub source_power: f64,
    pub label_smoothing: f64,
    pub dropout: f64,
    pub drop_path: f64,
    pub weight_decay: f64,
    pub beta_2: f64,
    pub layer_decay: f64,
    pub top_rate: f64,
    pub average_steps: usize,
    pub clip_norm: f64,
    pub patience: usize,
    pub validation_photos: usize,
    pub checkpoint_minutes: f64,
    pub precision: Precision,
    pub device: Device,
    pub loaders: usize,
    pub threads: usize,
    pub stage1: Stage,
    pub stage2: Stage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrate {
    pub wrong_per_thousand: f64,
    pub review_recall: f64,
    pub cascade_miss: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eval {
    pub prevalence: f64,
    pub resave_photos: usize,
    pub bootstrap: usize,
    pub worst: usize,
}

impl Config {
    /// The defaults, with the file at `path` and then `settings` (`fit.batch=8`) laid over them.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, a key is unknown or a value is out of range.
    pub fn load(path: Option<&Path>, settings: &[String]) -> Result<Self> {
        Self::load_over("", path, settings)
    }

    /// The same, with `recipe` between the defaults and the file.
    pub fn load_over(recipe: &str, path: Option<&Path>, settings: &[String]) -> Result<Self> {
        let mut table: toml::Table = DEFAULT.parse().context("default.toml")?;
        overlay(&mut table, recipe.parse().context("the recipe")?, "")?;
        if let Some(path) = path {
            let failed = || format!("cannot use the configuration {}", path.display());
            let text = std::fs::read_to_string(path).with_context(failed)?;
            let given = text.parse().with_context(failed)?;
            overlay(&mut table, given, "").with_context(failed)?;
        }
        for setting in settings {
            let given = parse_setting(setting)
                .with_context(|| format!("cannot use the setting {setting:?}"))?;
            overlay(&mut table, given, "")?;
        }
        Self::from_table(table)
    }

    /// Reads what `to_toml` wrote.
    pub fn parse(text: &str) -> Result<Self> {
        let mut table: toml::Table = DEFAULT.parse().context("default.toml")?;
        overlay(&mut table, text.parse()?, "")?;
        Self::from_table(table)
    }

    /// Every setting, as saved beside the weights.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string(self)?)
    }

    fn from_table(table: toml::Table) -> Result<Self> {
        let config: Self = toml::Value::Table(table).try_into()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let fit = &self.fit;
        let share = 0.0..=1.0;
        for (key, holds, wanted) in [
            ("prepare.side", (32..=2048).contains(&self.prepare.side), "from 32 to 2048"),
            ("prepare.duplicate_bits", self.prepare.duplicate_bits <= 7, "from 0 to 7"),
            ("prepare.burst_minutes", self.prepare.burst_minutes >= 0.0, "0 or more"),
            ("prepare.person_weight", is_weight(self.prepare.person_weight), WEIGHT),
            ("prepare.sensor_weight", is_weight(self.prepare.sensor_weight), WEIGHT),
            ("prepare.confident_weight", is_weight(self.prepare.confident_weight), WEIGHT),
            ("split.validation", (0.01..=0.9).contains(&self.split.validation), "0.01 to 0.9"),
            ("split.gate", (0.0..=0.8).contains(&self.split.gate), "0 to 0.8"),
            ("split.train_share", (0.001..=1.0).contains(&self.split.train_share), "0.001 to 1"),
            ("network.input", (32..=1024).contains(&self.network.input), "from 32 to 1024"),
            ("fit.views", [1, 4].contains(&fit.views), "1 or 4"),
            ("fit.batch", (2..=4096).contains(&fit.batch), "from 2 to 4096"),
            ("fit.source_power", share.contains(&fit.source_power), "from 0 to 1"),
            ("fit.label_smoothing", (0.0..0.9).contains(&fit.label_smoothing), "from 0 to 0.9"),
            ("fit.dropout", (0.0..0.95).contains(&fit.dropout), "from 0 to 0.95"),
            ("fit.drop_path", (0.0..0.95).contains(&fit.drop_path), "from 0 to 0.95"),
            ("fit.one_view_weight", fit.one_view_weight >= 0.0, "0 or more"),
            ("fit.weight_decay", fit.weight_decay >= 0.0, "0 or more"),
            ("fit.beta_2", (0.0..1.0).contains(&fit.beta_2), "from 0 to 1, without 1"),
            ("fit.layer_decay", fit.layer_decay > 0.0 && fit.layer_decay <= 1.0, "above 0, to 1"),
            ("fit.top_rate", fit.top_rate > 0.0 && fit.top_rate <= 1000.0, "above 0, to 1000"),
            ("fit.stage1.minutes", fit.stage1.minutes >= 0.0, "0 or more"),
            ("fit.stage2.minutes", fit.stage2.minutes >= 0.0, "0 or more"),
            ("fit.clip_norm", fit.clip_norm >= 0.0, "0 or more"),
            ("fit.stage1.learning_rate", fit.stage1.learning_rate > 0.0, "above 0"),
            ("fit.stage2.learning_rate", fit.stage2.learning_rate > 0.0, "above 0"),
            ("eval.prevalence", (1e-4..0.9).contains(&self.eval.prevalence), "0.0001 to 0.9"),
            ("calibrate.review_recall", share.contains(&self.calibrate.review_recall), "0 to 1"),
            ("calibrate.cascade_miss", share.contains(&self.calibrate.cascade_miss), "0 to 1"),
        ] {
            ensure!(holds, "{key} is out of range: expected {wanted}");
        }
        ensure!(
            self.split.validation + self.split.gate <= 0.95,
            "split.validation and split.gate together leave too little to train on"
        );
        ensure!(
            !self.network.backbone.is_transformer() || self.network.input.is_multiple_of(14),
            "network.input is out of range: {} looks at patches of 14×14 pixels, of which {} is no \
             multiple",
            self.network.backbone.as_str(),
            self.network.input
        );
        ensure!(
            fit.stage1.epochs + fit.stage2.epochs > 0,
            "fit.stage1.epochs and fit.stage2.epochs are both 0: there is nothing to train"
        );
        self.augment.check()
    }
}

/// A photo of no weight would be looked at for nothing: the kinds have switches for that.
fn is_weight(weight: f32) -> bool {
    weight > 0.0 && weight <= 1000.0
}

const WEIGHT: &str = "above 0, at most 1000; the switch beside it leaves these photos out";

/// `a.b=value` as a table; the value is TOML, or a bare word.
fn parse_setting(setting: &str) -> Result<toml::Table> {
    let (key, value) = setting.split_once('=').context("expected KEY=VALUE")?;
    let line = format!("{key} = {value}");
    line.parse()
        .or_else(|_| format!("{key} = {}", toml::Value::String(value.to_owned())).parse())
        .map_err(|err: toml::de::Error| anyhow!("{}", err.message()))
}

/// Lays `given` over `base`, which has every key there is.
fn overlay(base: &mut toml::Table, given: toml::Table, prefix: &str) -> Result<()> {
    for (key, value) in given {
        let full = format!("{prefix}{key}");
        let Some(known) = base.get_mut(&key) else {
            bail!("unknown key {full}{}", suggestion(base, &key, prefix));
        };
        match (known, value) {
            (toml::Value::Table(known), toml::Value::Table(value)) => {
                overlay(known, value, &format!("{full}."))?;
            }
            (toml::Value::Table(_), _) => bail!("{full} is a table, not a value"),
            // `1` is meant where the default is `1.0`.
            (known @ toml::Value::Float(_), toml::Value::Integer(n)) => {
                *known = toml::Value::Float(n as f64);
            }
            (known, value) if known.type_str() == value.type_str() => *known = value,
            (known, value) => {
                bail!("{full} is {} in the defaults, not {}", known.type_str(), value.type_str())
            }
        }
    }
    Ok(())
}

fn suggestion(base: &toml::Table, key: &str, prefix: &str) -> String {
    let nearest = base
        .keys()
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
    nearest.map_or_else(String::new, |nearest| format!("\n  did you mean {prefix}{nearest}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_complete_and_survive_writing() -> Result<()> {
        let config = Config::load(None, &[])?;
        assert_eq!(Config::parse(&config.to_toml()?)?, config);
        Ok(())
    }

    #[test]
    fn a_file_and_then_settings_are_laid_over_the_defaults() -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), "[fit]\nbatch = 4\nviews = 1\n[fit.stage1]\nepochs = 0\n")?;
        let settings = ["fit.batch=6".into(), "network.backbone=resnet50".into()];
        let config = Config::load(Some(file.path()), &settings)?;
        assert_eq!((config.fit.batch, config.fit.views, config.fit.stage1.epochs), (6, 1, 0));
        assert_eq!(config.network.backbone, Backbone::ResNet50);
        Ok(())
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_wrong_is_said() {
        for (setting, message) in [
            ("fit.bach=3",               "did you mean fit.batch?"),
            ("fit=3",                    "fit is a table"),
            ("fit.batch=yes",            "fit.batch is integer in the defaults, not string"),
            ("fit.batch=0",              "fit.batch is out of range"),
            ("fit.views=2",              "expected 1 or 4"),
            ("network.backbone=vgg",     "vgg"),
            ("augment.add.range=[3, 1]", "augment.add.range"),
            ("augment.jpeg.probability=2", "augment.jpeg.probability"),
            ("augment.add.range=[-inf, inf]", "augment.add.range"),
            ("augment.gamma.range=[0.5, nan]", "augment.gamma.range"),
            ("prepare.sensor_weight=0",  "prepare.sensor_weight"),
            ("network.backbone=vit_s14", "192 is no multiple"),
            ("fit.layer_decay=0",        "fit.layer_decay is out of range"),
            ("seed",                     "expected KEY=VALUE"),
        ] {
            let err = Config::load(None, &[setting.to_owned()]).expect_err(setting);
            assert!(format!("{err:#}").contains(message), "{setting}: {err:#}");
        }
    }
}
