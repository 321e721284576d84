//! The daemon against real inotify: started, fed, watched and stopped from outside.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Library, needs, needs_with_exif, text_of, with_segment};
use crate::running::{Daemon, config_file, configure, eventually, knows, listed, root};

#[test]
fn new_photos_are_judged_wherever_they_come_from() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let before = library.add("before.jpg", &needs(0));
    let daemon = Daemon::start(&library);
    assert!(knows(&library, &before), "the first look finds what is there");

    // A file, a folder made with files in it at once, and a tree moved in whole.
    let mut expected = vec![library.add("new.jpg", &needs(90))];
    expected.push(library.add("a/b/c/deep.jpg", &needs(90)));
    let outside = library.home().join("tree/below");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("moved.jpg"), needs(180)).unwrap();
    fs::rename(library.home().join("tree"), library.path("tree")).unwrap();
    expected.push(library.path("tree/below/moved.jpg"));
    // The new folders are watched too.
    eventually("all are known", || expected.iter().all(|path| knows(&library, path)));
    let later = library.add("tree/below/later.jpg", &needs(0));
    eventually("a file in a moved folder", || knows(&library, &later));
    daemon.eventually_idle();
    assert_eq!(daemon.status()["looked_at"], 5, "each is looked at once");
    assert_eq!(listed(&library)[&expected[0]]["action"], "none", "review turns nothing");
    assert!(daemon.stop() < Duration::from_secs(5));
}

#[test]
fn unfinished_files_wait_and_own_writes_are_ignored() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    // So long that even a starved writer does not seem to have finished.
    let text = fs::read_to_string(config_file(&library)).unwrap();
    let slower = text.replace("settle_seconds = 0.5", "settle_seconds = 2.5");
    fs::write(config_file(&library), slower).unwrap();
    let daemon = Daemon::start(&library);
    let photo = needs_with_exif(90, 1);

    // Slowly, with a close after each part: in all longer than the settle time.
    let path = library.path("slow.jpg");
    for part in photo.chunks(photo.len() / 8 + 1) {
        let mut file = fs::File::options().create(true).append(true).open(&path).unwrap();
        file.write_all(part).unwrap();
        drop(file);
        std::thread::sleep(Duration::from_millis(400));
    }
    let status = daemon.status();
    let seen = (&status["looked_at"], &status["skipped"]);
    assert_eq!(seen, (&0.into(), &0.into()), "it was not complete");
    let part = library.add("download.jpg.crdownload", &needs(180));
    eventually("the slow one is turned", || daemon.status()["turned"] == 1);
    assert_eq!(daemon.status()["looked_at"], 1, "a temporary name waits");
    fs::rename(part, library.path("download.jpg")).unwrap();
    eventually("the renamed one is turned", || daemon.status()["turned"] == 2);

    let after = library.hashes();
    for path in after.keys() {
        fs::read(path).unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    daemon.eventually_idle();
    let status = daemon.status();
    assert_eq!((&status["looked_at"], &status["turned"]), (&2.into(), &2.into()));
    assert_eq!(library.hashes(), after, "no second turn");
    daemon.stop();
    assert_eq!(library.scan(&["--rescan"]).summary["verdicts"]["upright"], 2);
}

#[test]
fn renames_keep_the_history_and_deletes_are_seen() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let photo = library.add("folder/a.jpg", &needs_with_exif(90, 1));
    let original = fs::read(&photo).unwrap();
    let gone = library.add("gone.jpg", &needs(0));
    let daemon = Daemon::start(&library);
    assert_eq!(daemon.status()["turned"], 1, "{}", daemon.log());
    fs::rename(&photo, library.path("folder/b.jpg")).unwrap();
    eventually("the new name", || knows(&library, &library.path("folder/b.jpg")));
    fs::rename(library.path("folder"), library.path("other")).unwrap();
    fs::remove_file(&gone).unwrap();
    let now = library.path("other/b.jpg");
    eventually("the new folder", || knows(&library, &now) && !knows(&library, &gone));
    assert_eq!(listed(&library).len(), 1);
    daemon.eventually_idle();
    let status = daemon.status();
    assert_eq!(status["looked_at"], 2, "neither is opened again: {}", daemon.log());
    assert_eq!(status["turned"], 1, "a rename is no turn: {}", daemon.log());
    daemon.stop();
    library.ok(["undo", now.to_str().unwrap()]);
    assert_eq!(fs::read(&now).unwrap(), original);
}

