//! What the daemon's settings and orders do, seen from outside.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Library, needs, needs_with_exif, with_segment};
use crate::running::{Daemon, configure, eventually, listed, root};

/// Changes a file's content through memory, of which inotify tells nothing. The file must stay open:
/// closing it would be told.
fn change_in_secret(path: &Path, content: &[u8]) -> File {
    let file = File::options().read(true).write(true).open(path).unwrap();
    assert_eq!(file.metadata().unwrap().size(), content.len() as u64);
    // SAFETY: a fresh shared mapping of the whole file, written once and unmapped.
    unsafe {
        let at = std::ptr::null_mut();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let map = libc::mmap(at, content.len(), access, libc::MAP_SHARED, file.as_raw_fd(), 0);
        assert_ne!(map, libc::MAP_FAILED);
        std::ptr::copy_nonoverlapping(content.as_ptr(), map.cast(), content.len());
        assert_eq!(libc::msync(map, content.len(), libc::MS_SYNC), 0);
        assert_eq!(libc::munmap(map, content.len()), 0);
    }
    file
}

#[test]
fn the_sweep_and_a_rescan_find_what_no_event_told() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let photo = needs(90);
    let path = library.add("a.jpg", &vec![0; photo.len()]);
    let daemon = Daemon::start(&library);
    let _open = change_in_secret(&path, &photo);
    let is_seen = || listed(&library).get(&path).is_some_and(|seen| seen["verdict"] == "fix");
    std::thread::sleep(Duration::from_secs(2));
    assert!(!is_seen(), "the next sweep is an hour away");
    library.ok(["control", "rescan"]);
    eventually("the rescan finds it", is_seen);

    // The same again with a sweep that comes soon.
    let sweep = format!("sweep_minutes = 0.02\n{}", root(&library, "review"));
    configure(&library, &sweep);
    library.ok(["control", "reload"]);
    let photo = needs(180);
    let path = library.add("b.jpg", &vec![0; photo.len()]);
    let looked_at = |n: u64| daemon.status()["skipped"].as_u64() == Some(n);
    eventually("the empty one is looked at", || looked_at(2));
    let _open = change_in_secret(&path, &photo);
    eventually("the sweep finds it", || {
        listed(&library).get(&path).is_some_and(|seen| seen["verdict"] == "fix")
    });
    daemon.stop();
}

#[test]
fn a_folder_that_is_to_be_polled_is_polled() {
    let library = Library::new();
    fs::create_dir(library.path("polled")).unwrap();
    let polled = format!("[[root]]\npath = {:?}\npoll = true\n", library.path("polled"));
    configure(&library, &polled);
    let daemon = Daemon::start(&library);
    assert_eq!(daemon.status()["roots"][0]["state"], "polled");
    let photo = needs(90);
    let path = library.add("polled/a.jpg", &vec![0; photo.len()]);
    eventually("it is seen", || daemon.status()["skipped"] == 1);
    let _open = change_in_secret(&path, &photo);
    eventually("polling finds it", || {
        listed(&library).get(&path).is_some_and(|seen| seen["verdict"] == "fix")
    });
    daemon.stop();
}

#[test]
fn below_the_least_confidence_nothing_is_turned() {
    let library = Library::new();
    let auto = |least: f32| format!("{}min_confidence = {least}\n", root(&library, "auto"));
    configure(&library, &auto(1.0));
    let path = library.add("a.jpg", &needs_with_exif(90, 1));
    let before = library.hashes();
    let daemon = Daemon::start(&library);
    assert_eq!(listed(&library)[&path]["verdict"], "fix");
    assert_eq!((daemon.status()["turned"].as_u64(), library.hashes()), (Some(0), before));

    configure(&library, &auto(0.9));
    library.ok(["control", "reload"]);
    eventually("now it is sure enough", || daemon.status()["turned"] == 1);
    daemon.stop();
}

#[test]
fn off_records_and_review_proposes() {
    let library = Library::new();
    let folders = ["off", "review"].map(|fix| {
        fs::create_dir(library.path(fix)).unwrap();
        format!("[[root]]\npath = {:?}\nfix = {fix:?}\n", library.path(fix))
    });
    configure(&library, &folders.concat());
    let daemon = Daemon::start(&library);
    let [off, review] = ["off/a.jpg", "review/a.jpg"].map(|name| library.add(name, &needs(90)));
    eventually("both are recorded", || listed(&library).len() == 2);
    daemon.eventually_idle();
    assert_eq!(daemon.status()["to_review"], 1);
    let log = daemon.log();
    assert!(
        log.contains(review.to_str().unwrap()) && !log.contains(off.to_str().unwrap()),
        "{log}"
    );
    daemon.stop();
}

