//! Wrong calls: one clear line, exit status 1 or 2, nothing changed.

use std::fs;

use crate::harness::{Library, needs};

#[test]
#[rustfmt::skip]
fn wrong_calls_are_explained() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    let root = library.root();
    let root = root.to_str().unwrap();
    let config = library.home().join("bad.toml");
    fs::write(&config, "kep_mtime = true").unwrap();
    let config = config.to_str().unwrap();
    let before = library.hashes();
    for (args, code, expected) in [
        (vec![],                                           2, "Usage"),
        (vec!["scan"],                                     2, "PATH"),
        (vec!["scan", "/no/such/folder"],                  1, "cannot scan /no/such/folder"),
        (vec!["scan", "--views", "3", root],               2, "[possible values: 1, 4, cascade]"),
        (vec!["scan", "--batch", "0", root],               2, "--batch"),
        (vec!["scan", "--fix=paint", root],                2, "paint"),
        (vec!["scan", "--config", config, root],           1, "did you mean \"keep_mtime\"?"),
        (vec!["scan", "--config", "/no/such.toml", root],  1, "cannot read /no/such.toml"),
        (vec!["scan", "--model", "/no/such.onnx", root],   1, "cannot read the model /no/such.onnx"),
        (vec!["fix", "--turn", "45", root],                2, "45"),
        (vec!["fix", "--turn", "-45", root],               2, "[possible values: 0, 90, 180, 270"),
        (vec!["fix", "--all", root],                       2, "--turn"),
        (vec!["fix", "--doubtful", "--turn", "90", root],  2, "cannot be used with"),
        (vec!["undo"],                                     2, "required"),
        (vec!["undo", "--last", "--run", "1"],             2, "cannot be used with"),
        (vec!["undo", root],                               1, "nothing was changed"),
        (vec!["list", "--verdict", "maybe"],               2, "maybe"),
    ] {
        let message = library.fails(code, &args);
        assert!(message.contains(expected), "{args:?}: {message}");
    }
    assert_eq!(library.hashes(), before);
}

