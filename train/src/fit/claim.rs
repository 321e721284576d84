//! A run's folder: it belongs to one configuration and one set of photos.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::device;
use crate::calibrate::Calibration;
use crate::config::Config;
use crate::data::cache::Record;
use crate::files::{is_got, read_if_there, write_whole};
use crate::net::Network;
use crate::weights;

const CONFIG: &str = "config.toml";
const PHOTOS: &str = "photos.blake3";
const REPLACES: &str = "replaces.json";
const LOCK: &str = "lock";
pub(super) const BEST: &str = "best.safetensors";
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";

/// The configuration of the run in `folder`, with `settings` laid over it: of what is done with its
/// network, not of how it was made.
///
/// # Errors
/// Returns an error if there is no run, `records` are not the photos it was trained on, or a setting is wrong or
/// the run's own.
pub fn run_config(folder: &Path, records: &[Record], settings: &[String]) -> Result<Config> {
    let path = folder.join(CONFIG);
    ensure!(path.is_file(), "there is no run in {}", folder.display());
    let own = Config::load(Some(&path), &[])?;
    let config = Config::load(Some(&path), settings)?;
    let mut same = config.clone();
    let fit = &mut same.fit;
    let was = &own.fit;
    fit.device = was.device;
    fit.precision = was.precision;
    fit.threads = was.threads;
    let before = deciding(&own)?;
    let now = deciding(&same)?;
    if let Some((before, now)) = before.iter().zip(&now).find(|(before, now)| before != now) {
        bail!(
            "the run in {} was made with {before}, not {now}\n  \
             only settings of eval, calibrate and the device may differ",
            folder.display()
        );
    }
    let hint = "`prepare` the same ones again, or train on those there are now";
    ensure_photos(folder, records, hint)?;
    Ok(config)
}

fn ensure_photos(folder: &Path, records: &[Record], hint: &str) -> Result<()> {
    let path = folder.join(PHOTOS);
    let failed = || format!("cannot read {}", path.display());
    let before = std::fs::read_to_string(&path).with_context(failed)?;
    ensure!(
        before == photos_hash(records),
        "the photos are others than those that the run in {} began with\n  {hint}",
        folder.display()
    );
    Ok(())
}

/// Notes the settings of the model that the run's is to replace.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn replaces(folder: &Path, present: &Calibration) -> Result<()> {
    let text = serde_json::to_string_pretty(present)?;
    write_whole(&folder.join(REPLACES), text.as_bytes())
}

/// What `replaces` noted, if it did.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn replaced(folder: &Path) -> Result<Option<Calibration>> {
    let path = folder.join(REPLACES);
    let failed = || format!("cannot read {}", path.display());
    let text = read_if_there(&path)?;
    text.map(|text| serde_json::from_str(&text).with_context(failed)).transpose()
}

/// The best network of the run in `folder`.
///
/// # Errors
/// Returns an error if there is none, or it is of another architecture.
pub fn load_best(folder: &Path, config: &Config) -> Result<Network> {
    let failed = || format!("no trained network in {}", folder.display());
    let network = device::network(config)?;
    let tensors = weights::read_safetensors(&folder.join(BEST)).with_context(failed)?;
    weights::restore(&network, &tensors).with_context(failed)?;
    Ok(network)
}

/// The right to write into a run's folder; it ends with the handle.
pub struct Claim {
    _lock: File,
}

/// Writes the configuration into a new folder, or makes sure that an old one has the same.
pub fn claim(folder: &Path, config: &Config, records: &[Record]) -> Result<Claim> {
    let failed = || format!("cannot use the run folder {}", folder.display());
    std::fs::create_dir_all(folder).with_context(failed)?;
    let lock = File::create(folder.join(LOCK)).with_context(failed)?;
    ensure!(
        is_got(lock.try_lock()).with_context(failed)?,
        "another orientd-train is at work in the run folder {}",
        folder.display()
    );
    begin_or_match(folder, config, records)?;
    Ok(Claim { _lock: lock })
}

/// Whether `folder` is a run's, and no program is at work in it.
///
/// # Errors
/// Returns an error if that cannot be told.
pub fn is_idle(folder: &Path) -> Result<bool> {
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => lock,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(false),
        Err(err) => return Err(err.into()),
    };
    Ok(is_got(lock.try_lock())?)
}

fn begin_or_match(folder: &Path, config: &Config, records: &[Record]) -> Result<()> {
    let path = folder.join(CONFIG);
    let Some(old) = read_if_there(&path)? else {
        ensure!(
            !folder.join(CHECKPOINT).exists(),
            "{} has a checkpoint but no {CONFIG} to say whose it is\n  name another folder",
            folder.display()
        );
        write_whole(&folder.join(PHOTOS), photos_hash(records).as_bytes())?;
        return write_whole(&path, config.to_toml()?.as_bytes());
    };
    let old = deciding(&Config::parse(&old)?)?;
    let new = deciding(config)?;
    if let Some((before, now)) = old.iter().zip(&new).find(|(before, now)| before != now) {
        bail!(
            "{} holds a run with another configuration: {before}, not {now}\n  \
             name another folder, or go on with its own {CONFIG}",
            folder.display()
        );
    }
    ensure_photos(folder, records, "name another folder")
}

/// Names a run of `config` on `records`: eight hexadecimal digits. Other starting weights are another
/// run, whatever their file is called.
///
/// # Errors
/// Returns an error if a setting cannot be written as TOML or the starting weights cannot be read.
pub fn fingerprint(config: &Config, records: &[Record]) -> Result<String> {
    let mut config = config.clone();
    let weights = &mut config.network.weights;
    if !weights.is_empty() {
        let failed = || format!("cannot read the weights {weights}");
        let bytes = std::fs::read(weights.as_str()).with_context(failed)?;
        *weights = blake3::hash(&bytes).to_hex().to_string();
    }
    let text = format!("{}\n{}", deciding(&config)?.join("\n"), photos_hash(records));
    Ok(blake3::hash(text.as_bytes()).to_hex()[..8].to_owned())
}

/// `key = value` of every setting that decides what is learnt.
fn deciding(config: &Config) -> Result<Vec<String>> {
    let mut config = config.clone();
    let defaults = Config::load(None, &[])?;
    let fit = &mut config.fit;
    fit.loaders = defaults.fit.loaders;
    fit.checkpoint_minutes = defaults.fit.checkpoint_minutes;
    config.eval = defaults.eval;
    config.calibrate = defaults.calibrate;
    let mut lines = Vec::new();
    flatten("", &toml::Value::Table(toml::Table::try_from(&config)?), &mut lines);
    Ok(lines)
}

fn flatten(prefix: &str, value: &toml::Value, lines: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&key, value, lines);
            }
        }
        value => lines.push(format!("{prefix} = {value}")),
    }
}

fn photos_hash(records: &[Record]) -> String {
    let mut hasher = blake3::Hasher::new();
    for record in records {
        let line =
            format!("{} {} {} {}\n", record.source, record.turn, record.weight, record.fingerprint);
        hasher.update(line.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
