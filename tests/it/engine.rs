//! The real ONNX Runtime: views, batches, devices and models that do not fit.

use std::fs;

use orientd::engine::{Device, Engine, ModelFile, Views};
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;

use crate::harness::{Library, REAL_PHOTOS, needs, real_photo};

fn engine() -> Engine {
    // Tests run from target/<profile>/deps, so the build tree's library is found by itself.
    Engine::load(None, &ModelFile::built_in(), Device::Cpu, 2).expect("`make runtime` was run")
}

fn squares(engine: &Engine) -> Vec<Rgb8> {
    let squash = |name: &&str| engine.loaded().spec.input.squash(&real_photo(name)).unwrap();
    REAL_PHOTOS.iter().map(squash).collect()
}

/// The four displayed turns of one photo get the four matching answers.
#[test]
fn four_views_are_equivariant_on_real_photos() {
    let mut engine = engine();
    for photo in squares(&engine) {
        let turned = Turn::ALL.map(|turn| photo.clone().oriented(turn.inverse().orientation()));
        let pictures: Vec<&Rgb8> = turned.iter().collect();
        let answers = engine.answer(&pictures, Views::Four).unwrap();
        let upright = answers[0].unwrap().probabilities;
        for (turn, answer) in Turn::ALL.into_iter().zip(answers) {
            let seen = answer.unwrap().probabilities;
            for class in 0..4 {
                let a = upright.0[class];
                let b = seen.0[(class + turn.class()) % 4];
                assert!((a - b).abs() < 1e-5, "{turn:?}: {upright:?} {seen:?}");
            }
        }
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    let mut engine = engine();
    let photos = squares(&engine);
    for views in [Views::One, Views::Four, Views::Cascade] {
        let alone: Vec<_> = photos
            .iter()
            .map(|photo| engine.answer(&[photo], views).unwrap()[0].unwrap())
            .collect();
        // Many mates, so that calls are split, in two orders.
        let many: Vec<&Rgb8> = photos.iter().cycle().take(23).collect();
        for (at, answer) in engine.answer(&many, views).unwrap().into_iter().enumerate() {
            let together = answer.unwrap();
            let alone = alone[at % photos.len()];
            assert_eq!(together.views, alone.views);
            for class in 0..4 {
                let a = together.probabilities.0[class];
                let b = alone.probabilities.0[class];
                assert!((a - b).abs() < 1e-5, "{views:?}, photo {at}");
            }
        }
    }
}

#[test]
fn a_turn_is_never_proposed_on_one_view_alone() {
    let mut engine = engine();
    for photo in squares(&engine) {
        for turn in Turn::ALL {
            let turned = photo.clone().oriented(turn.inverse().orientation());
            let answer = engine.answer(&[&turned], Views::Cascade).unwrap()[0].unwrap();
            if answer.probabilities.best().0 != Turn::NONE {
                assert_eq!(answer.views, 4, "{turn:?}");
            }
        }
    }
}

#[test]
fn only_auto_falls_back_to_another_device() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    let root = library.root();
    let message = library.fails(1, ["scan", "--device", "cuda", root.to_str().unwrap()]);
    assert!(message.contains("cuda") && message.contains("not built into"), "{message}");
    let message = library.fails(2, ["scan", "--device", "abacus", root.to_str().unwrap()]);
    assert!(message.contains("abacus"), "{message}");
    assert_eq!(library.scan(&["--device", "auto"]).summary["provider"], "cpu");
}

#[test]
fn a_library_that_is_missing_is_one_clear_error() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    let root = library.root();
    let message = library.fails(1, ["scan", "--ort-lib", "/nowhere.so", root.to_str().unwrap()]);
    assert!(message.contains("no ONNX Runtime library at /nowhere.so"), "{message}");
    // A program moved away from its build tree finds none, and says which command makes one.
    let program = library.home().join("orientd");
    fs::copy(env!("CARGO_BIN_EXE_orientd"), &program).unwrap();
    let mut command = std::process::Command::new(program);
    library.set_home(&mut command);
    let output = command.arg("scan").arg(root).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("make runtime"), "{message}");
}

#[test]
fn an_unusable_model_is_refused_with_the_reason() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    let before = library.hashes();
    let good = ModelFile::built_in().bytes.into_owned();
    let replaced = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let mut bytes = good.clone();
        let mut n = 0;
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + from.len()].copy_from_slice(to);
                n += 1;
            }
        }
        assert!(n > 0, "{:?} is in the model", String::from_utf8_lossy(from));
        bytes
    };
    for (name, bytes, expected) in [
        ("nonsense", b"this is not a model".to_vec(), "cannot be loaded"),
        ("empty", Vec::new(), "is empty"),
        ("no-mean", replaced(b"orientd.mean", b"orientd.meen"), "lacks orientd.mean"),
        ("no-output", replaced(b"logits", b"logitz"), "has no \"logits\""),
        ("no-input", replaced(b"image", b"imagf"), "has no \"image\""),
    ] {
        let path = library.home().join(format!("{name}.onnx"));
        fs::write(&path, bytes).unwrap();
        let root = library.root();
        let args = ["scan", "--model", path.to_str().unwrap(), root.to_str().unwrap()];
        let message = library.fails(1, args);
        assert!(message.contains(expected), "{name}: {message}");
        assert_eq!(message.lines().count(), 1, "{name}: {message}");
        let message = library.fails(1, ["model", "use", path.to_str().unwrap()]);
        assert!(message.contains(expected), "{name}: {message}");
    }
    assert_eq!(library.hashes(), before);
    assert_eq!(library.scan(&[]).summary["model"], "built-in", "no bad model was chosen");
}