#[test]
fn policies_are_by_folder_and_the_innermost_decides() {
    let library = Library::new();
    let inner = library.path("inner");
    fs::create_dir_all(&inner).unwrap();
    let auto = format!("[[root]]\npath = {inner:?}\nfix = \"auto\"\nignore = [\"skip/**\"]\n");
    configure(&library, &format!("{}{auto}", root(&library, "off")));
    let [outside, inside] = ["a.jpg", "inner/a.jpg"].map(|name| library.add(name, &needs(90)));
    let ignored = library.add("inner/skip/a.jpg", &needs(90));
    let daemon = Daemon::start(&library);
    let listed = listed(&library);
    assert_eq!(
        (&listed[&outside]["action"], &listed[&inside]["action"]),
        (&"none".into(), &"tag".into())
    );
    assert!(!listed.contains_key(&ignored));
    assert_eq!(daemon.status()["looked_at"], 2, "nested folders are looked at once");

    // A config that is broken changes nothing; a good one is taken up.
    fs::write(config_file(&library), "settle_secnds = 1").unwrap();
    daemon.signal("HUP");
    eventually("it says why", || daemon.log().contains("did you mean \"settle_seconds\""));
    configure(&library, &root(&library, "auto"));
    assert_eq!(daemon.status()["roots"].as_array().unwrap().len(), 2, "the old one is in force");
    daemon.signal("HUP");
    // With the one that was passed over before.
    eventually("what was pending is turned", || daemon.status()["turned"] == 3);
    daemon.stop();
}

#[test]
fn a_missing_folder_is_waited_for() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let photo = library.add("a.jpg", &needs(0));
    let daemon = Daemon::start(&library);
    let elsewhere = library.home().join("unplugged");
    fs::rename(library.root(), &elsewhere).unwrap();
    eventually("it is away", || daemon.status()["roots"][0]["state"] == "away");
    // An empty mount point is no better.
    fs::create_dir(library.root()).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(daemon.status()["roots"][0]["state"], "away", "{}", daemon.log());
    assert!(knows(&library, &photo));
    fs::remove_dir(library.root()).unwrap();
    fs::rename(&elsewhere, library.root()).unwrap();
    eventually("it is back", || daemon.status()["roots"][0]["state"] == "watched");
    let new = library.add("b.jpg", &needs(90));
    eventually("it is watched again", || knows(&library, &new));
    assert_eq!(daemon.status()["looked_at"], 2, "the known one is not opened again");
    assert_eq!(daemon.log().matches("is away").count(), 1, "{}", daemon.log());
    daemon.stop();
}

#[test]
fn where_watches_run_out_it_polls_with_one_warning() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    for at in 0..10 {
        library.add(format!("{at}/a.jpg"), &needs(0));
    }
    // A user namespace has a budget of its own.
    let script = "echo 4 > /proc/sys/user/max_inotify_watches && exec \"$0\" run";
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", script, env!("CARGO_BIN_EXE_orientd")]);
    if !Command::new("unshare").args(["-Ur", "true"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: this machine allows no user namespaces");
        return;
    }
    library.set_home(&mut command);
    let daemon = Daemon::spawn(&library, command);
    assert_eq!(daemon.status()["roots"][0]["state"], "polled");
    for at in 0..10 {
        let path = library.add(format!("{at}/b.jpg"), &needs(0));
        eventually("it is found", || knows(&library, &path));
    }
    let log = daemon.log();
    assert_eq!(log.matches("fs.inotify.max_user_watches").count(), 1, "{log}");
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    daemon.stop();
}

#[test]
fn a_queue_overflow_loses_no_photo() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    fs::create_dir(library.path("remade")).unwrap();
    let daemon = Daemon::start(&library);
    // While it is stopped, the kernel's queue of 16,384 events runs over.
    daemon.signal("STOP");
    for at in 0..40 {
        library.add(format!("{at}.jpg"), &with_segment(&needs(0), 0xFE, &[at]));
    }
    let noise = library.path("noise.txt");
    let other = library.path("other.txt");
    for _ in 0..10_000 {
        fs::write(&noise, b"").unwrap();
        fs::rename(&noise, &other).unwrap();
    }
    fs::remove_dir(library.path("remade")).unwrap();
    fs::create_dir(library.path("remade")).unwrap();
    let late = library.add("late/new.jpg", &needs(90));
    daemon.signal("CONT");
    eventually("all are known", || listed(&library).len() == 41);
    assert!(knows(&library, &late));
    daemon.eventually_idle();
    assert_eq!(daemon.status()["looked_at"], 41);
    let log = daemon.log();
    assert_eq!(log.matches("too fast to follow").count(), 1, "{log}");
    // The end of this folder was not told, and its name is another one's now.
    let path = library.add("remade/new.jpg", &needs(180));
    eventually("a folder made anew is watched", || knows(&library, &path));
    daemon.stop();
}

