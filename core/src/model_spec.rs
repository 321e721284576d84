//! What a model file says about itself: the `orientd.*` metadata, read and written here and nowhere
//! else. docs/contracts.md lists the keys.

use crate::image::preprocess::InputSpec;
use crate::verdict::decision::Thresholds;

/// Names of the model's one input (N×3×S×S, f32) and one output (N×4, f32).
pub const INPUT_NAME: &str = "image";
pub const OUTPUT_NAME: &str = "logits";

/// The version of the metadata this program reads.
const FORMAT: &str = "1";

/// Everything needed to use a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    pub input: InputSpec,
    /// Softmax temperature for one view, and for the mean of four.
    pub temperature_1: f32,
    pub temperature_4: f32,
    pub thresholds: Thresholds,
    /// With one view: upright with at least this probability needs no further views. Optional in
    /// the file (`cascade_confidence`).
    pub cascade_confidence: f32,
    pub backbone: String,
    /// Free text, usually a date.
    pub trained_at: String,
    /// Figures of the evaluation, as the trainer wrote them.
    pub eval: serde_json::Value,
}

/// Used where a model file has no `cascade_confidence`.
pub const DEFAULT_CASCADE_CONFIDENCE: f32 = 0.99;

/// The metadata is missing, or says something this program cannot use.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SpecError {
    #[error("the model's metadata lacks orientd.{0}")]
    Missing(&'static str),
    #[error("the model's metadata has orientd.{key} = {value:?}, expected {expected}")]
    Invalid { key: &'static str, value: String, expected: &'static str },
}

impl ModelSpec {
    /// Reads the metadata through `get`, which is given full keys such as `orientd.mean`.
    ///
    /// # Errors
    /// Returns an error if a key is missing or out of range; it names the first such key.
    pub fn from_metadata(get: impl Fn(&str) -> Option<String>) -> Result<Self, SpecError> {
        let get: Get<'_> = &get;
        must_be(get, "format", FORMAT, "1, the only format this orientd knows")?;
        must_be(get, "resize", "squash", "squash")?;
        let size = text(get, "input_size")?;
        let size = match size.parse() {
            Ok(size @ 32..=1024) => size,
            _ => return Err(invalid("input_size", size, "a whole number from 32 to 1024")),
        };
        let eval = text(get, "eval")?;
        Ok(Self {
            input: InputSpec {
                size,
                mean: triple(get, "mean", "three numbers from 0 to 255", is_pixel_value)?,
                std: triple(get, "std", "three positive numbers", is_positive)?,
            },
            temperature_1: number(get, "temperature_1", "a positive number", is_positive)?,
            temperature_4: number(get, "temperature_4", "a positive number", is_positive)?,
            thresholds: Thresholds {
                auto_confidence: number(get, "auto_confidence", "above 0.5, at most 1", is_likely)?,
                review_confidence: number(get, "review_confidence", "from 0 to 1", is_probability)?,
            },
            cascade_confidence: match get(&full("cascade_confidence")) {
                None => DEFAULT_CASCADE_CONFIDENCE,
                Some(_) => number(get, "cascade_confidence", "from 0 to 1", is_probability)?,
            },
            backbone: text(get, "backbone")?,
            trained_at: text(get, "trained_at")?,
            eval: serde_json::from_str(&eval).map_err(|_| invalid("eval", eval, "JSON"))?,
        })
    }

    /// The key–value pairs to write into a model file; `from_metadata` reads them back.
    pub fn to_metadata(&self) -> Vec<(String, String)> {
        [
            ("format", FORMAT.to_owned()),
            ("input_size", self.input.size.to_string()),
            ("mean", in_brackets(self.input.mean)),
            ("std", in_brackets(self.input.std)),
            ("resize", "squash".to_owned()),
            ("temperature_1", self.temperature_1.to_string()),
            ("temperature_4", self.temperature_4.to_string()),
            ("auto_confidence", self.thresholds.auto_confidence.to_string()),
            ("review_confidence", self.thresholds.review_confidence.to_string()),
            ("cascade_confidence", self.cascade_confidence.to_string()),
            ("backbone", self.backbone.clone()),
            ("trained_at", self.trained_at.clone()),
            ("eval", self.eval.to_string()),
        ]
        .map(|(key, value)| (full(key), value))
        .into()
    }
}

