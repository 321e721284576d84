//! Every network is trained for a few steps, exported and compared with onnxruntime; one learns.

use anyhow::{Context, Result, ensure};
use orientd_core::model_spec::ModelSpec;
use orientd_train::calibrate::{Calibration, calibrate};
use orientd_train::data::Cache;
use orientd_train::data::split::split;
use orientd_train::eval::Engine;
use orientd_train::export::package;
use orientd_train::fit;
use orientd_train::net::Backbone;
use orientd_train::onnx::Session;
use prost::Message;
use tempfile::TempDir;

use crate::harness::{cache_of, imagenet_weights, program, quick};

/// Trains in two stages, exports, reads the model back; `package` compares with onnxruntime.
fn train_and_export(backbone: Backbone) -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    for (top, views) in [("none", 4), ("dense256", 1)] {
        let settings = [
            format!("network.backbone={}", backbone.as_str()),
            format!("network.top={top}"),
            format!("network.input={}", if backbone.is_transformer() { 42 } else { 32 }),
            format!("fit.views={views}"),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let config = quick(&settings)?;
        let run = folder.path().join(top);
        let outcome = fit::fit(&config, &cache, &run)?;
        assert_eq!(outcome.steps, 4);
        assert!(outcome.best_loss.is_finite());
        let package = package::package(&run, &cache, &[])?;
        let session = Session::from_bytes(&package.bytes, 1)?;
        assert_eq!(session.spec, package.spec);
        assert_eq!(session.spec.backbone, backbone.as_str());
        // The bars are those of the weights in the file.
        let part = split(&cache.records, &config)?.validation;
        let views = Engine::Onnx(session).score(&cache, &part, &config.augment, |_| {})?;
        let fitted = calibrate(&views, &config.calibrate, None)?;
        let written = Calibration::of(&package.spec);
        assert!((fitted.auto_confidence - written.auto_confidence).abs() < 1e-3, "{written:?}");
        assert!((fitted.temperature_4 - written.temperature_4).abs() < 1e-2, "{written:?}");
    }
    Ok(())
}

#[test]
fn b0_trains() -> Result<()> {
    train_and_export(Backbone::B0)
}

#[test]
fn b1_trains() -> Result<()> {
    train_and_export(Backbone::B1)
}

#[test]
fn b2_trains() -> Result<()> {
    train_and_export(Backbone::B2)
}

#[test]
fn b3_trains() -> Result<()> {
    train_and_export(Backbone::B3)
}

#[test]
fn vit_s14_trains() -> Result<()> {
    train_and_export(Backbone::VitS14)
}

/// In the middle of an epoch, with its look at the held-back photos.
#[test]
fn a_stage_ends_when_its_minutes_are_over() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let config = quick(&[
        "fit.stage1.epochs=9",
        "fit.stage1.minutes=1e-9",
        "fit.stage2.epochs=9",
        "fit.stage2.minutes=1e-9",
    ])?;
    let run = folder.path().join("run");
    assert_eq!(fit::fit(&config, &cache, &run)?.steps, 2);
    let epochs = std::fs::read_to_string(run.join("epochs.jsonl"))?;
    assert_eq!(epochs.lines().count(), 2);
    Ok(())
}

#[test]
fn lite0_trains() -> Result<()> {
    train_and_export(Backbone::Lite0)
}

#[test]
fn lite1_trains() -> Result<()> {
    train_and_export(Backbone::Lite1)
}

#[test]
fn lite2_trains() -> Result<()> {
    train_and_export(Backbone::Lite2)
}

#[test]
fn resnet50_trains() -> Result<()> {
    train_and_export(Backbone::ResNet50)
}

/// The first stage leaves the early convolutions alone and changes the rest.
#[test]
fn early_convolutions_rest_in_the_first_stage() -> Result<()> {
    let (folder, cache) = cache_of(24)?;
    let config = quick(&["fit.stage2.epochs=0"])?;
    let run = folder.path().join("run");
    fit::fit(&config, &cache, &run)?;
    let before = fit::device::network(&config)?;
    let after = fit::load_best(&run, &config)?;
    let changed = |name: &str| before.tensor(name) != after.tensor(name);
    for (name, expected) in [
        ("stem.conv.weight", false),
        ("stem.bn.weight", true),
        ("stem.bn.running_mean", true),
        ("stages.4.2.project.conv.weight", false),
        ("stages.5.0.expand.conv.weight", true),
        ("head.conv.weight", true),
        ("top.linear.bias", true),
    ] {
        assert_eq!(changed(name), expected, "{name}");
    }
    Ok(())
}

