//! A change that was cut short costs only itself, whatever stands between it and its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;

use crate::harness::{Library, needs, text_of};
use crate::review::db_path;

const TEMP: &str = ".orientd-test.tmp";

/// One photo that was turned in this mode, and another that waits.
fn turned(mode: &str) -> (Library, PathBuf) {
    let library = Library::new();
    let photo = library.add("a.jpg", &needs(90));
    library.ok(["fix", "--turn", "90", "--mode", mode, photo.to_str().unwrap()]);
    library.add("other/b.jpg", &needs(90));
    (library, photo)
}

/// As a program leaves the journal that was killed in the middle of a change.
fn cut_short(library: &Library, state: &str) {
    let db = Connection::open(db_path(library)).unwrap();
    let sql = "UPDATE changes SET state = ?1, temp = ?2, settled_at = NULL";
    assert_eq!(db.execute(sql, [state, TEMP]).unwrap(), 1);
}

fn state(library: &Library) -> String {
    let db = Connection::open(db_path(library)).unwrap();
    db.query_row("SELECT state FROM changes WHERE id = 1", [], |row| row.get(0)).unwrap()
}

fn scan(library: &Library) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(library.path(TEMP));
    strace.args(["-e", "inject=unlink,unlinkat:error=EROFS", env!("CARGO_BIN_EXE_orientd")]);
    strace.arg("scan").arg(library.path("other"));
    library.set_home(&mut strace);
    strace
}

#[test]
fn a_leftover_that_cannot_be_removed_holds_up_nothing() {
    let (library, photo) = turned("pixels");
    cut_short(&library, "intent");
    fs::write(library.path(TEMP), needs(90)).unwrap();
    let run = || -> Output { scan(&library).output().expect("strace is there") };
    let first = text_of(&run());
    assert!(first.contains("1 photo, looked at 1"), "{first}");
    assert!(first.contains("cannot be settled yet: the file is read-only"), "{first}");
    let second = run();
    assert!(second.status.success(), "{}", text_of(&second));
    assert!(!text_of(&second).contains("cannot be settled"), "told once: {}", text_of(&second));
    assert_eq!(state(&library), "intent");

    // `status` opens the database without settling; every other command tries again.
    let status = library.ok(["status"]);
    assert!(
        status.contains("a.jpg was cut short and is not settled: the file is read-only"),
        "{status}"
    );
    library.ok(["undo", photo.to_str().unwrap()]);
    assert_eq!(fs::read(&photo).unwrap(), needs(90));
    assert!(!library.path(TEMP).exists());
}

#[test]
fn a_folder_with_the_name_of_the_new_file_is_no_leftover() {
    let (library, photo) = turned("pixels");
    cut_short(&library, "intent");
    fs::create_dir(library.path(TEMP)).unwrap();
    library.ok(["scan", library.path("other").to_str().unwrap()]);
    assert_eq!(state(&library), "done");
    assert!(library.path(TEMP).is_dir());
    library.ok(["undo", photo.to_str().unwrap()]);
}

/// Killed after an undo had moved a sidecar away that another program had just saved.
#[test]
fn a_sidecar_that_was_displaced_comes_back_to_its_name() {
    let (library, photo) = turned("sidecar");
    cut_short(&library, "undoing");
    let sidecar = library.path("a.jpg.xmp");
    let saved = b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><!-- mine --></x:xmpmeta>";
    fs::remove_file(&sidecar).unwrap();
    fs::write(library.path(TEMP), saved).unwrap();
    library.ok(["scan", library.path("other").to_str().unwrap()]);
    assert_eq!(state(&library), "lost");
    assert_eq!(fs::read(&sidecar).unwrap(), saved);
    assert!(!library.path(TEMP).exists());
    assert_eq!(fs::read(&photo).unwrap(), needs(90));
}

/// Two saves of another program: the first was displaced, the second came before the next start.
#[test]
fn what_another_program_saved_twice_is_kept_twice() {
    let (library, photo) = turned("pixels");
    cut_short(&library, "intent");
    fs::write(&photo, needs(180)).unwrap();
    fs::write(library.path(TEMP), needs(270)).unwrap();
    let output = library.run(["scan", library.path("other").to_str().unwrap()]);
    assert!(text_of(&output).contains("another program's file"), "{}", text_of(&output));
    assert_eq!(state(&library), "lost");
    let kept = |path: &Path| fs::read(path).unwrap();
    assert_eq!((kept(&photo), kept(&library.path(TEMP))), (needs(180), needs(270)));
}

#[test]
fn a_photo_that_is_gone_is_named_by_undo() {
    let (library, photo) = turned("pixels");
    cut_short(&library, "intent");
    fs::remove_file(&photo).unwrap();
    library.ok(["scan", library.path("other").to_str().unwrap()]);
    let text = library.fails(1, ["undo", library.root().to_str().unwrap()]);
    assert!(text.contains("a.jpg was cut short and is not settled: the file is gone"), "{text}");
}

#[test]
fn nobody_can_guess_the_name_of_a_new_file() {
    let library = Library::new();
    let photos = ["a.jpg", "b.jpg"].map(|name| library.add(name, &needs(90)));
    for photo in &photos {
        library.ok(["fix", "--turn", "90", "--mode", "pixels", photo.to_str().unwrap()]);
    }
    let db = Connection::open(db_path(&library)).unwrap();
    let mut rows = db.prepare("SELECT DISTINCT temp FROM changes").unwrap();
    let names: Vec<String> =
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names.iter().all(|name| name.len() == ".orientd-0123456789abcdef.tmp".len()),
        "{names:?}"
    );
}
