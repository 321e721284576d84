//! `scan`: the JSON contract, what is looked at again, and what survives a kill.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::harness::{Library, Scanned, needs, needs_with_exif};

#[test]
fn finds_each_turn_and_says_so_in_json() {
    let library = Library::new();
    for degrees in [0, 90, 180, 270] {
        library.add(format!("{degrees}.jpg"), &needs(degrees));
    }
    // Upright pixels under a stale tag are as wrong as any: the tag must go.
    library.add("stale.jpg", &needs_with_exif(0, 6));
    let before = library.hashes();
    let scanned = library.scan(&[]);
    for (name, turn, stored, new) in [
        ("90.jpg", 90, 1, 6),
        ("180.jpg", 180, 1, 3),
        ("270.jpg", 270, 1, 8),
        ("stale.jpg", 270, 6, 1),
    ] {
        let photo = &scanned.photos[name];
        assert_eq!(photo["verdict"], "fix", "{name}: {photo}");
        assert_eq!((&photo["turn"], &photo["stored"]), (&turn.into(), &stored.into()), "{name}");
        assert_eq!((&photo["new"], &photo["action"]), (&new.into(), &"none".into()), "{name}");
    }
    let upright = &scanned.photos["0.jpg"];
    assert_eq!((&upright["verdict"], &upright["turn"]), (&"upright".into(), &0.into()));
    assert!(upright["new"].is_null() && upright["reason"].is_null());
    assert_eq!((&upright["format"], &upright["width"]), (&"jpeg".into(), &384.into()));
    let probabilities = upright["probabilities"].as_array().unwrap();
    let sum: f64 = probabilities.iter().map(|p| p.as_f64().unwrap()).sum();
    assert!(probabilities.len() == 4 && (sum - 1.0).abs() < 1e-4);
    assert_eq!(scanned.summary["photos"], 5);
    assert_eq!(scanned.summary["verdicts"]["fix"], 4);
    assert_eq!(scanned.summary["provider"], "cpu");
    assert_eq!(library.hashes(), before, "a scan changes nothing");
}

#[test]
fn a_second_scan_opens_only_changed_files() {
    let library = Library::new();
    library.add("a.jpg", &needs(0));
    library.add("b.jpg", &needs(90));
    library.add("broken.jpg", b"not a photo");
    library.add("notes.txt", b"not even in name");
    assert_eq!(library.scan(&[]).summary["looked_at"], 3);

    let log = library.home().join("strace.log");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=open,openat,openat2", "-o"]).arg(&log);
    command.arg(env!("CARGO_BIN_EXE_orientd")).args(["scan", "--json"]).arg(library.root());
    library.set_home(&mut command);
    let second = Scanned::parse(&command.output().expect("strace is installed").stdout);
    assert_eq!(
        (&second.summary["looked_at"], &second.summary["unchanged"]),
        (&0.into(), &3.into())
    );
    assert_eq!(second.photos["b.jpg"]["verdict"], "fix", "known photos are told in full");
    let opened = std::fs::read_to_string(log).unwrap();
    for name in ["a.jpg", "b.jpg", "broken.jpg", "notes.txt", "libonnxruntime"] {
        assert!(!opened.contains(name), "{name} was opened by the second scan");
    }

    library.add("a.jpg", &needs(180));
    let third = library.scan(&[]);
    assert_eq!(third.summary["looked_at"], 1);
    assert_eq!(third.photos["a.jpg"]["turn"], 180);
    assert_eq!(library.scan(&["--rescan"]).summary["looked_at"], 3);
}

#[test]
fn a_kill_loses_at_most_the_batch_in_flight() {
    let library = Library::new();
    let photo = needs(90);
    for at in 0..300 {
        // A comment makes each file's content its own.
        let comment = format!("number {at}");
        let bytes = crate::harness::with_segment(&photo, 0xFE, comment.as_bytes());
        library.add(format!("{at:03}.jpg"), &bytes);
    }
    let mut command = library.command(["scan", "--json", "--batch", "4"]);
    let mut child = command.arg(library.root()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told: Vec<String> = lines.by_ref().take(70).map(|line| line.unwrap()).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told.len(), 70);

    let listed = library.ok(["list", "--json"]);
    for line in &told {
        let photo: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = photo["path"].as_str().unwrap();
        assert!(listed.contains(path), "{path} was told but is not in the database");
    }
    let resumed = library.scan(&[]);
    let looked = &resumed.summary["looked_at"];
    let known = &resumed.summary["unchanged"];
    assert_eq!(looked.as_u64().unwrap() + known.as_u64().unwrap(), 300);
    assert!(known.as_u64().unwrap() >= 70, "{}", resumed.summary);
    assert_eq!(resumed.summary["verdicts"]["fix"], 300);
}

#[test]
fn two_scans_at_once_agree() {
    let library = Library::new();
    for at in 0..60 {
        library.add(format!("{at:02}.jpg"), &needs(if at % 3 == 0 { 90 } else { 0 }));
    }
    let spawn = || {
        let mut command = library.command(["scan", "--json", "--fix"]);
        command.arg(library.root()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let outputs = [spawn(), spawn()].map(|child| child.wait_with_output().unwrap());
    let mut n_turned = 0;
    for output in outputs {
        assert!(output.status.success(), "{}", crate::harness::text_of(&output));
        n_turned += Scanned::parse(&output.stdout).summary["actions"]["tag"].as_u64().unwrap_or(0);
    }
    assert_eq!(n_turned, 20, "every wrong photo is turned once, by one of them");
    let after = library.scan(&["--rescan"]);
    assert_eq!(after.summary["verdicts"]["upright"], 60);
}

#[test]
fn the_summary_for_people_names_what_to_do() {
    let library = Library::new();
    library.add("wrong.jpg", &needs(90));
    library.add("empty.jpg", b"");
    let text = library.ok(["scan", library.root().to_str().unwrap()]);
    assert!(text.contains("sure        90°") && text.contains("wrong.jpg"), "{text}");
    assert!(text.contains("orientd scan --fix") && text.contains("empty"), "{text}");
    let text = library.ok(["scan", "--fix", library.root().to_str().unwrap()]);
    assert!(text.contains("Turned 1 photo") && text.contains("orientd undo --run 2"), "{text}");
}