fn full(key: &str) -> String {
    format!("orientd.{key}")
}

fn in_brackets([red, green, blue]: [f32; 3]) -> String {
    format!("[{red},{green},{blue}]")
}

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

fn text(get: Get<'_>, key: &'static str) -> Result<String, SpecError> {
    get(&full(key)).ok_or(SpecError::Missing(key))
}

fn must_be(
    get: Get<'_>,
    key: &'static str,
    only: &str,
    expected: &'static str,
) -> Result<(), SpecError> {
    let value = text(get, key)?;
    if value == only { Ok(()) } else { Err(invalid(key, value, expected)) }
}

fn number(
    get: Get<'_>,
    key: &'static str,
    expected: &'static str,
    holds: fn(f32) -> bool,
) -> Result<f32, SpecError> {
    let value = text(get, key)?;
    value.parse().ok().filter(|x| holds(*x)).ok_or_else(|| invalid(key, value, expected))
}

fn triple(
    get: Get<'_>,
    key: &'static str,
    expected: &'static str,
    holds: fn(f32) -> bool,
) -> Result<[f32; 3], SpecError> {
    let value = text(get, key)?;
    serde_json::from_str::<[f32; 3]>(&value)
        .ok()
        .filter(|numbers| numbers.iter().all(|x| holds(*x)))
        .ok_or_else(|| invalid(key, value, expected))
}

fn is_positive(x: f32) -> bool {
    x > 0.0 && x.is_finite()
}

fn is_pixel_value(x: f32) -> bool {
    (0.0..=255.0).contains(&x)
}

fn is_probability(x: f32) -> bool {
    (0.0..=1.0).contains(&x)
}

/// A turn at even odds would harm as often as it helps.
fn is_likely(x: f32) -> bool {
    x > 0.5 && x <= 1.0
}

fn invalid(key: &'static str, value: String, expected: &'static str) -> SpecError {
    SpecError::Invalid { key, value, expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn spec() -> ModelSpec {
        ModelSpec {
            input: InputSpec { size: 192, mean: [127.0; 3], std: [128.0, 127.5, 1.0] },
            temperature_1: 0.7,
            temperature_4: 0.46,
            thresholds: Thresholds { auto_confidence: 0.96, review_confidence: 0.3 },
            cascade_confidence: 0.995,
            backbone: "efficientnet_lite0".into(),
            trained_at: "2026-11-23".into(),
            eval: serde_json::json!({"four_way_4": 0.95}),
        }
    }

    fn pairs() -> HashMap<String, String> {
        spec().to_metadata().into_iter().collect()
    }

    fn read(pairs: &HashMap<String, String>) -> Result<ModelSpec, SpecError> {
        ModelSpec::from_metadata(|key| pairs.get(key).cloned())
    }

    #[test]
    fn written_metadata_reads_back() {
        assert_eq!(read(&pairs()), Ok(spec()));
        let mut without = pairs();
        without.remove("orientd.cascade_confidence");
        let read = read(&without).expect("the key is optional");
        assert_eq!(read.cascade_confidence, DEFAULT_CASCADE_CONFIDENCE);
    }

    #[test]
    fn every_missing_key_is_named() {
        for key in pairs().into_keys().filter(|key| key != "orientd.cascade_confidence") {
            let mut broken = pairs();
            broken.remove(&key);
            let message = read(&broken).expect_err(&key).to_string();
            assert!(message.contains(&key), "{message}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn nonsense_is_refused_with_its_key() {
        for (key, value) in [
            ("format",             "2"),
            ("resize",             "letterbox"),
            ("input_size",         "0"),
            ("input_size",         "wide"),
            ("mean",               "[127,127]"),
            ("mean",               "[127,127,1e9]"),
            ("std",                "[0,1,1]"),
            ("std",                "128"),
            ("temperature_1",      "0"),
            ("temperature_4",      "NaN"),
            ("auto_confidence",    "0.4"),
            ("auto_confidence",    "1.5"),
            ("review_confidence",  "-1"),
            ("cascade_confidence", "two"),
            ("eval",               "{"),
        ] {
            let mut broken = pairs();
            broken.insert(full(key), value.into());
            let message = read(&broken).expect_err(key).to_string();
            assert!(message.contains(key) && message.contains(value), "{message}");
        }
    }
}