#[test]
fn the_socket_is_the_owners_and_takes_orders() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    let socket = library.home().join(".local/share/orientd/orientd.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    library.ok(["control", "pause"]);
    eventually("it pauses", || daemon.status()["state"] == "paused");
    library.add("a.jpg", &needs(90));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(daemon.status()["looked_at"], 0);
    library.ok(["control", "resume"]);
    eventually("it is turned", || daemon.status()["turned"] == 1);
    library.ok(["control", "rescan"]);
    library.ok(["control", "reload"]);

    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(b"{\"do\": \"dance\"}\n").unwrap();
    let answer: Value = serde_json::from_reader(stream).unwrap();
    assert!(answer["ok"] == false && answer["error"].as_str().unwrap().contains("dance"));
    let second = library.fails(1, ["run"]);
    assert!(second.contains("runs already with this database"), "{second}");

    // A scan beside it works, and what the scan does is no news to it.
    library.add("b.jpg", &needs(180));
    library.scan(&["--fix"]);
    daemon.eventually_idle();
    eventually("both are turned", || {
        library.scan(&[]).summary["verdicts"]["fix"] == 0
            || library.scan(&["--rescan"]).summary["verdicts"]["upright"] == 2
    });
    let text = library.ok(["status"]);
    for part in ["daemon: ", "fix = auto", "the network runs on "] {
        assert!(text.contains(part), "{text}");
    }
    daemon.stop();
    assert!(!socket.exists());
    let text = library.fails(1, ["control", "pause"]);
    assert!(text.contains("no daemon runs"), "{text}");
}

#[test]
fn the_model_is_unloaded_when_idle_and_reloaded() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    library.add("a.jpg", &needs(0));
    let daemon = Daemon::start(&library);
    let pid = daemon.pid();
    eventually("the model is dropped", || daemon.status()["model_loaded"] == false);
    let names = || -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let comm = |task: std::io::Result<fs::DirEntry>| {
            fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
        };
        tasks.map(comm).collect()
    };
    assert!(!names().iter().any(|name| name.trim() == "decoder"), "{:?}", names());
    // main, service, inotify.
    assert!(names().len() <= 3, "{:?}", names());
    let path = library.add("b.jpg", &needs(90));
    eventually("it comes back", || knows(&library, &path));
    daemon.stop();
}

#[test]
fn a_stop_is_prompt_and_a_kill_loses_nothing() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let photo = needs_with_exif(90, 1);
    for at in 0..200u8 {
        library.add(format!("{at}.jpg"), &with_segment(&photo, 0xFE, &[at]));
    }
    let known = || library.run(["list", "--json"]).stdout.iter().filter(|b| **b == b'\n').count();
    let busy = || {
        let before = known();
        let daemon = Daemon::launch(&library, library.command(["run"]));
        // A very fast machine may be done by then.
        eventually("it has begun", || known() > before + 4 || known() == 200);
        daemon
    };
    assert!(busy().stop() < Duration::from_secs(5));
    drop(busy()); // Killed.
    let daemon = Daemon::start(&library);
    daemon.eventually_idle();
    daemon.stop();
    let after = library.scan(&["--rescan"]);
    assert_eq!(after.summary["verdicts"]["upright"], 200, "each once: {}", after.summary);
    assert!(library.ok(["status", "--json"]).contains("\"in_force\":200"));
}

#[test]
fn a_locked_database_is_waited_for() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    let db = rusqlite::Connection::open(library.home().join(".local/share/orientd/orientd.db"));
    let db = db.unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    library.add("a.jpg", &needs(90));
    eventually("it says so", || daemon.log().contains("tried again from time to time"));
    db.execute_batch("ROLLBACK").unwrap();
    drop(db);
    eventually("it recovers", || daemon.status()["turned"] == 1);
    assert_eq!(daemon.log().matches("WARN").count(), 1, "{}", daemon.log());
    daemon.stop();
}

#[test]
fn without_a_folder_it_says_what_to_do() {
    let library = Library::new();
    let output = library.run(["run"]);
    assert!(text_of(&output).contains("[[root]]"), "{}", text_of(&output));
}
