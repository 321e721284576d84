//! `default.toml` is what is in force where a file says nothing, and it leaves no key out.

use std::collections::BTreeSet;
use std::time::Duration;

use super::file::File;
use super::parse::{known_keys, parse};
use super::{Config, DEFAULT, FixPolicy, Root};
use crate::decode::Limits;
use crate::engine::{Device, Views};
use crate::store::{RetentionPolicy, ThresholdOverrides};
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;

const FOLDER_EXAMPLE: &str = "# [[root]]";

fn config(text: &str) -> Config {
    parse(text).and_then(File::into_config).unwrap()
}

/// The commented example of a folder, without the comment signs.
fn folder_example() -> String {
    let start = DEFAULT.find(FOLDER_EXAMPLE).unwrap();
    let lines = DEFAULT[start..].lines().map(|line| line.trim_start_matches(['#', ' ']));
    let is_setting = |line: &&str| line.starts_with('[') || line.contains(" = ");
    lines.filter(is_setting).collect::<Vec<_>>().join("\n")
}

fn keys(table: &toml::Table) -> BTreeSet<&str> {
    table.keys().map(String::as_str).collect()
}

#[test]
fn the_default_file_says_the_defaults() {
    assert_eq!(parse(DEFAULT).unwrap(), parse("").unwrap());
}

#[test]
fn the_default_file_has_every_key_and_no_other() {
    let table: toml::Table = DEFAULT.parse().unwrap();
    let mut written = keys(&table);
    assert!(written.insert("root"), "folders stand in a comment");
    assert_eq!(written, known_keys(false).iter().copied().collect());

    let example: toml::Table = folder_example().parse().unwrap();
    let folder = example["root"][0].as_table().unwrap();
    assert_eq!(keys(folder), known_keys(true).iter().copied().collect());
}

#[test]
fn the_example_of_a_folder_says_the_defaults() {
    let example = config(&folder_example());
    let path = directories::BaseDirs::new().unwrap().home_dir().join("Pictures");
    let bare = config(&format!("[[root]]\npath = {path:?}"));
    assert_eq!(example.roots, bare.roots);
    assert!(example.ignore.is_match(path.join("Screenshots/a.png")));
}

#[test]
fn every_key_has_a_comment() {
    let mut previous_is_comment = false;
    for line in DEFAULT.lines().filter(|line| !line.is_empty()) {
        let is_comment = line.starts_with('#');
        let follows_key = line.starts_with("review_confidence")
            || line.starts_with("max_pixels")
            || line.starts_with("originals_max_days");
        assert!(is_comment || previous_is_comment || follows_key, "{line:?} has no comment");
        previous_is_comment = is_comment;
    }
}

#[test]
fn the_defaults_are_these() {
    let config = config("");
    let minute = Duration::from_secs(60);
    assert_eq!((config.model, config.ort_lib, config.batch), (None, None, None));
    assert_eq!(
        (config.device, config.views, config.mode),
        (Device::Auto, Views::Cascade, Mode::Tag)
    );
    assert_eq!(config.sidecar_name, SidecarStyle::Full);
    assert!(config.n_threads > 0 && !config.keep_mtime);
    assert_eq!(config.thresholds, ThresholdOverrides::default());
    let Limits { max_file_bytes, max_pixels } = config.limits;
    assert_eq!((max_file_bytes, max_pixels), (512 << 20, 400_000_000));
    assert_eq!(config.retention, RetentionPolicy { max_bytes: 10 << 30, max_days: 0 });
    assert_eq!((config.settle, config.sweep), (Duration::from_secs(5), 60 * minute));
    assert_eq!((config.poll, config.idle), (minute, minute));
    assert!(config.ignore.is_empty() && config.roots.is_empty());
}

#[test]
fn a_folder_takes_what_it_does_not_say() {
    let config =
        config("mode = \"pixels\"\nsidecar_name = \"stem\"\n[[root]]\npath = \"/no/such\"");
    let root = Root {
        path: "/no/such".into(),
        fix: FixPolicy::Review,
        mode: Mode::Pixels,
        sidecar_name: SidecarStyle::Stem,
        min_confidence: None,
        poll: false,
    };
    assert_eq!(config.roots, [root]);
}

#[test]
fn a_folders_globs_apply_below_it_only() {
    let config = config("[[root]]\npath = \"/pics\"\nignore = [\"**/Screenshots/**\"]");
    assert!(config.ignore.is_match("/pics/a/Screenshots/x.png"));
    assert!(!config.ignore.is_match("/other/Screenshots/x.png"));
}

#[test]
fn whole_numbers_do_where_fractions_do() {
    let config = config("settle_seconds = 2\nauto_confidence = 1\nreview_confidence = 0");
    assert_eq!(config.settle, Duration::from_secs(2));
    let thresholds = ThresholdOverrides { auto_confidence: Some(1.0), review_confidence: None };
    assert_eq!(config.thresholds, thresholds);
}
