//! The config file's text → its values, or what is wrong with it.

use serde_path_to_error::{Path, Segment};
use toml::de::{DeTable, Deserializer};

use super::DEFAULT;
use super::error::{Fault, start_of};
use super::field_names::field_names;
use super::file::{File, Folder};

/// The keys below `[[root]]`, or those above.
pub(super) fn known_keys(is_in_folder: bool) -> &'static [&'static str] {
    if is_in_folder { field_names::<Folder>() } else { field_names::<File>() }
}

/// Reads `text` over the defaults.
pub(super) fn parse(text: &str) -> Result<File, Fault> {
    let mut table = DeTable::parse(text).map_err(|err| Fault::of_syntax(&err, text))?;
    // The defaults bring the spans of another text, which is no harm: a test shows them to be valid,
    // so no error is about them.
    let defaults = DeTable::parse(DEFAULT).map_err(|err| Fault::of_syntax(&err, DEFAULT))?;
    for (key, default) in defaults.into_inner() {
        table.get_mut().entry(key).or_insert(default);
    }
    let parsed = serde_path_to_error::deserialize(Deserializer::from(table));
    parsed.map_err(|err| explain(&err, text))
}

/// Adds the key, and a hint if there is one to give.
fn explain(error: &serde_path_to_error::Error<toml::de::Error>, text: &str) -> Fault {
    let keys = keys_of(error.path());
    let is_in_folder = keys.len() == 2 && keys[0] == "root";
    let start = start_of(error.inner());
    if let Some(key) = keys.last()
        && (keys.len() == 1 || is_in_folder)
        && !known_keys(is_in_folder).contains(key)
    {
        let place = if is_in_folder { " in [[root]]" } else { "" };
        // There is one array of tables only.
        let is_array = text.get(..start).is_some_and(|before| before.trim_end().ends_with("[["));
        let hint = match is_array {
            true => "did you mean [[root]]?".to_owned(),
            false => nearest(key, is_in_folder),
        };
        return Fault::new(start, format!("unknown key {key:?}{place}\n  {hint}"));
    }
    let mut message = format!("{}: {}", keys.join("."), error.inner().message());
    if error.path().to_string() == "root" {
        message.push_str("\n  write [[root]], in two brackets, above each folder's keys");
    }
    Fault::new(start, message)
}

/// The tables' keys on the way to a value, without places in arrays.
fn keys_of(path: &Path) -> Vec<&str> {
    let keys = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        _ => None,
    });
    // `Spanned` reads its value as if that were below a key of this form.
    keys.filter(|key| !key.starts_with("$__")).collect()
}

/// What may have been meant by an unknown key.
fn nearest(key: &str, is_in_folder: bool) -> String {
    if known_keys(!is_in_folder).contains(&key) {
        return if is_in_folder {
            format!("{key:?} is for all folders: write it above the first [[root]]")
        } else {
            format!("{key:?} is for one folder: write it below a [[root]]")
        };
    }
    let known = known_keys(is_in_folder).iter();
    match known.min_by_key(|known| strsim::damerau_levenshtein(key, known)) {
        Some(&"root") => "did you mean [[root]]?".to_owned(),
        Some(known) => format!("did you mean {known:?}?"),
        None => String::new(),
    }
}
