//! The daemon and what programs and people really do to files while it watches.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use image::{ExtendedColorType, ImageEncoder};

use crate::harness::{Library, needs, needs_with_exif, not_utf8, with_segment};
use crate::running::{Daemon, configure, eventually, knows, listed, root};

/// As editors save: a file beside it, then a rename over it; over and over.
#[test]
fn the_last_of_many_saves_counts() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let path = library.add("a.jpg", &needs(0));
    let daemon = Daemon::start(&library);
    assert_eq!(daemon.status()["turned"], 0);
    for at in 0..50u8 {
        let new = library.add("new~", &with_segment(&needs_with_exif(90, 1), 0xFE, &[at]));
        fs::rename(new, &path).unwrap();
    }
    eventually("the last one is turned", || {
        fs::read(&path).unwrap().windows(5).any(|part| part == [0xFF, 0xFE, 0, 3, 49])
            && daemon.status()["turned"].as_u64() >= Some(1)
            && listed(&library)[&path]["action"] == "tag"
    });
    daemon.eventually_idle();
    let status = daemon.status();
    let after = library.hashes();
    let turned = status["turned"].as_u64().unwrap();
    assert!(status["looked_at"].as_u64().unwrap() <= 1 + turned, "{status}");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((daemon.status()["turned"].as_u64(), library.hashes()), (Some(turned), after));
    daemon.stop();
    assert_eq!(library.scan(&["--rescan"]).summary["verdicts"]["upright"], 1);
}

/// Its two names fall into different rounds: the row is found by the file's inode.
#[test]
fn a_photo_that_returns_is_not_opened_again() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let photo = library.add("folder/a.jpg", &needs_with_exif(90, 1));
    let daemon = Daemon::start(&library);
    eventually("it is turned", || daemon.status()["turned"] == 1);
    let hidden = library.path(".hidden");
    fs::rename(library.path("folder"), &hidden).unwrap();
    eventually("it is missed", || !knows(&library, &photo));
    daemon.eventually_idle();
    fs::rename(&hidden, library.path("other")).unwrap();
    let now = library.path("other/a.jpg");
    eventually("it is back", || knows(&library, &now));
    daemon.eventually_idle();
    assert_eq!(listed(&library)[&now]["action"], "tag", "its history came with it");
    let status = daemon.status();
    assert_eq!((&status["looked_at"], &status["turned"]), (&1.into(), &1.into()));
    daemon.stop();
}

#[test]
fn odd_names_are_watched_and_logged_on_one_line() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    let photo = needs_with_exif(90, 1);
    library.add(not_utf8(), &photo);
    library.add("-rf.jpg", &photo);
    library.add("two\nlines.jpg", &photo);
    library.add(format!("{}.jpg", "x".repeat(251)), &photo);
    eventually("all are turned", || daemon.status()["turned"] == 4);
    let log = daemon.log();
    assert!(log.contains("two\\nlines.jpg"), "{log}");
    assert!(!log.lines().any(|line| line.starts_with("lines.jpg")), "{log}");
    daemon.stop();
}

#[test]
fn links_lead_nowhere_but_a_root_may_be_one() {
    let library = Library::new();
    let root = library.home().join("link");
    symlink(library.root(), &root).unwrap();
    configure(&library, &format!("[[root]]\npath = {root:?}\nfix = \"auto\"\n"));
    let outside = library.home().join("outside.jpg");
    fs::write(&outside, needs_with_exif(90, 1)).unwrap();
    let before = fs::read(&outside).unwrap();
    fs::create_dir(library.path("folder")).unwrap();
    symlink(library.root(), library.path("folder/loop")).unwrap();
    symlink("/", library.path("everything")).unwrap();
    symlink(&outside, library.path("link.jpg")).unwrap();
    let daemon = Daemon::start(&library);
    let path = library.add("folder/a.jpg", &needs_with_exif(180, 1));
    symlink(&outside, library.path("folder/new link.jpg")).unwrap();
    eventually("it is turned", || daemon.status()["turned"] == 1);
    daemon.eventually_idle();
    let known: Vec<_> = listed(&library).into_keys().collect();
    assert_eq!(known, [path]);
    assert_eq!(daemon.status()["watches"], 2);
    assert_eq!(fs::read(&outside).unwrap(), before);
    daemon.stop();
}

/// Slow to decode whatever the machine: 48 million pixels that no decoder can skip.
fn large_png(path: &Path) {
    let width = 8_000;
    let height = 6_000;
    let file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        file,
        image::codecs::png::CompressionType::Fast,
        image::codecs::png::FilterType::Paeth,
    );
    let grey = vec![7; width as usize * height as usize];
    encoder.write_image(&grey, width, height, ExtendedColorType::L8).unwrap();
}

#[test]
fn a_large_photo_or_silent_client_delays_no_stop() {
    let library = Library::new();
    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    let outside = library.home().join("large.png");
    large_png(&outside);
    fs::rename(&outside, library.path("large.png")).unwrap();
    let mut silent = UnixStream::connect(library.home().join(".local/share/orientd/orientd.sock"));
    let silent = silent.as_mut().unwrap();
    silent.write_all(b"{\"do\": ").unwrap();
    eventually("it is in hand", || daemon.status()["state"] == "looking");
    assert!(daemon.stop() < Duration::from_secs(5));
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0, "it has been hung up on");
    // Nothing is lost by it.
    let daemon = Daemon::start(&library);
    assert!(knows(&library, &library.path("large.png")), "{}", daemon.log());
    daemon.stop();
}

/// What failed may be gone before it is tried again.
#[test]
fn a_failure_is_over_when_its_folder_is_gone() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    let daemon = Daemon::start(&library);
    let db = library.home().join(".local/share/orientd/orientd.db");
    let db = rusqlite::Connection::open(db).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    library.add("a.jpg", &needs(90));
    eventually("it fails", || daemon.status()["state"] == "retrying");
    fs::rename(library.root(), library.home().join("unplugged")).unwrap();
    eventually("nothing is left to try", || {
        daemon.status()["state"] == "watching" && daemon.status()["roots"][0]["state"] == "away"
    });
    db.execute_batch("ROLLBACK").unwrap();
    fs::rename(library.home().join("unplugged"), library.root()).unwrap();
    eventually("it is seen after all", || knows(&library, &library.path("a.jpg")));
    daemon.stop();
}
