//! A run's folder: it belongs to one configuration and one set of photos.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::device;
use crate::config::Config;
use crate::data::cache::Record;
use crate::net::Network;
use crate::weights;

const CONFIG: &str = "config.toml";
pub const BEST: &str = "best.safetensors";

/// The configuration of the run in `folder`, with `settings` laid over it.
///
/// # Errors
/// Where there is no run, or a setting is wrong.
pub fn run_config(folder: &Path, settings: &[String]) -> Result<Config> {
    Config::load(Some(&folder.join(CONFIG)), settings)
}

/// The best network of the run in `folder`.
///
/// # Errors
/// Where there is none, or it is of another architecture.
pub fn load_best(folder: &Path, config: &Config) -> Result<Network> {
    let failed = || format!("no trained network in {}", folder.display());
    let network = device::network(config)?;
    let tensors = weights::read_safetensors(&folder.join(BEST)).with_context(failed)?;
    weights::restore(&network, &tensors).with_context(failed)?;
    Ok(network)
}

/// Writes the configuration into a new folder, or makes sure that an old one has the same.
pub fn claim(folder: &Path, config: &Config, records: &[Record]) -> Result<()> {
    let failed = || format!("cannot use the run folder {}", folder.display());
    std::fs::create_dir_all(folder).with_context(failed)?;
    let photos = photos_hash(records);
    let photos_file = folder.join("photos.blake3");
    let text = config.to_toml()?;
    let Ok(old) = std::fs::read_to_string(folder.join(CONFIG)) else {
        crate::files::write_whole(&photos_file, photos.as_bytes())?;
        return crate::files::write_whole(&folder.join(CONFIG), text.as_bytes());
    };
    let (old, new) = (deciding(&Config::parse(&old)?)?, deciding(config)?);
    if let Some((before, now)) = old.iter().zip(&new).find(|(before, now)| before != now) {
        bail!(
            "{} holds a run with another configuration: {before}, not {now}\n  \
             name another folder, or go on with its own {CONFIG}",
            folder.display()
        );
    }
    let before = std::fs::read_to_string(&photos_file).with_context(failed)?;
    ensure!(
        before == photos,
        "the photos are others than those that the run in {} began with\n  name another folder",
        folder.display()
    );
    Ok(())
}

/// Names a run of `config` on `records`: eight hexadecimal digits.
///
/// # Errors
/// Where a setting cannot be written as TOML.
pub fn fingerprint(config: &Config, records: &[Record]) -> Result<String> {
    let text = format!("{}\n{}", deciding(config)?.join("\n"), photos_hash(records));
    Ok(blake3::hash(text.as_bytes()).to_hex()[..8].to_owned())
}

/// `key = value` of every setting that decides what is learnt.
fn deciding(config: &Config) -> Result<Vec<String>> {
    let mut config = config.clone();
    let defaults = Config::load(None, &[])?;
    let fit = &mut config.fit;
    (fit.loaders, fit.checkpoint_minutes) = (defaults.fit.loaders, defaults.fit.checkpoint_minutes);
    (config.eval, config.calibrate) = (defaults.eval, defaults.calibrate);
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
