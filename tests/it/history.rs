//! Runs: what they did, which can be put back, and what `undo` says where one cannot.

use std::fs;
use std::path::PathBuf;

use orientd_core::orientation::{Orientation, Turn};
use serde_json::Value;

use crate::harness::{
    Library, jpeg_of, needs, needs_with_exif, real_photo, with_exif, with_segment,
};
use crate::review::db_path;
use crate::running::{Daemon, configure, eventually, listed, root};

/// A photo of its own content, turned by hand in a run of its own.
fn turned(library: &Library, name: &str, mode: &str) -> PathBuf {
    let path = library.add(name, &with_segment(&needs(0), 0xFE, name.as_bytes()));
    library.ok(["fix", "--turn", "90", "--mode", mode, path.to_str().unwrap()]);
    path
}

fn history(library: &Library) -> Vec<Value> {
    let text = library.ok(["history", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Run, what it was, how many it turned, and how many were put back; latest first.
fn counts(library: &Library) -> Vec<(i64, String, u64, u64)> {
    let of = |run: &Value| {
        let count = |key: &str| run[key].as_u64().unwrap();
        let by = run["by"].as_str().unwrap().to_owned();
        (run["run"].as_i64().unwrap(), by, count("turned"), count("put_back"))
    };
    history(library).iter().map(of).collect()
}

#[test]
fn runs_are_listed_and_each_can_be_put_back() {
    let library = Library::new();
    assert_eq!(library.ok(["history"]), "No photo was turned yet.\n");
    library.add("a.jpg", &needs_with_exif(90, 1));
    let a_before = library.hashes();
    library.scan(&["--fix"]);
    library.scan(&[]);
    let before = library.hashes();
    let b = turned(&library, "b.jpg", "tag");
    let fix = ("fix".to_owned(), 1);
    assert_eq!(counts(&library), [(3, fix.0, fix.1, 0), (1, "scan".into(), 1, 0)]);
    let runs = history(&library);
    assert!(runs[0]["who"].is_string() && runs[0]["started_at"].as_i64() > Some(1_700_000_000));
    let text = library.ok(["history", "--limit", "1"]);
    assert!(text.contains("    3  20") && text.contains("fix by "), "{text}");
    assert!(text.contains("1 turned") && text.contains("1 earlier run;"), "{text}");
    assert!(library.ok(["history", "--all"]).contains("nothing turned"));

    let message = library.fails(1, ["undo", "--run", "99"]);
    assert!(message.contains("there is no run 99\n  `orientd history`"), "{message}");
    assert!(library.ok(["undo", "--run", "2"]).contains("nothing to undo"));
    library.fails(2, ["undo", "--since", "soon"]);
    assert!(library.ok(["undo", "--since", "today", "--json"]).lines().count() == 2);
    fs::remove_file(b).unwrap();
    assert_eq!(library.hashes(), a_before);
    assert_ne!(before, a_before);
    assert_eq!(counts(&library)[0].3 + counts(&library)[1].3, 2);
    assert!(library.ok(["undo", "--since", "2d"]).contains("nothing to undo"));
}

#[test]
fn the_last_run_is_the_one_that_can_be_put_back() {
    let library = Library::new();
    let a = turned(&library, "a.jpg", "tag");
    let b = turned(&library, "b.jpg", "tag");
    let c = turned(&library, "c.jpg", "tag");
    let upright = |name: &str| with_segment(&needs(0), 0xFE, name.as_bytes());
    let b_turned = fs::read(&b).unwrap();
    fs::remove_file(&b).unwrap();
    fs::write(&c, needs(180)).unwrap();

    // What cannot be put back is named, once for each run.
    let output = library.run(["undo", "--last"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("c.jpg  changed on disk"), "{text}");
    assert!(text.contains("The next `undo --last` means the run before."), "{text}");
    let output = library.run(["undo", "--last"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("run 3 is passed over: 1 photo"), "{text}");
    assert!(text.contains("b.jpg  the file is gone\n"), "{text}");
    // The third goes on to what can be put back; it does not stick.
    let text = library.ok(["undo", "--last"]);
    assert!(text.contains("put back    ") && text.contains("a.jpg"), "{text}");
    assert_eq!(fs::read(&a).unwrap(), upright("a.jpg"));
    assert!(library.ok(["undo", "--last"]).contains("nothing to undo"));
    assert_eq!(history(&library)[0]["refused"], 1);
    // A photo that is brought back can be put back.
    fs::write(&b, b_turned).unwrap();
    library.ok(["undo", "--last"]);
    assert_eq!(fs::read(&b).unwrap(), upright("b.jpg"));
}

#[test]
fn what_was_renamed_is_named_as_it_is_now() {
    let library = Library::new();
    let tagged = turned(&library, "a.jpg", "tag");
    fs::rename(&tagged, library.path("moved.jpg")).unwrap();
    let output = library.run(["undo", "--last"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a.jpg  the file is gone; it is /"), "{text}");
    assert!(text.contains("moved.jpg now, and `orientd scan` follows it there"), "{text}");

    let photo = library.add("b.jpg", &needs(0));
    library.scan(&[]);
    library.ok(["fix", "--turn", "90", "--mode", "sidecar", photo.to_str().unwrap()]);
    fs::rename(&photo, library.path("renamed.jpg")).unwrap();
    library.scan(&[]);
    let output = library.run(["undo", "--last"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let why = "renamed.jpg  the sidecar that held its turn is gone, was left behind, or says otherwise: \
               renamed.jpg.xmp";
    assert!(text.contains(why), "{text}");
    // The scan has followed the first one.
    let text = library.ok(["undo", "--last"]);
    assert!(text.contains("moved.jpg"), "{text}");
}

#[test]
fn a_daemons_turns_of_another_day_are_another_run() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    let first = library.add("a.jpg", &needs_with_exif(90, 1));
    let is_turned =
        |path: &PathBuf| listed(&library).get(path).is_some_and(|photo| photo["action"] == "tag");
    eventually("the first is turned", || is_turned(&first));
    let db = rusqlite::Connection::open(db_path(&library)).unwrap();
    db.execute("UPDATE runs SET started_at = started_at - 200000", []).unwrap();
    // Another picture: the same one would pass for a backup of the first.
    let rocket = real_photo("rocket").oriented(Turn::quarters(3).orientation());
    let other = library.add("b.jpg", &with_exif(&jpeg_of(&rocket), Orientation::UPRIGHT));
    eventually("the other is turned", || is_turned(&other));
    assert_eq!(daemon.status()["run"], 2);
    daemon.stop();
    let by = || "daemon".to_owned();
    assert_eq!(counts(&library), [(2, by(), 1, 0), (1, by(), 1, 0)]);
    library.ok(["undo", "--last"]);
    assert_eq!(counts(&library), [(2, by(), 1, 1), (1, by(), 1, 0)]);
}
