//! What a person may do wrong is said in words, and costs nothing that was there.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use orientd_train::data::Cache;
use orientd_train::export::package;
use orientd_train::fit;
use orientd_train::weights;

use crate::harness::{cache_of, draw_photos, program, quick, train_folder};

fn error_of(arguments: &[&str], folder: &Path) -> Result<String> {
    let output = program().args(arguments).current_dir(folder).output()?;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[rustfmt::skip]
fn what_is_missing_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    std::fs::create_dir(at.join("empty"))?;
    draw_photos(&at.join("one"), 1)?;
    std::fs::create_dir(at.join("broken"))?;
    std::fs::write(at.join("broken/a.jpg"), b"no photo")?;
    std::fs::write(at.join("odd.toml"), "[fit]\nbach = 3\n")?;
    for (arguments, message) in [
        (vec!["prepare", "--cache", "c", "--photos", "empty"],   "no photos to prepare"),
        (vec!["prepare", "--cache", "c", "--photos", "absent"],  "absent"),
        (vec!["prepare", "--cache", "c", "--library", "l.db"],   "l.db"),
        (vec!["fit", "--cache", "absent", "--out", "r"],         "`orientd-train prepare` makes one"),
        (vec!["fit", "--cache", "c", "--out", "r", "--config", "odd.toml"], "did you mean fit.batch?"),
        (vec!["eval", "--cache", "absent", "--run", "r", "--out", "o"], "no cache"),
        (vec!["export", "--cache", "absent", "--run", "r", "--out", "o"], "no cache"),
        (vec!["augment", "--sheet", "s", "absent.jpg"],          "absent.jpg"),
    ] {
        // Every command but the first three wants a cache; one photo makes one.
        if arguments[0] == "fit" && arguments[2] == "c" {
            let made = program().args(["prepare", "--cache", "c", "--photos", "one"])
                .current_dir(at).output()?;
            assert!(made.status.success());
        }
        let error = error_of(&arguments, at)?;
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    let error = error_of(&["fit", "--cache", "c", "--out", "r"], at)?;
    assert!(error.contains("too few"), "{error}");
    // A folder of nothing but broken files makes a cache without photos.
    let made = program().args(["prepare", "--cache", "b", "--photos", "broken"])
        .current_dir(at).output()?;
    assert!(String::from_utf8_lossy(&made.stderr).contains("1 left out"));
    let error = error_of(&["fit", "--cache", "b", "--out", "r"], at)?;
    assert!(error.contains("too few"), "{error}");
    Ok(())
}

#[test]
fn a_run_keeps_its_configuration_photos_and_checkpoint() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let run = folder.path().join("run");
    let config = quick(&["fit.stage2.epochs=0"])?;
    fit::fit(&config, &cache, &run)?;
    let best = std::fs::read(run.join("best.safetensors"))?;
    let message = |result: Result<fit::Outcome>| match result {
        Ok(_) => String::new(),
        Err(err) => format!("{err:#}"),
    };

    let other = quick(&["fit.stage2.epochs=0", "fit.batch=2"])?;
    let said = message(fit::fit(&other, &cache, &run));
    assert!(said.contains("fit.batch = 4, not fit.batch = 2"), "{said}");
    // How many threads load photos changes nothing, so that may differ.
    let same = quick(&["fit.stage2.epochs=0", "fit.loaders=1"])?;
    assert_eq!(message(fit::fit(&same, &cache, &run)), "");

    let (_other_folder, fewer) = cache_of(20)?;
    let said = message(fit::fit(&config, &fewer, &run));
    assert!(said.contains("the photos are others"), "{said}");

    std::fs::write(run.join("checkpoint.safetensors"), b"damaged")?;
    let said = message(fit::fit(&config, &cache, &run));
    assert!(said.contains("cannot read the checkpoint"), "{said}");
    assert_eq!(std::fs::read(run.join("best.safetensors"))?, best);

    // Whose checkpoint it is must be known.
    std::fs::remove_file(run.join("config.toml"))?;
    let said = message(fit::fit(&config, &cache, &run));
    assert!(said.contains("no config.toml"), "{said}");
    Ok(())
}

/// What a run was made with decides which photos it has never seen.
#[test]
fn a_run_is_measured_as_it_was_made() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let run = folder.path().join("run");
    fit::fit(&quick(&["fit.stage2.epochs=0"])?, &cache, &run)?;
    let export =
        |cache: &Cache, setting: &str| match package::package(&run, cache, &[setting.into()]) {
            Ok(_) => String::new(),
            Err(err) => format!("{err:#}"),
        };
    assert_eq!(export(&cache, "calibrate.wrong_per_thousand=100"), "");
    for setting in ["seed=2", "split.validation=0.5", "network.input=48"] {
        let said = export(&cache, setting);
        assert!(said.contains("was made with"), "{setting}: {said}");
    }
    let (_other, fewer) = cache_of(20)?;
    let said = export(&fewer, "fit.threads=1");
    assert!(said.contains("the photos are others"), "{said}");
    Ok(())
}

