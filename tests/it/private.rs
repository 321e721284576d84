//! No other user can read the catalogue or hold its locks, and nobody waits for a lock for ever.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Library, needs, text_of};
use crate::running::{Daemon, configure, root};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn own_folders(library: &Library) -> [PathBuf; 2] {
    [".local/share/orientd", ".cache/orientd"].map(|folder| library.home().join(folder))
}

/// Everything in orientd's folders, and these themselves.
fn own(library: &Library) -> Vec<PathBuf> {
    let folders = own_folders(library);
    let entries = folders.iter().filter(|folder| folder.exists()).flat_map(walkdir::WalkDir::new);
    entries.map(|entry| entry.unwrap().into_path()).collect()
}

fn open_ones(library: &Library) -> Vec<PathBuf> {
    own(library).into_iter().filter(|path| mode(path) & 0o077 != 0).collect()
}

/// What `doctor` says of it.
fn checkup(library: &Library) -> Value {
    let output = library.run(["doctor", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    found.into_iter().find(|finding| finding["check"] == "private").expect("it is checked")
}

/// With the most open umask there is.
fn run_open(library: &Library, args: &str) {
    let mut command = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_orientd");
    command.args(["-c", &format!("umask 000; exec '{program}' {args}")]);
    library.set_home(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
}

#[test]
fn only_the_owner_reads_what_is_known() {
    let library = Library::new();
    let photo = library.add("a.jpg", &needs(0));
    set_mode(&photo, 0o664);
    let root = library.root();
    run_open(&library, &format!("fix --mode pixels --turn 90 '{}/a.jpg'", root.display()));
    run_open(&library, &format!("scan '{}'", root.display()));
    run_open(&library, "report -o report.html");
    let names: Vec<String> = own(&library)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in ["orientd.db", "orientd.db.write-lock", "originals", "thumbnails"] {
        assert!(names.iter().any(|there| there == name), "{name} is among {names:?}");
    }
    assert_eq!(open_ones(&library), Vec::<PathBuf>::new());
    assert_eq!(mode(&photo), 0o664, "a photo is not orientd's own");

    // As an earlier version left them. Whatever comes next closes them; `doctor` says so.
    let leave_open = || {
        fs::write(own_folders(&library)[0].join("orientd.db.backup-v1"), b"old").unwrap();
        for path in own(&library) {
            set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
        }
    };
    leave_open();
    let found = checkup(&library);
    assert_eq!(found["state"], "remark", "{found}");
    assert!(found["text"].as_str().unwrap().ends_with("closed now"), "{found}");
    assert_eq!(open_ones(&library), Vec::<PathBuf>::new());
    assert_eq!(checkup(&library)["state"], "good");
    leave_open();
    library.ok(["status"]);
    assert_eq!(open_ones(&library), Vec::<PathBuf>::new());
}

#[test]
fn a_folder_that_is_not_orientds_stays_as_it_is() {
    let library = Library::new();
    let photo = library.add("a.jpg", &needs(0));
    let shared = library.home().join("shared");
    let others = shared.join("originals");
    fs::create_dir_all(&others).unwrap();
    fs::write(others.join("holiday.jpg"), b"somebody's").unwrap();
    for (path, mode) in [(&shared, 0o775), (&others, 0o755)] {
        set_mode(path, mode);
    }
    let db = shared.join("my.db");
    let fix = ["fix", "--turn", "90", "--db", db.to_str().unwrap(), photo.to_str().unwrap()];
    library.ok(fix);
    assert_eq!([&shared, &others].map(|path| mode(path)), [0o775, 0o755]);
    assert_eq!(mode(&others.join("holiday.jpg")), 0o644);
    for entry in fs::read_dir(&shared).unwrap() {
        let path = entry.unwrap().path();
        assert!(path == others || mode(&path) == 0o600, "{}: {:o}", path.display(), mode(&path));
    }
}

#[test]
fn the_daemons_files_are_its_owners() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let lock = own_folders(&library)[0].join("orientd.db.daemon-lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, b"").unwrap();
    set_mode(&lock, 0o666);
    let daemon = Daemon::start(&library);
    assert!(
        own(&library).contains(&lock) && own_folders(&library)[0].join("orientd.sock").exists()
    );
    assert_eq!(open_ones(&library), Vec::<PathBuf>::new());
    daemon.stop();
}

#[test]
#[cfg(feature = "test-switches")]
fn waiting_for_a_lock_ends_and_names_its_holder() {
    let library = Library::new();
    let photo = library.add("a.jpg", &needs(0));
    let before = library.hashes();
    library.fails(1, ["undo", "--run", "1"]);
    let us = format!("process {} (", std::process::id());
    let turn = |seconds: &str| {
        let mut command = library.command(["fix", "--turn", "90", photo.to_str().unwrap()]);
        let output = command.env("ORIENTD_TEST_PATIENCE", seconds).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
        String::from_utf8(output.stderr).unwrap()
    };

    let lock = fs::File::create(own_folders(&library)[0].join("orientd.db.write-lock")).unwrap();
    lock.lock().unwrap();
    let message = turn("0.3");
    assert!(message.contains(&format!("waited 0.3 s for {us}")), "{message}");
    assert!(message.contains("which is changing photos"), "{message}");
    drop(lock);

    let db = rusqlite::Connection::open(own_folders(&library)[0].join("orientd.db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let message = turn("2.5");
    let [waiting, gave_up] =
        ["waiting for", "gave up waiting for"].map(|what| format!("{what} {us}"));
    assert!(message.contains(&waiting) && message.contains(&gave_up), "{message}");
    assert!(message.contains("which is writing to "), "{message}");
    db.execute_batch("ROLLBACK").unwrap();
    assert_eq!(library.hashes(), before);
}
