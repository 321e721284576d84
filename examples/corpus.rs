//! Turns a copy of every photo of a folder in every mode and looks at what came of it with other
//! programs' eyes: a photo is refused and untouched, or changed so that exiftool sees nothing else
//! changed, ImageMagick shows it turned as planned, and `undo` restores the hash. Writes the table of
//! what happened: `make corpus DIR=photos`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

const MODES: [&str; 3] = ["tag", "pixels", "sidecar"];

/// What a turn may change, by the end of the tag's name in exiftool.
const MAY_CHANGE: [&str; 8] = [
    ":Orientation",
    ":ExifByteOrder",
    ":FileModifyDate",
    ":FileAccessDate",
    ":FileInodeChangeDate",
    ":FileSize",
    ":WebP_Flags",
    ":Warning",
];

/// What turning the pixels may change besides: sizes, and how they are coded.
const MAY_CHANGE_WITH_PIXELS: [&str; 13] = [
    ":ImageWidth",
    ":ImageHeight",
    ":ImageSize",
    ":ExifImageWidth",
    ":ExifImageHeight",
    ":YCbCrSubSampling",
    ":ThumbnailImage",
    ":ThumbnailLength",
    ":ThumbnailOffset",
    ":Compression",
    ":JPEGDigest",
    ":EncodingProcess",
    ":Thumbnail",
];

/// Largest mean difference of two pictures at 32×32 that count as the same.
const MAX_DIFFERENCE: f64 = 3.0;

type Said = BTreeMap<String, BTreeMap<String, Value>>;

fn main() -> Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let folder = PathBuf::from(args.next().context("which folder? corpus DIR [TABLE]")?);
    let table = args.next().map(PathBuf::from);
    let mut corpus = Corpus { counts: BTreeMap::new(), failures: Vec::new(), n_files: 0 };
    for mode in MODES {
        corpus.run(&folder, mode)?;
    }
    let text = corpus.table();
    println!("{text}");
    for failure in &corpus.failures {
        eprintln!("corpus: {failure}");
    }
    if let Some(table) = table {
        let old = fs::read_to_string(&table).unwrap_or_default();
        let mark = "<!-- the rest is written by `make corpus` -->\n";
        let kept = old.split(mark).next().unwrap_or_default();
        fs::write(&table, format!("{kept}{mark}\n{text}"))?;
    }
    Ok(if corpus.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Corpus {
    /// By format, mode and outcome.
    counts: BTreeMap<(String, &'static str, String), usize>,
    failures: Vec<String>,
    n_files: usize,
}

/// A file that was changed.
struct Changed {
    name: String,
    action: String,
}

impl Corpus {
    fn run(&mut self, folder: &Path, mode: &'static str) -> Result<()> {
        let home = tempfile::tempdir()?;
        let work = home.path().join("photos");
        fs::create_dir(&work)?;
        let names = copy_files(folder, &work)?;
        self.n_files = names.len();
        let (before, hashes) = (said(&work)?, hashes(&work)?);
        let mut changed = Vec::new();
        for name in &names {
            let path = work.join(name);
            let seen = picture(&path);
            let (outcome, action) = fix(home.path(), &path, mode)?;
            let format = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            *self.counts.entry((format, mode, outcome.clone())).or_default() += 1;
            let Some(action) = action else {
                if hash(&path)? != hashes[name] || path_beside(&path).exists() {
                    self.failures.push(format!("{mode} {name}: refused, but changed"));
                }
                continue;
            };
            if let Some(why) = wrong_picture(&path, seen, &action) {
                self.failures.push(format!("{mode} {name}: {why}"));
            }
            changed.push(Changed { name: name.clone(), action });
        }
        let after = said(&work)?;
        for file in &changed {
            self.compare(mode, file, &before, &after);
        }
        for file in changed.iter().rev() {
            let path = work.join(&file.name);
            let output = orientd(home.path(), &["undo"], &path)?;
            if !output.status.success() {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                self.failures.push(format!("{mode} {}: undo failed: {text}", file.name));
            }
        }
        if self::hashes(&work)? != hashes {
            self.failures.push(format!("{mode}: undo did not restore every hash"));
        }
        Ok(())
    }

    fn compare(&mut self, mode: &str, file: &Changed, before: &Said, after: &Said) {
        let empty = BTreeMap::new();
        let old = before.get(&file.name).unwrap_or(&empty);
        let new = after.get(&file.name).unwrap_or(&empty);
        let with_pixels = if file.action == "pixels" { &MAY_CHANGE_WITH_PIXELS[..] } else { &[] };
        // A simple WebP becomes an extended one.
        let is_webp = file.name.ends_with(".webp");
        let tags: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for tag in tags {
            let may = MAY_CHANGE.iter().chain(with_pixels).any(|end| tag.ends_with(end))
                || (is_webp && (tag.starts_with("RIFF:") || tag == "File:FileType"));
            if !may && old.get(tag) != new.get(tag) {
                let (old, new) = (old.get(tag), new.get(tag));
                self.failures.push(format!("{mode} {}: {tag}: {old:?} → {new:?}", file.name));
            }
        }
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{} files, each turned by 90° in each mode.\n\n| format | mode | outcome | files |\n|---|---|---|---:|\n",
            self.n_files
        );
        for ((format, mode, outcome), n) in &self.counts {
            text += &format!("| {format} | {mode} | {outcome} | {n} |\n");
        }
        text += &format!("\n{} of these turns were not as they should be.\n", self.failures.len());
        text
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in walkdir::WalkDir::new(from).sort_by_file_name() {
        let entry = entry?;
        let name = entry.path().strip_prefix(from)?.to_string_lossy().replace('/', "_");
        if entry.file_type().is_file() && orientd::stages::decode::promises_photo(entry.path()) {
            fs::copy(entry.path(), to.join(&name))?;
            // A read-only copy would only show that read-only files are left alone.
            fs::set_permissions(to.join(&name), fs::Permissions::from_mode(0o644))?;
            names.push(name);
        }
    }
    ensure!(!names.is_empty(), "there are no photos in {}", from.display());
    Ok(names)
}

fn orientd(home: &Path, args: &[&str], path: &Path) -> Result<Output> {
    let program = std::env::current_exe()?;
    let program = program.ancestors().nth(2).context("not in a target folder")?.join("orientd");
    let mut command = Command::new(&program);
    command.args(args).arg(path).env("HOME", home);
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(variable);
    }
    command.output().with_context(|| format!("cannot run {}", program.display()))
}

/// What was done, in words and as the action; no action where it was left alone.
fn fix(home: &Path, path: &Path, mode: &str) -> Result<(String, Option<String>)> {
    let output = orientd(home, &["fix", "--mode", mode, "--turn", "90", "--json"], path)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Ok(object) = serde_json::from_str::<Value>(&text) else {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1), "{}: {text}", path.display());
        return Ok(("cannot be looked at".into(), None));
    };
    let reason = object["reason"].as_str();
    match (object["action"].as_str().unwrap_or("none"), reason) {
        ("none", Some(reason)) => Ok((format!("left alone: {reason}"), None)),
        ("none", None) => bail!("{}: left alone without a reason", path.display()),
        (action, None) => Ok((action.to_owned(), Some(action.to_owned()))),
        (action, Some(why)) => Ok((format!("{action}, since {why}"), Some(action.to_owned()))),
    }
}

