//! The daemon when something under it breaks: it waits, and recovers by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::harness::{Library, needs, needs_with_exif};
use crate::running::{Daemon, config_file, configure, eventually, knows, listed, root};

/// `script` as root of namespaces of its own, where it may mount; it must end in `exec "$0" run`.
/// `None` if this machine allows none, which is printed.
fn in_namespaces(library: &Library, script: &str) -> Option<Command> {
    if !Command::new("unshare").args(["-Urm", "true"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: this machine allows no user namespaces");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-ec", script, env!("CARGO_BIN_EXE_orientd")]);
    library.set_home(&mut command);
    Some(command)
}

/// Runs a command in the namespaces of the process `pid`.
fn beside(pid: u32, args: &[&str]) {
    let mut command = Command::new("nsenter");
    command.args(["-t", &pid.to_string(), "-U", "-m", "--preserve-credentials"]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The numbers of all child processes of `pid`.
fn children_of(pid: u32) -> String {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = |task: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(task.ok()?.path().join("children")).ok()
    };
    tasks.filter_map(children).collect()
}

/// The child process of `pid` that owns the network's session, where it has one.
fn host_of(pid: u32) -> Option<i32> {
    let all = children_of(pid);
    let is_host = |pid: &&str| {
        fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.contains("engine-host"))
    };
    let hosts: Vec<&str> = all.split_whitespace().filter(is_host).collect();
    assert!(hosts.len() <= 1, "at most one: {hosts:?}");
    hosts.first().map(|pid| pid.parse().unwrap())
}

#[test]
fn the_inference_process_ends_when_idle_and_restarts() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    // Long enough that a starved test still finds the process it is about to end.
    let text = fs::read_to_string(config_file(&library)).unwrap();
    fs::write(config_file(&library), text.replace("idle_seconds = 2", "idle_seconds = 6")).unwrap();
    library.add("a.jpg", &needs(0));
    let daemon = Daemon::start(&library);
    let pid = daemon.pid();
    let host = host_of(pid).expect("the network has a process of its own");
    // SAFETY: a signal to the child of our own child, seen a moment ago.
    assert_eq!(unsafe { libc::kill(host, libc::SIGKILL) }, 0);
    let path = library.add("b.jpg", &needs(90));
    eventually("it is looked at all the same", || knows(&library, &path));
    let log = daemon.log();
    assert!(log.contains("the network's process has ended"), "{log}");
    eventually("it works again", || daemon.log().contains("it works again"));
    eventually("the process goes when idle", || host_of(pid).is_none());
    eventually("nor does any other stay", || children_of(pid).is_empty());
    assert_eq!(daemon.status()["model_loaded"], false);

    // It does not outlive the daemon.
    library.add("c.jpg", &needs(180));
    eventually("it is back", || daemon.status()["model_loaded"] == true);
    let host = host_of(pid).expect("a new one");
    drop(daemon);
    eventually("it ends with the daemon", || !Path::new(&format!("/proc/{host}/exe")).exists());
}

#[test]
fn a_disk_that_is_taken_out_and_put_back() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let disk = library.root().to_string_lossy().into_owned();
    let mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", &disk];
    let script = format!("{}; exec \"$0\" run", mount.join(" "));
    let Some(command) = in_namespaces(&library, &script) else { return };
    let daemon = Daemon::spawn(&library, command);
    let inside = || PathBuf::from(format!("/proc/{}/root{disk}", daemon.pid()));
    fs::write(inside().join("a.jpg"), needs_with_exif(90, 1)).unwrap();
    eventually("it is turned", || daemon.status()["turned"] == 1);
    let turned = fs::read(inside().join("a.jpg")).unwrap();

    beside(daemon.pid(), &["umount", &disk]);
    eventually("it is away", || daemon.status()["roots"][0]["state"] == "away");
    assert!(knows(&library, &library.path("a.jpg")), "nothing is forgotten");

    beside(daemon.pid(), &mount);
    fs::write(inside().join("a.jpg"), turned).unwrap();
    fs::write(inside().join("b.jpg"), needs_with_exif(180, 1)).unwrap();
    eventually("it is back", || daemon.status()["roots"][0]["state"] == "watched");
    eventually("what came with it is turned", || daemon.status()["turned"] == 2);
    fs::write(inside().join("c.jpg"), needs_with_exif(270, 1)).unwrap();
    eventually("it is watched again", || daemon.status()["turned"] == 3);
    assert_eq!(listed(&library).len(), 3);
    assert_eq!(daemon.log().matches("is away").count(), 1, "{}", daemon.log());
    daemon.stop();
}