/// Two programs at work in one place would spoil it for both.
#[test]
fn a_cache_and_a_run_are_written_by_one_program() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let run = folder.path().join("run");
    let prepare = || {
        let arguments =
            ["prepare", "--cache", "cache", "--photos", "photos", "--set", "prepare.side=48"];
        program().args(arguments).current_dir(folder.path()).output()
    };
    let refused = prepare()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("in use by another orientd-train"), "{said}");
    let records = cache.records.clone();
    drop(cache);
    assert!(prepare()?.status.success());

    let config = quick(&[])?;
    let claim = fit::claim(&run, &config, &records)?;
    let said =
        fit::claim(&run, &config, &records).err().map_or_else(String::new, |err| err.to_string());
    assert!(said.contains("at work in the run folder"), "{said}");
    assert!(!fit::is_idle(&run)?);
    drop(claim);
    assert!(fit::is_idle(&run)? && !fit::is_idle(folder.path())?);
    fit::claim(&run, &config, &records).map(|_| ())
}

/// Known before the hours of training, not after.
#[test]
fn what_is_too_little_to_retrain_on_is_said_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    draw_photos(&folder.path().join("one"), 1)?;
    draw_photos(&folder.path().join("few"), 60)?;
    let model = train_folder().join("../models/orientd.onnx");
    for (photos, message) in [("one", "too few"), ("few", "at least 50 are needed")] {
        let arguments = ["retrain", "--photos", photos, "--work", photos, "--present"];
        let output = program().args(arguments).arg(&model).current_dir(folder.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(message), "{said}");
        assert!(!folder.path().join(photos).join("runs").exists(), "nothing was trained");
    }
    Ok(())
}

/// A limit on the size of files stands for a full disk.
#[test]
fn a_full_disk_is_said_and_costs_nothing_that_was_there() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let run = folder.path().join("run");
    fit::fit(&quick(&["fit.stage2.epochs=0"])?, &cache, &run)?;
    drop(cache);
    std::fs::write(folder.path().join("model.onnx"), b"the old model")?;
    let index = || std::fs::read(folder.path().join("cache/photos.jsonl"));
    let before = index()?;
    draw_photos(&folder.path().join("more"), 60)?;
    for arguments in [
        vec!["export", "--cache", "cache", "--run", "run", "--out", "model.onnx"],
        vec![
            "prepare",
            "--cache",
            "cache",
            "--set",
            "prepare.side=48",
            "--photos",
            "photos",
            "--photos",
            "more",
        ],
    ] {
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""]);
        limited.arg(program().get_program()).args(&arguments).current_dir(folder.path());
        let output = limited.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            said.contains("cannot write") && said.contains("too large"),
            "{arguments:?}: {said}"
        );
    }
    assert_eq!(std::fs::read(folder.path().join("model.onnx"))?, b"the old model");
    // What was added before the disk was full stays, and what was there too.
    assert!(index()?.starts_with(&before));
    let cache = Cache::open(&folder.path().join("cache"))?;
    cache.records.iter().try_for_each(|record| cache.read(record).map(|_| ()))
}

#[test]
fn wrong_weights_and_hopeless_settings_are_errors() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let run = |name: &str, settings: &[&str]| -> Result<String> {
        let result = fit::fit(&quick(settings)?, &cache, &folder.path().join(name));
        Ok(result.err().map_or_else(String::new, |err| format!("{err:#}")))
    };
    let b0 = fit::device::network(&quick(&["network.backbone=efficientnet_b0"])?)?;
    let path = folder.path().join("b0.safetensors");
    let tensors = weights::snapshot(&b0);
    let named: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    tch::Tensor::write_safetensors(&named, &path)?;
    let setting = format!("network.weights={}", path.display());
    let said = run("weights", &[&setting])?;
    assert!(said.contains("cannot load weights") && said.contains("b0.safetensors"), "{said}");
    let said = run("absent", &["network.weights=absent.onnx"])?;
    assert!(said.contains("absent.onnx"), "{said}");
    let said = run("batch", &["fit.batch=64"])?;
    assert!(said.contains("fewer than one batch of 64"), "{said}");
    let said = run("rate", &["fit.stage1.learning_rate=1e30", "fit.epoch_photos=16"])?;
    assert!(said.contains("a lower learning rate may help"), "{said}");
    let said = run("left", &["split.leave_out=[\"moon\"]"])?;
    assert!(said.contains("moon"), "{said}");
    assert!(package::package(&folder.path().join("rate"), &cache, &[]).is_err());
    Ok(())
}
