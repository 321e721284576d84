//! The commands beside scan, fix and undo.

use std::fs;

use crate::harness::{Library, needs};

#[test]
fn status_and_list_work_before_the_first_scan() {
    let library = Library::new();
    assert!(library.ok(["status"]).contains("Nothing is known yet"));
    assert!(library.ok(["list"]).contains("Nothing is known yet"));
    assert!(!library.home().join(".local").exists(), "asking makes no database");
    library.add("wrong.jpg", &needs(90));
    library.add("right.jpg", &needs(0));
    library.scan(&["--fix"]);
    let status: serde_json::Value =
        serde_json::from_str(&library.ok(["status", "--json"])).unwrap();
    assert_eq!((&status["photos"], &status["changes"]["in_force"]), (&2.into(), &1.into()));
    assert!(library.ok(["status"]).contains("1 turned, 0 put back"));
    let listed = library.ok(["list", "--json", "--turned"]);
    let photo: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&photo["action"], &photo["new"]), (&"tag".into(), &6.into()));
    let below = library.path("nothing");
    assert!(library.ok(["list", below.to_str().unwrap()]).contains("No such photos"));
}

#[test]
fn doctor_finds_nothing_wrong_and_says_what_is() {
    let library = Library::new();
    let text = library.ok(["doctor"]);
    for check in ["config", "database", "library", "device", "model", "watches"] {
        assert!(text.contains(&format!(" {check}:")), "{check} is missing: {text}");
    }
    assert!(text.contains("right in all four turns"), "{text}");

    let config = library.home().join("config.toml");
    fs::write(&config, "nonsense = 1").unwrap();
    let output = library.run(["doctor", "--config", config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("BAD    config"), "{text}");
    assert!(text.contains("config --default"), "it says what to do: {text}");
    let output = library.run(["doctor", "--json", "--ort-lib", "/nowhere.so"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("{\"check\":\"library\",\"state\":\"bad\""), "{text}");
}

#[test]
fn the_default_config_is_a_valid_config() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    let config = library.home().join("config.toml");
    fs::write(&config, library.ok(["config", "--default"])).unwrap();
    assert_eq!(library.scan(&["--config", config.to_str().unwrap()]).summary["photos"], 1);
    let text = library.ok(["config", "--config", config.to_str().unwrap()]);
    assert!(text.contains(config.to_str().unwrap()) && text.contains("orientd.db"), "{text}");
}

#[test]
fn models_are_listed_shown_chosen_and_used() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    library.scan(&[]);
    assert!(library.ok(["model", "list"]).contains("* built-in"));
    let shown = library.ok(["model", "show"]);
    for key in ["backbone", "input_size", "auto_confidence", "eval", "blake3"] {
        assert!(shown.contains(key), "{key}: {shown}");
    }
    // Another content, the same network: a byte in the free text of the metadata.
    let mut bytes = orientd::engine::ModelFile::built_in().bytes.into_owned();
    let key = b"orientd.trained_at";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len() + 2;
    bytes[at] = b'3';
    let file = library.home().join("mine.onnx");
    fs::write(&file, bytes).unwrap();
    library.ok(["model", "use", file.to_str().unwrap()]);
    // Chosen by a person, or by retraining: not in vain unless that is said.
    let config = library.home().join("config.toml");
    fs::write(&config, format!("model = {file:?}")).unwrap();
    let said = library.ok(["--config", config.to_str().unwrap(), "model", "use", "mine"]);
    assert!(said.contains("the config's `model` goes before it"), "{said}");
    fs::remove_file(&config).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(library.ok(["model", "list"]).contains("* mine"));
    let scanned = library.scan(&[]);
    assert_eq!(
        (&scanned.summary["model"], &scanned.summary["looked_at"]),
        (&"mine".into(), &1.into())
    );
    library.ok(["model", "use", "built-in"]);
    assert_eq!(library.scan(&[]).summary["looked_at"], 0, "its answers are still known");
    let message = library.fails(1, ["model", "use", "yours"]);
    assert!(message.contains("there is no model \"yours\""), "{message}");
}

#[test]
fn configured_thresholds_apply_without_inference() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    assert_eq!(library.scan(&[]).photos["a.jpg"]["verdict"], "fix");
    let config = library.home().join("config.toml");
    fs::write(&config, "auto_confidence = 1.0").unwrap();
    let flags = ["--config", config.to_str().unwrap()];
    let strict = library.scan(&flags);
    assert_eq!(strict.photos["a.jpg"]["verdict"], "review", "{}", strict.photos["a.jpg"]);
    assert_eq!(strict.summary["looked_at"], 0, "no photo need be opened for that");
    assert_eq!(library.scan(&[]).photos["a.jpg"]["verdict"], "fix");
}

#[test]
fn completions_and_manual_pages_are_made() {
    let library = Library::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(library.ok(["completions", shell]).contains("rescan"), "{shell}");
    }
    assert!(library.ok(["man"]).contains(".TH orientd 1"));
    let pages = library.home().join("man1");
    library.ok(["man", "--out", pages.to_str().unwrap()]);
    assert!(pages.join("orientd-scan.1").exists());
}

#[test]
fn help_has_examples_and_a_closed_pipe_is_no_error() {
    let library = Library::new();
    for command in ["scan", "list", "fix", "undo"] {
        assert!(library.ok([command, "--help"]).contains("Examples:"), "{command}");
    }
    for at in 0..50 {
        library.add(format!("{at}.jpg"), &needs(0));
    }
    library.scan(&[]);
    let mut command = std::process::Command::new("sh");
    let line = format!("{} list --json | head -n 1", env!("CARGO_BIN_EXE_orientd"));
    command.args(["-c", &line]);
    library.set_home(&mut command);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn train_runs_the_trainer_or_says_how_to_get_it() {
    use std::os::unix::fs::PermissionsExt;
    let library = Library::new();
    let program = library.home().join("orientd");
    fs::copy(env!("CARGO_BIN_EXE_orientd"), &program).unwrap();
    let run = || {
        let mut command = std::process::Command::new(&program);
        library.set_home(&mut command);
        command.env("PATH", "/nowhere").args(["train", "fit", "--help", "a b"]).output().unwrap()
    };
    let message = String::from_utf8_lossy(&run().stderr).into_owned();
    assert!(message.contains("make train"), "{message}");
    let trainer = library.home().join("orientd-train");
    fs::write(&trainer, "#!/bin/sh\nfor arg; do echo \"<$arg>\"; done\nexit 7\n").unwrap();
    fs::set_permissions(&trainer, fs::Permissions::from_mode(0o755)).unwrap();
    let output = run();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "<fit>\n<--help>\n<a b>\n");
    assert_eq!(output.status.code(), Some(7));
}