fn trained() -> Result<(TempDir, Cache)> {
    let (folder, cache) = cache_of(80)?;
    let weights = format!("network.weights={}", imagenet_weights()?.display());
    let config = quick(&[
        "network.input=64",
        "fit.epoch_photos=48",
        "fit.batch=8",
        "fit.validation_photos=0",
        "fit.stage2.epochs=2",
        "fit.stage2.learning_rate=1e-3",
        "augment.enabled=false",
        "fit.dropout=0",
        &weights,
    ])?;
    fit::fit(&config, &cache, &folder.path().join("run"))?;
    Ok((folder, cache))
}

/// Landscapes with a sky above are learnt in seconds, and the report says so.
#[test]
fn it_learns_and_is_evaluated() -> Result<()> {
    let (folder, _) = trained()?;
    let at = |name: &str| folder.path().join(name);
    let output = program()
        .arg("eval")
        .args(["--set", "eval.bootstrap=50", "--part", "validation"])
        .arg("--cache")
        .arg(at("cache"))
        .arg("--run")
        .arg(at("run"))
        .arg("--out")
        .arg(at("report"))
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{error}");
    let text = std::fs::read_to_string(at("report/eval.json"))?;
    let figures: serde_json::Value = serde_json::from_str(&text)?;
    let figure = |look: &str, name: &str| -> Result<f64> {
        figures[look][name]["value"].as_f64().with_context(|| format!("no {look}.{name}"))
    };
    for look in ["one_view", "four_views", "cascade"] {
        let accuracy = figure(look, "accuracy")?;
        assert!(accuracy > 0.9, "{look} {accuracy}: {error}");
    }
    assert!(figure("four_views", "recall_at_97")? <= 1.0);
    assert_eq!(figures["sources"].as_array().map(Vec::len), Some(2));
    assert_eq!(figures["one_view"]["confusion"][0].as_array().map(Vec::len), Some(4));
    let page = std::fs::read_to_string(at("report/report.html"))?;
    for part in ["<svg", "Re-save probe", "data:image/png;base64,", "hills"] {
        assert!(page.contains(part), "{part}");
    }
    check_events(&at("run/tensorboard"))
}

/// Every record of the event files has the lengths and checksums TensorBoard wants.
fn check_events(folder: &std::path::Path) -> Result<()> {
    let mut n_events = 0;
    for entry in std::fs::read_dir(folder)? {
        let bytes = std::fs::read(entry?.path())?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into()?) as usize;
            let masked = |bytes: &[u8]| {
                crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
            };
            assert_eq!(rest[8..12], masked(&rest[..8]));
            let data = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked(data));
            rest = &rest[16 + length..];
            n_events += 1;
        }
    }
    // A header, the steps, and three writes an epoch.
    assert!(n_events > 25, "{n_events} events");
    Ok(())
}

/// From photos to a decision with one command: a model of nothing is beaten, a good one is not
/// beaten by one that hardly trained.
#[test]
fn retraining_ends_at_the_gate() -> Result<()> {
    let (folder, cache) = trained()?;
    let at = |name: &str| folder.path().join(name);
    let good = package::package(&at("run"), &cache, &[])?;
    std::fs::write(at("good.onnx"), &good.bytes)?;
    let config = quick(&[])?;
    let arch = orientd_train::net::Architecture::new(Backbone::Lite0, config.network.top);
    let fresh = orientd_train::net::Network::new(arch, tch::Device::Cpu, tch::Kind::Float, 9);
    let spec = ModelSpec { trained_at: "never".into(), ..good.spec.clone() };
    let none =
        orientd_train::export::build(&fresh, &spec, orientd_train::export::Precision::Float32)?;
    std::fs::write(at("none.onnx"), none.encode_to_vec())?;

    let retrain = |present: &str, weights: &str, work: &str| -> Result<String> {
        let mut command = program();
        command.args(["retrain", "--photos"]).arg(at("photos")).arg("--work").arg(at(work));
        command.arg("--present").arg(at(present)).arg("--orientd").arg("true");
        let weights = format!("network.weights={}", at(weights).display());
        for setting in [
            "prepare.side=48",
            "network.input=64",
            "split.validation=0.2",
            "split.gate=0.7",
            "fit.batch=4",
            "fit.epoch_photos=4",
            "fit.stage1.epochs=1",
            "fit.stage2.epochs=0",
            "fit.stage1.learning_rate=1e-6",
            "augment.enabled=false",
            "fit.dropout=0",
            "calibrate.wrong_per_thousand=100",
            "eval.bootstrap=20",
            "eval.resave_photos=2",
            &weights,
        ] {
            command.args(["--set", setting]);
        }
        let output = command.output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{error}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let better = retrain("none.onnx", "good.onnx", "better")?;
    assert!(better.contains("the new model is better"), "{better}");
    let worse = retrain("good.onnx", "none.onnx", "worse")?;
    assert!(worse.contains("the present model stays"), "{worse}");
    assert!(at("worse/gate.json").exists() && at("worse/new/report.html").exists());
    Ok(())
}