fn path_beside(path: &Path) -> PathBuf {
    orientd::stages::sidecar::path_of(path)
}

/// As ImageMagick shows it, orientation applied; `None` where it cannot.
fn picture(path: &Path) -> Option<Vec<u8>> {
    let mut first = path.as_os_str().to_owned();
    first.push("[0]");
    let mut convert = Command::new("convert");
    convert.arg(first).args(["-auto-orient", "+repage", "-background", "white", "-flatten"]);
    convert.args(["-colorspace", "sRGB", "-resize", "32x32!", "-depth", "8", "rgb:-"]);
    let output = convert.output().ok()?;
    (output.status.success() && output.stdout.len() == 32 * 32 * 3).then_some(output.stdout)
}

/// Compares what is shown now with what was shown, turned by 90 degrees.
fn wrong_picture(path: &Path, seen: Option<Vec<u8>>, action: &str) -> Option<String> {
    let seen = seen?;
    let Some(now) = picture(path) else { return Some("cannot be shown any more".into()) };
    let mut expected = seen.clone();
    // A sidecar is not what ImageMagick looks at: the photo itself must be shown as before.
    if action != "sidecar" {
        for (y, x) in (0..32).flat_map(|y| (0..32).map(move |x| (y, x))) {
            let (from, to) = (3 * ((31 - x) * 32 + y), 3 * (y * 32 + x));
            expected[to..to + 3].copy_from_slice(&seen[from..from + 3]);
        }
    }
    let sum: u64 = expected.iter().zip(&now).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / expected.len() as f64;
    (mean > MAX_DIFFERENCE).then(|| format!("shown otherwise than planned (off by {mean:.1})"))
}

fn said(folder: &Path) -> Result<Said> {
    let mut exiftool = Command::new("exiftool");
    exiftool.args(["-a", "-G1", "-b", "-j", "-q", "-ext", "*"]).arg(folder);
    let output = exiftool.output().context("exiftool")?;
    let files: Vec<BTreeMap<String, Value>> = serde_json::from_slice(&output.stdout)?;
    let name = |file: &BTreeMap<String, Value>| {
        let path = file.get("SourceFile").and_then(Value::as_str).unwrap_or_default();
        Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    Ok(files.into_iter().map(|file| (name(&file), file)).collect())
}

fn hash(path: &Path) -> Result<String> {
    Ok(blake3::hash(&fs::read(path)?).to_hex().to_string())
}

fn hashes(folder: &Path) -> Result<BTreeMap<String, String>> {
    let entries = fs::read_dir(folder)?;
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().to_string_lossy().into_owned(), hash(&entry.path())?))
        })
        .collect()
}
