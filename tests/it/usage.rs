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
        (vec!["scan", "--views", "3", root],               2, "one of 1, 4, cascade"),
        (vec!["scan", "--batch", "0", root],               2, "--batch"),
        (vec!["scan", "--fix=paint", root],                2, "paint"),
        (vec!["scan", "--config", config, root],           1, "did you mean \"keep_mtime\"?"),
        (vec!["scan", "--config", "/no/such.toml", root],  1, "cannot read /no/such.toml"),
        (vec!["scan", "--model", "/no/such.onnx", root],   1, "cannot read the model /no/such.onnx"),
        (vec!["fix", "--turn", "45", root],                2, "45"),
        (vec!["fix", "--turn", "-45", root],               2, "expected 0, 90, 180, 270"),
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
