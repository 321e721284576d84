//! A killed run goes on as if nothing had happened, and a full disk costs nothing but the time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::{cache_of, program, quick};

fn fit(cache: &Path, out: &Path, config: &Path) -> Command {
    let mut command = program();
    command.arg("fit").arg("--cache").arg(cache).arg("--out").arg(out);
    command.arg("--config").arg(config);
    command
}

fn steps(run: &Path) -> Result<Vec<Vec<f64>>> {
    let text = std::fs::read_to_string(run.join("steps.csv"))?;
    let row = |line: &str| line.split(',').map(|cell| Ok(cell.parse::<f64>()?)).collect();
    text.lines().skip(1).map(row).collect()
}

fn hash(path: &Path) -> Result<String> {
    Ok(blake3::hash(&std::fs::read(path)?).to_hex().to_string())
}

/// SIGKILL in the middle of an epoch of each stage, then a disk that is full, then to the end: the
/// losses are those of a run that was never stopped.
#[test]
fn a_killed_run_ends_as_one_that_was_not() -> Result<()> {
    let (folder, _) = cache_of(24)?;
    let at = |name: &str| folder.path().join(name);
    let config = quick(&[
        "fit.epoch_photos=16",
        "fit.checkpoint_minutes=0",
        "fit.average_steps=4",
        "fit.drop_path=0.2",
        "fit.threads=1",
        "fit.beta_2=0.98",
        "fit.weight_decay=0.05",
        "fit.layer_decay=0.8",
        "fit.top_rate=5",
        "fit.clip_norm=1",
        "augment.colour_cast.probability=1",
        "augment.grey.probability=0.2",
        "fit.stage2.schedule=cosine",
        "fit.stage2.warmup_steps=2",
    ])?;
    std::fs::write(at("config.toml"), config.to_toml()?)?;
    let fit = |out: &str| fit(&at("cache"), &at(out), &at("config.toml"));
    let output = fit("whole").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = steps(&at("whole"))?;
    assert_eq!(expected.len(), 8);

    for stop_after in [2, 6] {
        let mut child = fit("killed").stderr(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let begun = Instant::now();
        while steps(&at("killed")).map_or(0, |steps| steps.len()) < stop_after {
            ensure!(begun.elapsed() < Duration::from_secs(100), "no checkpoint");
            std::thread::sleep(Duration::from_millis(3));
        }
        child.kill()?;
        child.wait()?;
        ensure!(steps(&at("killed"))?.len() < 8, "it was too quick to be killed");
    }
    fill_the_disk(&at("cache"), &at("killed"), &at("config.toml"))?;

    let output = fit("killed").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("goes on after step"));
    assert_eq!(steps(&at("killed"))?, expected);
    assert_eq!(hash(&at("killed/best.safetensors"))?, hash(&at("whole/best.safetensors"))?);
    Ok(())
}

/// A limit on the size of files stands for a full disk: the write fails half-way.
fn fill_the_disk(cache: &Path, run: &Path, config: &Path) -> Result<()> {
    let checkpoint = run.join("checkpoint.safetensors");
    let before = hash(&checkpoint)?;
    let program = fit(cache, run, config);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 9000; exec \"$0\" \"$@\""]);
    limited.arg(program.get_program()).args(program.get_args());
    let output = limited.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("cannot write") && error.contains("too large"), "{error}");
    assert_eq!(hash(&checkpoint)?, before);
    let leftovers = std::fs::read_dir(run)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.starts_with(".tmp"));
    assert_eq!(leftovers.count(), 0);
    Ok(())
}
