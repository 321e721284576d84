//! Every broken config is refused with its place, its key and what was expected.

use std::path::Path;

use proptest::prelude::{any, proptest};

use super::Config;
use super::error::ConfigError;
use super::file::File;
use super::parse::parse;

fn refusal(text: &str) -> String {
    let fault = parse(text).and_then(File::into_config).expect_err(text);
    let ConfigError { line, column, message, .. } = fault.in_file(Path::new(""), text);
    format!("{line}:{column}: {message}")
}

fn check(rows: &[(&str, &str, &str)]) {
    for (name, text, expected) in rows {
        assert_eq!(refusal(text), *expected, "{name}");
    }
}

#[test]
#[rustfmt::skip]
fn unknown_keys_name_the_nearest_known_one() {
    check(&[
        ("one letter too many",       "keep_mtimes = true",                     "1:1: unknown key \"keep_mtimes\"\n  did you mean \"keep_mtime\"?"),
        ("two letters swapped",       "device = \"cpu\"\n\n  jbos = 1",         "3:3: unknown key \"jbos\"\n  did you mean \"jobs\"?"),
        ("as a table",                "[devcie]\nx = 1",                        "1:2: unknown key \"devcie\"\n  did you mean \"device\"?"),
        ("dotted",                    "batches.size = 1",                       "1:1: unknown key \"batches\"\n  did you mean \"batch\"?"),
        ("plural folders",            "[[roots]]\npath = \"/a\"",               "1:3: unknown key \"roots\"\n  did you mean [[root]]?"),
        ("plural folders, one table", "[roots]\npath = \"/a\"",                 "1:2: unknown key \"roots\"\n  did you mean [[root]]?"),
        ("folders by another word",   "[[folder]]\npath = \"/a\"",             "1:3: unknown key \"folder\"\n  did you mean [[root]]?"),
        ("in a folder",               "[[root]]\npath = \"/a\"\nfxi = 1",       "3:1: unknown key \"fxi\" in [[root]]\n  did you mean \"fix\"?"),
        ("a folder's key above",      "path = \"/a\"",                          "1:1: unknown key \"path\"\n  \"path\" is for one folder: write it below a [[root]]"),
        ("a general key in a folder", "[[root]]\npath = \"/a\"\nbatch = 3",     "3:1: unknown key \"batch\" in [[root]]\n  \"batch\" is for all folders: write it above the first [[root]]"),
        ("a table in a folder",       "[[root]]\npath = \"/a\"\n[root.x]\ny=1", "3:7: unknown key \"x\" in [[root]]\n  did you mean \"fix\"?"),
    ]);
}

#[test]
#[rustfmt::skip]
fn wrong_types_name_the_right_one() {
    check(&[
        ("device",            "device = 1",                        "1:10: device: invalid type: integer `1`, expected a string"),
        ("device as a table", "[device]\nx = 1",                   "1:1: device: invalid type: map, expected a string"),
        ("views",             "views = 4",                         "1:9: views: invalid type: integer `4`, expected a string"),
        ("jobs",              "jobs = 1.5",                        "1:8: jobs: invalid type: floating point `1.5`, expected a whole number from 0 to 512"),
        ("batch",             "batch = \"8\"",                     "1:9: batch: invalid type: string \"8\", expected a whole number from 0 to 1024"),
        ("a confidence",      "review_confidence = \"high\"",      "1:21: review_confidence: invalid type: string \"high\", expected 0, or a number above 0 and at most 1"),
        ("keep_mtime",        "keep_mtime = 1",                    "1:14: keep_mtime: invalid type: integer `1`, expected a boolean"),
        ("ignore",            "ignore = \"a\"",                    "1:10: ignore: invalid type: string \"a\", expected an array of globs"),
        ("one glob",          "ignore = [\n  \"a\",\n  1,\n]",     "3:3: ignore: invalid type: integer `1`, expected a glob pattern"),
        ("a time",            "idle_seconds = \"5s\"",             "1:16: idle_seconds: invalid type: string \"5s\", expected a number of seconds from 0.1 to 604800"),
        ("model",             "model = 3",                         "1:9: model: invalid type: integer `3`, expected a string"),
        ("a folder's path",   "[[root]]\npath = 5",                "2:8: root.path: invalid type: integer `5`, expected a string"),
        ("a folder's poll",   "[[root]]\npath = \"/a\"\npoll = \"no\"", "3:8: root.poll: invalid type: string \"no\", expected a boolean"),
        ("a folder's fix",    "root = [{path = \"/a\", fix = 1}]", "1:29: root.fix: invalid type: integer `1`, expected a string"),
    ]);
}

