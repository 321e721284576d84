//! `orientd train --library`: from a scanned folder to a model in use, with both programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use orientd_core::image::rgb::Rgb8;
use orientd_train::jpeg;
use orientd_train::net::{Architecture, Backbone, Network, Top};
use prost::Message;

use crate::harness::train_folder;

/// `orientd` with everything it writes below `home`. It is built beside the trainer when the tests of
/// the whole workspace are.
fn orientd(home: &Path) -> Result<Command> {
    let program = Path::new(env!("CARGO_BIN_EXE_orientd-train")).with_file_name("orientd");
    ensure!(program.exists(), "no orientd beside the trainer: run `cargo build` before this test");
    let mut command = Command::new(program);
    command.env("HOME", home).env("RUST_BACKTRACE", "0");
    for kind in ["CONFIG", "DATA", "STATE", "CACHE"] {
        command.env(format!("XDG_{kind}_HOME"), home.join(kind));
    }
    Ok(command)
}

fn output_of(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {error}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The photos in the source tree, each in many framings.
fn add_photos(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in ["astronaut", "chelsea", "coffee", "rocket"] {
        let path = train_folder().join(format!("../tests/photos/{name}.jpg"));
        let whole = jpeg::decode(&std::fs::read(&path).with_context(|| format!("{path:?}"))?)?;
        for margin in (0..60).step_by(2) {
            let width = whole.width - margin;
            let height = whole.height - margin;
            let rows = whole.pixels.chunks_exact(3 * whole.width).skip(margin / 2).take(height);
            let pixels = rows.flat_map(|row| &row[3 * margin / 2..][..3 * width]).copied();
            let framed = Rgb8 { width, height, pixels: pixels.collect() };
            std::fs::write(folder.join(format!("{name}{margin}.jpg")), jpeg::encode(&framed, 90)?)?;
        }
    }
    Ok(())
}

/// A model that knows nothing, of the default model's kind.
fn ignorant_model(path: &Path) -> Result<()> {
    let known = train_folder().join("../models/orientd.onnx");
    let spec = orientd_train::onnx::Session::from_file(&known, 1)?.spec;
    let arch = Architecture::new(Backbone::Lite0, Top::None);
    let network = Network::new(arch, tch::Device::Cpu, tch::Kind::Float, 9);
    let precision = orientd_train::export::Precision::Float32;
    let model = orientd_train::export::build(&network, &spec, precision)?;
    Ok(std::fs::write(path, model.encode_to_vec())?)
}

const QUICK: [&str; 17] = [
    "fit.threads=1",
    "prepare.duplicate_bits=0",
    "network.input=96",
    "prepare.side=192",
    "prepare.confident_from=0.3",
    "split.validation=0.2",
    "split.gate=0.5",
    "fit.batch=4",
    "fit.epoch_photos=4",
    "fit.average_steps=0",
    "fit.stage1.epochs=1",
    "fit.stage2.epochs=0",
    "fit.stage1.learning_rate=1e-7",
    "augment.enabled=false",
    "calibrate.wrong_per_thousand=100",
    "eval.bootstrap=20",
    "eval.resave_photos=2",
];

#[test]
fn one_command_from_the_library_to_a_model_in_use() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("home");
    add_photos(&folder.path().join("photos"))?;
    let db = folder.path().join("library.db");
    let train = |more: &[PathBuf]| -> Result<String> {
        let mut command = orientd(&home)?;
        command.arg("--db").arg(&db).args(["train", "--library"]).args(more);
        output_of(command.args(QUICK.iter().flat_map(|setting| ["--set", setting])))
    };
    let refusal = train(&[]).expect_err("nothing was scanned").to_string();
    assert!(refusal.contains("run `orientd scan` on a folder first"), "{refusal}");

    output_of(orientd(&home)?.arg("--db").arg(&db).arg("scan").arg(folder.path().join("photos")))?;
    let models = || output_of(orientd(&home)?.arg("--db").arg(&db).args(["model", "list"]));

    // One step of next to nothing from a model that knows nothing: the one in use stays.
    let ignorant = folder.path().join("ignorant.onnx");
    ignorant_model(&ignorant)?;
    let from = |weights: &Path| PathBuf::from(format!("network.weights={}", weights.display()));
    let said = train(&["--set".into(), from(&ignorant)])?;
    assert!(said.contains("the present model stays"), "{said}");
    assert!(models()?.contains("* built-in"), "{}", models()?);

    let known = train_folder().join("../models/orientd.onnx");
    let said = train(&["--present".into(), ignorant, "--set".into(), from(&known)])?;
    assert!(said.contains("the new model is better"), "{said}");
    assert!(said.contains(" is used from now on"), "{said}");
    assert!(models()?.contains("* own-"), "{}", models()?);
    let runs = std::fs::read_dir(home.join("DATA/orientd/training/runs"))?;
    assert_eq!(runs.count(), 1, "only the last run is kept");
    Ok(())
}