#[test]
fn a_photo_that_cannot_be_turned_is_named_once() {
    let library = Library::new();
    configure(&library, &format!("sweep_minutes = 0.01\n{}", root(&library, "auto")));
    let path = library.add("a.jpg", &needs_with_exif(90, 1));
    fs::hard_link(&path, library.home().join("other name.jpg")).unwrap();
    let daemon = Daemon::start(&library);
    std::thread::sleep(Duration::from_secs(4));
    let log = daemon.log();
    assert_eq!(log.matches("left alone").count(), 1, "{log}");
    assert_eq!((&daemon.status()["skipped"], &daemon.status()["refused"]), (&0.into(), &1.into()));
    daemon.stop();
}

/// What waits is looked at in full batches; a single new photo does not wait for others.
#[test]
fn bursts_fill_batches_and_single_photos_go_at_once() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let mut command = library.command(["run", "-vv"]);
    command.env("NO_COLOR", "1");
    let daemon = Daemon::spawn(&library, command);
    let photo = needs(0);
    library.add("single.jpg", &photo);
    eventually("it is looked at", || daemon.status()["looked_at"] == 1);
    let batches = || -> Vec<u64> {
        let log = daemon.log();
        let sizes = log.lines().filter(|line| line.contains("a batch"));
        sizes.map(|line| line.rsplit('=').next().unwrap().trim().parse().unwrap()).collect()
    };
    assert_eq!(batches(), [1]);

    library.ok(["control", "pause"]);
    for at in 0..400_u16 {
        library.add(format!("{at}.jpg"), &with_segment(&photo, 0xFE, &at.to_le_bytes()));
    }
    std::thread::sleep(Duration::from_secs(1));
    library.ok(["control", "resume"]);
    eventually("all are looked at", || daemon.status()["looked_at"] == 401);
    let sizes = batches();
    let full = sizes.iter().filter(|size| **size == 8).count();
    assert!(10 * full >= 9 * 50, "{full} of 50 or more batches are full: {sizes:?}");
    daemon.stop();
}

/// The daemon asks the kernel who is calling: the socket's mode alone is not trusted.
#[test]
fn another_user_is_not_obeyed() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can call as another user");
        return;
    }
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let daemon = Daemon::start(&library);
    let db = library.home().join(".local/share/orientd/orientd.db");
    let socket = db.with_file_name("orientd.sock");
    // As careless as can be: everybody may reach the socket.
    let home = library.home();
    let ours = home.parent().unwrap();
    for folder in socket.ancestors().skip(1).filter(|folder| folder.starts_with(ours)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let answer = std::thread::spawn(move || {
        // SAFETY: the bare system call changes this thread alone, which ends right after.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
        assert_eq!(changed, 0);
        let mut stream = UnixStream::connect(&socket).unwrap();
        // It may be hung up on at any moment.
        drop(stream.write_all(b"{\"do\":\"pause\"}\n"));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer
    });
    assert_eq!(answer.join().unwrap(), "");
    assert_eq!(daemon.status()["state"], "watching");
    assert!(daemon.log().contains("another user"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn every_folder_has_its_own_way_of_turning() {
    let library = Library::new();
    let modes = ["tag", "pixels", "sidecar"];
    let roots = modes.map(|mode| {
        fs::create_dir(library.path(mode)).unwrap();
        format!("[[root]]\npath = {:?}\nfix = \"auto\"\nmode = {mode:?}\n", library.path(mode))
    });
    configure(&library, &roots.concat());
    let daemon = Daemon::start(&library);
    let paths = modes.map(|mode| library.add(format!("{mode}/a.jpg"), &needs_with_exif(90, 1)));
    let before: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    eventually("all are turned", || daemon.status()["turned"] == 3);
    daemon.eventually_idle();
    let known = listed(&library);
    for (path, mode) in paths.iter().zip(modes) {
        assert_eq!(known[path]["action"], mode, "{}", known[path]);
    }
    assert!(library.path("sidecar/a.jpg.xmp").exists());
    assert_eq!(daemon.status()["looked_at"], 3, "its own writes are no news");
    library.ok(["undo", library.root().to_str().unwrap()]);
    daemon.eventually_idle();
    let after: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(after == before, "what was put back stays so");
    assert!(!library.path("sidecar/a.jpg.xmp").exists());
    daemon.stop();
}