/// No event tells of a mount: a rescan, or the sweep, finds it.
#[test]
fn a_disk_mounted_over_a_folder_hides_it_for_a_while() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let photo = library.add("a.jpg", &needs(0));
    fs::create_dir(library.path("below")).unwrap();
    let Some(command) = in_namespaces(&library, "exec \"$0\" run") else { return };
    let daemon = Daemon::spawn(&library, command);
    let mount = |folder: &Path| {
        beside(daemon.pid(), &["mount", "-t", "tmpfs", "tmpfs", folder.to_str().unwrap()]);
        library.ok(["control", "rescan"]);
    };
    let inside = |name: &str| {
        PathBuf::from(format!("/proc/{}/root{}", daemon.pid(), library.path(name).display()))
    };
    mount(&library.path("below"));
    fs::write(inside("below/b.jpg"), needs(90)).unwrap();
    eventually("it is looked into", || knows(&library, &library.path("below/b.jpg")));
    fs::write(inside("below/c.jpg"), needs(180)).unwrap();
    eventually("and watched", || knows(&library, &library.path("below/c.jpg")));

    mount(&library.root());
    eventually("an empty one is no library", || daemon.status()["roots"][0]["state"] == "away");
    assert!(knows(&library, &photo));
    beside(daemon.pid(), &["umount", library.root().to_str().unwrap()]);
    eventually("it is back", || daemon.status()["roots"][0]["state"] == "watched");
    let path = library.add("d.jpg", &needs(0));
    eventually("it is watched again", || knows(&library, &path));
    assert!(knows(&library, &photo) && knows(&library, &library.path("below/c.jpg")));
    daemon.stop();
}

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already where the test ended it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fills the file system of `folder`; removing the file gives the room back.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    path
}

#[test]
fn a_full_disk_under_the_database_is_waited_for() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let data = library.home().join(".local/share/orientd");
    fs::create_dir_all(&data).unwrap();
    let script = format!("mount -t tmpfs -o size=4m tmpfs '{}'; exec \"$0\" run", data.display());
    let Some(mut command) = in_namespaces(&library, &script) else { return };
    let log = library.home().join("daemon.log");
    let child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut running = Running(child);
    let said = |what: &str| fs::read_to_string(&log).unwrap().contains(what);
    eventually("it watches", || said("watching"));

    let inside = PathBuf::from(format!("/proc/{}/root{}", running.0.id(), data.display()));
    let filler = fill(&inside);
    let before = needs_with_exif(90, 1);
    let path = library.add("a.jpg", &before);
    eventually("it waits", || said("tried again from time to time"));
    assert_eq!(fs::read(&path).unwrap(), before, "no photo is turned that cannot be recorded");
    fs::remove_file(filler).unwrap();
    eventually("it recovers", || said("it works again"));
    eventually("the photo is turned", || fs::read(&path).unwrap() != before);
    eventually("which is told", || said("turned"));
    running.0.kill().unwrap();
    running.0.wait().unwrap();
}

#[test]
fn a_full_disk_under_the_photos_is_waited_for() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let script =
        format!("mount -t tmpfs -o size=2m tmpfs '{}'; exec \"$0\" run", library.root().display());
    let Some(command) = in_namespaces(&library, &script) else { return };
    let daemon = Daemon::spawn(&library, command);
    let inside = PathBuf::from(format!("/proc/{}/root{}", daemon.pid(), library.root().display()));
    // Without EXIF a turn takes a new file.
    let before = needs(90);
    fs::write(inside.join("a.jpg"), &before).unwrap();
    let filler = fill(&inside);
    eventually("there is no room", || daemon.log().contains("no_space"));
    assert_eq!(fs::read(inside.join("a.jpg")).unwrap(), before);
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 2, "nothing is left lying about");
    fs::remove_file(filler).unwrap();
    eventually("it is turned", || daemon.status()["turned"] == 1);
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 1);
    daemon.stop();
}