#[test]
fn a_database_that_cannot_be_used_is_left_alone() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    let root = library.root();
    let db = library.home().join("my.db");
    let root = root.to_str().unwrap();
    let db_path = db.to_str().unwrap();
    let before = library.hashes();
    fs::write(&db, b"no database at all, only text".repeat(50)).unwrap();
    let kept = fs::read(&db).unwrap();
    for command in [&["scan", "--fix"][..], &["list"], &["status"], &["undo", "--last"]] {
        let path: &[&str] = if command[0] == "scan" { &[root] } else { &[] };
        let message = library.fails(1, [command, &["--db", db_path], path].concat());
        assert!(message.contains("not a database"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(fs::read(&db).unwrap(), kept);

    fs::remove_file(&db).unwrap();
    library.ok(["scan", "--db", db_path, root]);
    let newer = rusqlite::Connection::open(&db).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    drop(newer);
    let message = library.fails(1, ["scan", "--fix", "--db", db_path, root]);
    assert!(message.contains("newer orientd"), "{message}");
    assert_eq!(library.hashes(), before);
}

#[test]
fn a_corrupt_database_stops_every_write() {
    let library = Library::new();
    for at in 0..200 {
        library.add(format!("{at}.jpg"), &needs(90)[..200]);
    }
    library.add("a.jpg", &needs(90));
    let root = library.root();
    let db = library.home().join("my.db");
    let root = root.to_str().unwrap();
    let db_path = db.to_str().unwrap();
    library.ok(["scan", "--db", db_path, root]);
    let before = library.hashes();
    let mut bytes = fs::read(&db).unwrap();
    bytes[4096..].fill(0x5A);
    fs::write(&db, &bytes).unwrap();
    let message = library.fails(1, ["scan", "--fix", "--db", db_path, root]);
    assert!(message.contains("malformed"), "{message}");
    assert_eq!(library.hashes(), before);
    let output = library.run(["doctor", "--db", db_path]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_no_picture_is_told_where_it_is_named() {
    let library = Library::new();
    let photo = library.add("a.jpg", &needs(0));
    let film = library.add("film.mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2mp41 and so on");
    let film = film.to_str().unwrap();
    let message = library.fails(1, ["scan", film]);
    assert!(message.contains("film.mp4 is no picture\n"), "{message}");
    // Beside a photo it ends nothing, and below a folder nobody has asked about it.
    let output = library.run(["scan", "--json", film, photo.to_str().unwrap()]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
    assert!(String::from_utf8(output.stderr).unwrap().contains("film.mp4 is no picture\n"));
    let output = library.run(["scan".as_ref(), library.root().as_os_str()]);
    assert!(!String::from_utf8(output.stderr).unwrap().contains("no picture"));
}

#[test]
fn a_config_with_the_wrong_folders_is_told() {
    let library = Library::new();
    let file = library.home().join("my.toml");
    let file = file.to_str().unwrap();
    for (text, hint) in [
        ("[root]\npath = \"/a\"", "write [[root]], in two brackets"),
        ("[[roots]]\npath = \"/a\"", "unknown key \"roots\"\n  did you mean [[root]]?"),
        ("[[folders]]\npath = \"/a\"", "unknown key \"folders\"\n  did you mean [[root]]?"),
    ] {
        fs::write(file, text).unwrap();
        let message = library.fails(1, ["--config", file, "config"]);
        assert!(message.contains(hint), "{text}: {message}");
    }
    let root = library.root();
    fs::write(file, format!("[[root]]\npath = {root:?}\n[[root]]\npath = \"/no/such\"\n")).unwrap();
    let text = library.ok(["--config", file, "config"]);
    assert!(text.contains("folder    /no/such  (not there)\n"), "{text}");
    assert!(text.contains(&format!("folder    {}\n", root.display())), "{text}");
    let output = library.run(["--config", file, "doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("2 folders with settings of their own; not there: /no/such"), "{text}");
    fs::write(file, format!("[[root]]\npath = {root:?}\n")).unwrap();
    let output = library.run(["--config", file, "doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("; 1 folder with settings of their own\n"), "{text}");
}

/// As bash completes after `orientd ARG…`.
fn completed(library: &Library, words: &str) -> String {
    let script = format!(
        "source <('{}' completions bash); COMP_WORDS=(orientd {words}); \
         COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         _orientd orientd \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\"",
        env!("CARGO_BIN_EXE_orientd")
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    library.set_home(&mut command);
    String::from_utf8(command.output().expect("bash is there").stdout).unwrap()
}

#[test]
fn shells_complete_values_and_nothing_hidden() {
    let library = Library::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = library.ok(["completions", shell]);
        assert!(script.contains("history"), "{shell}");
        for hidden in ["engine-host", "decode-worker"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
    }
    for (words, expected) in [
        ("--device ''", "auto cpu cuda tensorrt openvino migraphx"),
        ("scan --views ''", "1 4 cascade"),
        ("fix --mode ''", "tag pixels sidecar"),
        ("fix --turn ''", "0 90 180 270"),
        ("list --verdict ''", "upright fix review skipped"),
        ("review --pictures ''", "kitty"),
    ] {
        let found = completed(&library, words);
        assert!(found.contains(expected), "{words}: {found}");
    }
    assert!(completed(&library, "his").contains("history"));
}

#[test]
fn quiet_prints_the_outcome_and_what_went_wrong() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    let broken = library.add("b.jpg", &needs(0));
    let root = library.root();
    let text = library.ok(["scan".as_ref(), "-q".as_ref(), "--fix".as_ref(), root.as_os_str()]);
    assert!(!text.contains("a.jpg") && !text.contains("more photo"), "{text}");
    assert!(text.contains("Turned 1 photo"), "{text}");
    let text = library.ok(["fix", "-q", "--turn", "90", broken.to_str().unwrap()]);
    assert!(text.starts_with("Turned 1 photo.") && text.lines().count() == 1, "{text}");
    fs::write(&broken, b"another").unwrap();
    let output = library.run(["undo", "-q", "--since", "1h"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("left alone  ") && !text.contains("put back    "), "{text}");
    assert!(text.contains("Put back 1 photo. 1 photo left alone.\n"), "{text}");
}

#[test]
fn a_report_goes_to_standard_output_as_well() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    library.scan(&["--fix"]);
    let text = library.ok(["report", "-o", "-"]);
    assert!(text.trim_start().to_lowercase().starts_with("<!doctype html>"), "{text:.80}");
    assert!(text.trim_end().ends_with("</html>") && text.contains("a.jpg"));
    assert!(!library.home().parent().unwrap().join("-").exists());
}