#[test]
#[rustfmt::skip]
fn values_out_of_range_name_the_range() {
    check(&[
        ("device",              "device = \"gpu\"",                "1:10: device: unknown device \"gpu\"; one of auto, cpu, cuda, tensorrt, openvino, migraphx"),
        ("views",               "views = \"2\"",                   "1:9: views: unknown views \"2\"; one of 1, 4, cascade"),
        ("sidecar_name",        "sidecar_name = \"both\"",       "1:16: sidecar_name: unknown sidecar_name \"both\"; one of full, stem"),
        ("mode",                "mode = \"turn\"",                 "1:8: mode: unknown mode \"turn\"; one of tag, pixels, sidecar"),
        ("jobs below 0",        "jobs = -1",                       "1:8: jobs: invalid value: integer `-1`, expected a whole number from 0 to 512"),
        ("too many jobs",       "jobs = 513",                      "1:8: jobs: invalid value: integer `513`, expected a whole number from 0 to 512"),
        ("batch",               "batch = 99999",                   "1:9: batch: invalid value: integer `99999`, expected a whole number from 0 to 1024"),
        ("max_pixels",          "max_pixels = -5",                 "1:14: max_pixels: invalid value: integer `-5`, expected a whole number from 0"),
        ("a low confidence",    "auto_confidence = 0.3",           "1:19: auto_confidence: invalid value: floating point `0.3`, expected 0, or a number above 0.5 and at most 1"),
        ("a high confidence",   "auto_confidence = 2",             "1:19: auto_confidence: invalid value: integer `2`, expected 0, or a number above 0.5 and at most 1"),
        ("no number",           "auto_confidence = nan",           "1:19: auto_confidence: invalid value: floating point `NaN`, expected 0, or a number above 0.5 and at most 1"),
        ("a negative time",     "settle_seconds = -1.0",           "1:18: settle_seconds: invalid value: floating point `-1.0`, expected a number of seconds from 0 to 604800"),
        ("more than a week",    "settle_seconds = 604801",         "1:18: settle_seconds: invalid value: integer `604801`, expected a number of seconds from 0 to 604800"),
        ("no sweep",            "sweep_minutes = 0",               "1:17: sweep_minutes: invalid value: integer `0`, expected a number of minutes from 0.01 to 10080"),
        ("a short poll",        "poll_seconds = 0.1",              "1:16: poll_seconds: invalid value: floating point `0.1`, expected a number of seconds from 0.5 to 604800"),
        ("idle is no number",   "idle_seconds = nan",              "1:16: idle_seconds: invalid value: floating point `NaN`, expected a number of seconds from 0.1 to 604800"),
        ("a glob",              "ignore = [\"ok\",\n  \"a[\"]",    "2:3: ignore: error parsing glob 'a[': unclosed character class; missing ']'"),
        ("an unset variable",   "model = \"$NO_SUCH_VARIABLE/m\"", "1:9: model: cannot expand $NO_SUCH_VARIABLE in \"$NO_SUCH_VARIABLE/m\": environment variable not found"),
    ]);
}

