//! Ctrl-C: the photo at hand is finished, and the program says what was done and how to take it back.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::{Library, needs_with_exif, text_of, with_segment};
use crate::review_server::Server;
use crate::running::eventually;

/// A database is there, and photos that need a quarter turn.
fn library() -> Library {
    let library = Library::new();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        library.add(name, &with_segment(&needs_with_exif(90, 1), 0xFE, name.as_bytes()));
    }
    library.fails(1, ["undo", "--run", "1"]);
    library
}

/// Runs the command while no photo may be written, interrupts it where it waits for that, and then lets it
/// go on.
fn interrupted(library: &Library, args: &[&str]) -> (Output, String) {
    let path = library.home().join(".local/share/orientd/orientd.db.write-lock");
    let lock = File::create(&path).unwrap();
    lock.lock().unwrap();
    let mut command = library.command(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waits = || {
        let files = fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten();
        files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|link| link == path))
    };
    eventually("it waits for the lock", waits);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(200));
    drop(lock);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text_of(&output));
    let text = text_of(&output);
    (output, text)
}

fn n_changed(library: &Library, before: &Library) -> usize {
    let old: Vec<_> = before.hashes().into_values().collect();
    library.hashes().values().filter(|hash| !old.contains(hash)).count()
}

#[test]
fn a_scan_ends_with_its_summary() {
    let library = library();
    let root = library.root();
    let (output, text) = interrupted(&library, &["scan", "--fix", root.to_str().unwrap()]);
    assert!(text.contains("orientd: interrupted; the next scan goes on from here"), "{text}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("Turned 1 photo"), "{text}");
    let undo = said.split("orientd undo --run ").nth(1).unwrap_or_else(|| panic!("{text}"));
    let run: String = undo.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(n_changed(&library, &self::library()), 1);
    library.ok(["undo", "--run", &run]);
    assert_eq!(n_changed(&library, &self::library()), 0);
}

#[test]
fn fix_and_undo_say_how_far_they_came() {
    let library = library();
    let paths = ["a.jpg", "b.jpg", "c.jpg"].map(|name| library.path(name));
    let mut args = vec!["fix", "--turn", "90"];
    args.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let (_, text) = interrupted(&library, &args);
    let expected =
        "interrupted; 1 photo turned before that; `orientd undo --run 1` takes that back";
    assert!(text.contains(expected), "{text}");
    assert_eq!(n_changed(&library, &self::library()), 1);

    library.ok(args);
    let (_, text) = interrupted(&library, &["undo", "--since", "1h"]);
    // Three of the second run and one of the first; the latest was put back.
    assert!(text.contains("Put back 1 photo.") && text.contains("3 photos not tried"), "{text}");
    library.ok(["undo", "--since", "1h"]);
    assert_eq!(n_changed(&library, &self::library()), 0);
}

#[test]
fn the_page_ends_with_the_way_back() {
    let library = crate::review_server::library(&[("a.jpg", 90)]);
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    let [photo] = items.as_slice() else { panic!("{items:?}") };
    let answer = json!({"id": photo["id"], "seen": photo["seen"], "turn": photo["turn"]});
    server.post("/api/answer", &json!({"items": [answer]}).to_string());
    let said = server.interrupt();
    assert!(said.ends_with("1 photo turned; `orientd undo --run 2` takes that back\n"), "{said}");
}
