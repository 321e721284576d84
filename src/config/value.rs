//! How single values are read. Each refusal says what was expected.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use globset::Glob;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A folder's absolute path, its links resolved where it exists.
#[derive(Debug, PartialEq)]
pub(super) struct FolderPath(pub PathBuf);

impl<'de> Deserialize<'de> for FolderPath {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        let path = expand(&text).map_err(D::Error::custom)?;
        if path.is_relative() {
            return Err(D::Error::invalid_value(Unexpected::Str(&text), &"an absolute path"));
        }
        Ok(Self(std::fs::canonicalize(&path).unwrap_or(path)))
    }
}

/// `""` is no path.
pub(super) fn optional_path<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(source)?;
    if text.is_empty() { Ok(None) } else { expand(&text).map(Some).map_err(D::Error::custom) }
}

/// Expands a leading `~` and every `$NAME` or `${NAME}`, or says which name is not there.
fn expand(text: &str) -> Result<PathBuf, String> {
    let expanded = shellexpand::full_with_context(
        text,
        || directories::BaseDirs::new()?.home_dir().to_str().map(str::to_owned),
        |name| std::env::var(name).map(Some),
    );
    match expanded {
        Ok(expanded) => Ok(PathBuf::from(expanded.into_owned())),
        Err(err) => Err(format!("cannot expand ${} in {text:?}: {}", err.var_name, err.cause)),
    }
}

/// One of the words that `T` knows.
pub(super) fn word<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    source: D,
) -> Result<T, D::Error> {
    String::deserialize(source)?.parse().map_err(D::Error::custom)
}

pub(super) fn optional_word<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    source: D,
) -> Result<Option<T>, D::Error> {
    word(source).map(Some)
}

/// A whole number up to `MOST`.
pub(super) fn count<'de, D: Deserializer<'de>, const MOST: u64>(
    source: D,
) -> Result<usize, D::Error> {
    let expected = format!("a whole number from 0 to {MOST}");
    let number = source.deserialize_u64(Whole { most: MOST, expected })?;
    usize::try_from(number).map_err(D::Error::custom)
}

pub(super) fn size<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    source.deserialize_u64(Whole { most: u64::MAX, expected: "a whole number from 0".to_owned() })
}

/// 0 is `None`, "as the model says"; anything else is above `ABOVE_PERCENT` and at most 1.
pub(super) fn confidence<'de, D: Deserializer<'de>, const ABOVE_PERCENT: u8>(
    source: D,
) -> Result<Option<f32>, D::Error> {
    let above = f32::from(ABOVE_PERCENT) / 100.0;
    source.deserialize_f64(Number {
        expected: format!("0, or a number above {above} and at most 1"),
        accept: move |number| {
            let number = number as f32;
            let is_named = number > above && number <= 1.0;
            (is_named || number == 0.0).then_some(is_named.then_some(number))
        },
    })
}

/// Seconds, from so many thousandths to a week.
pub(super) fn seconds<'de, D: Deserializer<'de>, const LEAST_MS: u32>(
    source: D,
) -> Result<Duration, D::Error> {
    duration(source, "seconds", LEAST_MS, 1.0)
}

/// Minutes, from so many thousandths of a second to a week.
pub(super) fn minutes<'de, D: Deserializer<'de>, const LEAST_MS: u32>(
    source: D,
) -> Result<Duration, D::Error> {
    duration(source, "minutes", LEAST_MS, 60.0)
}

fn duration<'de, D: Deserializer<'de>>(
    source: D,
    unit: &str,
    least_ms: u32,
    unit_seconds: f64,
) -> Result<Duration, D::Error> {
    const WEEK_SECONDS: f64 = 7.0 * 24.0 * 3600.0;
    let least = f64::from(least_ms) / (1000.0 * unit_seconds);
    let most = WEEK_SECONDS / unit_seconds;
    source.deserialize_f64(Number {
        expected: format!("a number of {unit} from {least} to {most}"),
        accept: move |number| {
            let is_in_range = (least..=most).contains(&number);
            is_in_range.then(|| Duration::from_secs_f64(number * unit_seconds))
        },
    })
}

/// Tables under one key: `[[root]]` as often as one likes.
pub(super) fn tables<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    source: D,
) -> Result<Vec<T>, D::Error> {
    source.deserialize_seq(List { expected: "an array of tables", items: PhantomData })
}

pub(super) fn globs<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Glob>, D::Error> {
    source.deserialize_seq(List { expected: "an array of globs", items: PhantomData })
}

/// A `Vec`, with words for what was expected that know more than serde's "a sequence".
struct List<T> {
    expected: &'static str,
    items: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.expected)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items))
    }
}

struct Whole {
    most: u64,
    expected: String,
}

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.expected)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let whole = u64::try_from(number).ok().filter(|whole| *whole <= self.most);
        whole.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        let whole = Some(number).filter(|whole| *whole <= self.most);
        whole.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// A number, whole or not, that `accept` makes a `T` of.
struct Number<F> {
    expected: String,
    accept: F,
}

impl<T, F: Fn(f64) -> Option<T>> Visitor<'_> for Number<F> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.expected)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        let accepted = (self.accept)(number);
        accepted.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let accepted = (self.accept)(number as f64);
        accepted.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}