#[test]
#[rustfmt::skip]
fn broken_folders_are_explained() {
    const TWO_BRACKETS: &str = "\n  write [[root]], in two brackets, above each folder's keys";
    for (text, place, found) in [
        ("[root]\npath = \"/a\"", "1:1", "map"),
        ("root.path = \"/a\"",    "1:1", "map"),
        ("root = \"/a\"",         "1:8", "string \"/a\""),
    ] {
        let expected = format!("{place}: root: invalid type: {found}, expected an array of tables{TWO_BRACKETS}");
        assert_eq!(refusal(text), expected, "{text}");
    }
    check(&[
        ("only a path",      "root = [\"/a\"]",                                      "1:9: root: invalid type: string \"/a\", expected a table with a path"),
        ("no path",          "[[root]]\nfix = \"off\"",                              "1:1: root: missing field `path`"),
        ("a relative path",  "[[root]]\npath = \"a\"",                               "2:8: root.path: invalid value: string \"a\", expected an absolute path"),
        ("an unset name",    "[[root]]\npath = \"/${NO_SUCH_VARIABLE}\"",            "2:8: root.path: cannot expand $NO_SUCH_VARIABLE in \"/${NO_SUCH_VARIABLE}\": environment variable not found"),
        ("a folder twice",   "[[root]]\npath = \"/a\"\n[[root]]\npath = \"/a/\"",    "4:8: root.path: the folder /a/ is there twice"),
        ("fix",              "[[root]]\npath = \"/a\"\nfix = \"yes\"",               "3:7: root.fix: unknown fix \"yes\"; one of off, review, auto"),
        ("mode",             "[[root]]\npath = \"/a\"\nmode = \"x\"",                "3:8: root.mode: unknown mode \"x\"; one of tag, pixels, sidecar"),
        ("sidecar_name",     "[[root]]\npath = \"/a\"\nsidecar_name = \"x\"",        "3:16: root.sidecar_name: unknown sidecar_name \"x\"; one of full, stem"),
        ("a low confidence", "[[root]]\npath = \"/a\"\nmin_confidence = 0.5",        "3:18: root.min_confidence: invalid value: floating point `0.5`, expected 0, or a number above 0.5 and at most 1"),
        ("a glob",           "[[root]]\npath = \"/a\"\nignore = [\"b\", \"a[\"]",    "3:16: root.ignore: error parsing glob 'a[': unclosed character class; missing ']'"),
    ]);
}

#[test]
#[rustfmt::skip]
fn broken_toml_shows_the_line() {
    check(&[
        ("no value",         "batch = ",                      "1:9: string values must be quoted, expected literal string\n  in the line: batch ="),
        ("no sign",          "jobs = 1\nbatch 3",             "2:7: key with no value, expected `=`\n  in the line: batch 3"),
        ("no quotes",        "device = cpu",                  "1:10: string values must be quoted, expected literal string\n  in the line: device = cpu"),
        ("an open string",   "device = \"cpu",                "1:14: invalid basic string, expected `\"`\n  in the line: device = \"cpu"),
        ("a key twice",      "batch = 1\nbatch = 2",          "2:1: duplicate key\n  in the line: batch = 2"),
        ("columns are of characters", "# ü\nmodel = \"ü\" x", "2:13: unexpected key or value, expected newline, `#`\n  in the line: model = \"ü\" x"),
    ]);
}

#[test]
fn a_broken_file_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "jobs = 1\nbatch = true\n").unwrap();
    let err = Config::load(Some(file.path())).unwrap_err();
    let expected = format!(
        "{}:2:9: batch: invalid type: boolean `true`, expected a whole number from 0 to 1024",
        file.path().display()
    );
    assert_eq!(format!("{err:#}"), expected);
    assert!(err.is::<ConfigError>());
}

proptest! {
    #[test]
    fn no_text_panics(before in "[a-z_\\[\\]=\"' \n]{0,40}", character in any::<char>(), after in ".{0,40}") {
        let text = format!("{before}{character}{after}");
        if let Err(fault) = parse(&text).and_then(File::into_config) {
            assert!(fault.in_file(Path::new(""), &text).line > 0);
        }
    }
}
