//! What a person may do wrong is said in words, and costs nothing that was there.

use std::path::Path;

use anyhow::Result;
use orientd_train::export::package;
use orientd_train::fit;
use orientd_train::weights;

use crate::harness::{cache_of, draw_photos, program, quick};

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
    Ok(())
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
