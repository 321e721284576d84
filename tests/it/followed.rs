//! What a person said or did holds for the photo, however its file is written since, and for its copies.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};

use crate::harness::{Library, jpeg_of, needs, needs_with_exif, real_photo, text_of, with_segment};
use crate::review_server::Server;
use crate::running::{Daemon, configure, eventually, root};
use orientd_core::orientation::Turn;

fn on<'a>(command: &'a [&'a str], path: &'a Path) -> Vec<&'a str> {
    command.iter().copied().chain([path.to_str().unwrap()]).collect()
}

fn exiftool(args: &[&str], path: &Path) {
    let mut command = Command::new("exiftool");
    command.args(["-q", "-n", "-overwrite_original"]).args(args).arg(path);
    assert!(command.status().unwrap().success());
}

/// A keyword, as every gallery writes them.
fn tag(path: &Path) {
    exiftool(&["-Artist=me"], path);
}

/// One photo that needs a turn, and one that is upright; both were looked at.
fn library() -> (Library, PathBuf, PathBuf) {
    let library = Library::new();
    let sideways = library.add("a.jpg", &needs_with_exif(90, 1));
    let upright = library.add("b.jpg", &jpeg_of(&real_photo("chelsea")));
    library.scan(&[]);
    (library, sideways, upright)
}

fn states(library: &Library) -> Vec<String> {
    let text = library.ok(["list", "--json"]);
    let photos = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    photos.map(|photo| photo["state"].as_str().unwrap().to_owned()).collect()
}

/// Nothing is turned by any of the ways that ask nobody.
fn nothing_is_turned(library: &Library, name: &str) {
    let before = library.hashes();
    let root = library.root();
    library.ok(on(&["scan"], &root));
    drop(library.run(on(&["fix", "--yes"], &root)));
    library.ok(on(&["scan", "--fix"], &root));
    library.ok(on(&["scan", "--fix"], &root));
    assert_eq!(library.hashes(), before, "{name}");
}

#[test]
fn an_answer_holds_after_edits_of_metadata_and_for_copies() {
    type Edit = fn(&Library, &Path);
    let edits: [(&str, Edit, &[&str]); 6] = [
        ("a keyword", |_, photo| tag(photo), &["fine", "upright"]),
        (
            "two edits",
            |library, photo| {
                tag(photo);
                library.scan(&[]);
                exiftool(&["-ImageDescription=more"], photo);
            },
            &["fine", "upright"],
        ),
        (
            "turned by exiftool",
            |_, photo| exiftool(&["-Orientation=3"], photo),
            &["fine", "upright"],
        ),
        (
            "renamed and edited",
            |library, photo| {
                let renamed = library.path("z.jpg");
                fs::rename(photo, &renamed).unwrap();
                tag(&renamed);
            },
            &["upright", "fine"],
        ),
        (
            "a copy with a keyword",
            |library, photo| {
                let copy = library.path("copy.jpg");
                fs::copy(photo, &copy).unwrap();
                tag(&copy);
            },
            &["fine", "upright", "fine"],
        ),
        (
            "an own program's new file",
            |library, photo| {
                let new = library.path("new.jpg");
                exiftool(&["-Artist=me", "-o", new.to_str().unwrap()], photo);
                fs::rename(new, photo).unwrap();
            },
            &["fine", "upright"],
        ),
    ];
    for (name, edit, expected) in edits {
        let (library, photo, _) = library();
        library.ok(on(&["fix", "--turn", "0"], &photo));
        edit(&library, &photo);
        nothing_is_turned(&library, name);
        assert_eq!(states(&library), expected, "{name}");
    }
}

#[test]
fn an_answer_that_was_carried_over_is_taken_back_whole() {
    let (library, photo, _) = library();
    library.ok(on(&["fix", "--turn", "0"], &photo));
    tag(&photo);
    library.scan(&[]);
    assert_eq!(states(&library), ["fine", "upright"]);
    let text = library.ok(on(&["undo"], &photo));
    assert!(text.contains("1 answer taken back"), "{text}");
    assert_eq!(states(&library), ["waiting", "upright"]);
    // On the page too.
    library.ok(on(&["fix", "--turn", "0"], &photo));
    exiftool(&["-ImageDescription=more"], &photo);
    library.scan(&[]);
    let server = Server::start(&library, &[]);
    let id = &server.items("answered")[0]["id"];
    let undone = server.post("/api/undo", &json!({"ids": [id]}).to_string()).json();
    assert_eq!(undone["results"][0]["ok"], true, "{undone}");
    assert_eq!(server.names("review"), ["a.jpg"]);
}

#[test]
fn what_a_person_turned_stays_turned() {
    let (library, _, photo) = library();
    fs::remove_file(library.path("a.jpg")).unwrap();
    for mode in ["tag", "pixels", "sidecar"] {
        library.ok(on(&["fix", "--turn", "90", "--mode", mode], &photo));
        let before = library.hashes();
        library.ok(on(&["scan", "--rescan"], &library.root()));
        assert_eq!(states(&library), ["turned"], "{mode}");
        let scanned = library.scan(&["--fix", "--rescan"]);
        assert_eq!(scanned.summary["refused"], 0, "{mode}");
        assert_eq!((&scanned.summary["turned"], library.hashes()), (&json!(1), before), "{mode}");
        assert_eq!(Server::start(&library, &[]).names("review"), Vec::<String>::new(), "{mode}");
        // Looked at while it was turned, it is known as it was when that is put back.
        library.ok(on(&["undo"], &photo));
        assert_eq!(states(&library), ["upright"], "{mode}");
    }
    library.ok(on(&["fix", "--turn", "90"], &photo));
    let copy = library.path("copy.jpg");
    fs::copy(&photo, &copy).unwrap();
    nothing_is_turned(&library, "a copy");
    assert_eq!(states(&library), ["turned", "fine"]);
    tag(&photo);
    nothing_is_turned(&library, "a keyword");
    assert_eq!(states(&library), ["turned", "fine"]);
}

#[test]
fn what_was_put_back_stays_in_the_queue_however_it_was_looked_at() {
    for mode in ["--fix", "--fix=pixels", "--fix=sidecar"] {
        let (library, photo, _) = library();
        library.scan(&[mode]);
        library.scan(&["--rescan"]);
        assert_eq!(states(&library), ["turned", "upright"], "{mode}");
        library.ok(["undo", "--last"]);
        assert_eq!(states(&library), ["put_back", "upright"], "{mode}");
        assert_eq!(Server::start(&library, &[]).names("review"), ["a.jpg"], "{mode}");
        tag(&photo);
        nothing_is_turned(&library, mode);
        assert_eq!(states(&library), ["put_back", "upright"], "{mode}: a keyword");
        // A copy with other metadata, and the original is gone.
        let new = library.path("new.jpg");
        fs::copy(&photo, &new).unwrap();
        exiftool(&["-ImageDescription=more"], &new);
        fs::remove_file(&photo).unwrap();
        nothing_is_turned(&library, mode);
        assert_eq!(states(&library), ["upright", "put_back"], "{mode}: a copy");
    }
}

#[test]
fn the_daemon_heeds_an_answer_after_an_edit() {
    let (library, photo, _) = library();
    library.ok(on(&["fix", "--turn", "0"], &photo));
    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    tag(&photo);
    let edited = fs::read(&photo).unwrap();
    // Once this one is turned, the round with the other is over.
    fs::write(library.path("later.jpg"), needs(180)).unwrap();
    let new = library.path("later.jpg");
    eventually("the later photo is turned", || fs::read(&new).unwrap() != needs(180));
    daemon.stop();
    assert!(fs::read(&photo).unwrap() == edited);
}

#[test]
fn counts_agree_about_a_lost_sidecar() {
    let library = Library::new();
    let mut bmp = Cursor::new(Vec::new());
    let photo = real_photo("astronaut").oriented(Turn::quarters(3).orientation());
    let side = u32::try_from(photo.width).unwrap();
    let image = RgbImage::from_raw(side, side, photo.pixels).unwrap();
    image.write_to(&mut bmp, ImageFormat::Bmp).unwrap();
    let photo = library.add("a.bmp", bmp.get_ref());
    assert_eq!(library.scan(&["--fix"]).summary["turned"], 1);
    fs::remove_file(library.path("a.bmp.xmp")).unwrap();
    library.scan(&[]);
    let status: Value = serde_json::from_str(&library.ok(["status", "--json"])).unwrap();
    assert_eq!(
        (&status["fine"], &status["refused"], &status["waiting"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(states(&library), ["fine"]);
    for flag in ["--waiting", "--refused"] {
        assert_eq!(library.ok(["list", flag]), "No such photos.\n");
    }
    assert!(library.ok(["list", "--put-back"]).contains("a.bmp"));
    library.ok(on(&["fix", "--turn", "0"], &photo));
    assert_eq!(library.ok(["list", "--put-back"]), "No such photos.\n");
}

#[test]
fn a_report_never_replaces_a_photo() {
    let (library, photo, _) = library();
    let before = library.hashes();
    let text = library.fails(1, on(&["report", "-o"], &photo));
    assert!(text.contains("is no report of orientd"), "{text}");
    assert_eq!(library.hashes(), before);
    let report = library.path("report.html");
    library.ok(on(&["report", "-o"], &report));
    library.ok(on(&["report", "-o"], &report));
    library.ok(["report", "-o", "/dev/null"]);
}

#[test]
fn a_photo_that_was_refused_before_any_scan_is_not_called_turned() {
    let library = Library::new();
    let photo = library.add("a.jpg", &needs(90));
    fs::hard_link(&photo, library.path("b.jpg")).unwrap();
    let output = library.run(on(&["fix", "--turn", "90"], &photo));
    assert!(text_of(&output).contains("hard links"), "{}", text_of(&output));
    assert_eq!(library.ok(["list", "--json"]), "");
}

/// The same picture three times, each in other bytes.
fn burst() -> (Library, [PathBuf; 3]) {
    let library = Library::new();
    let photos = ["a.jpg", "b.jpg", "c.jpg"]
        .map(|name| library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes())));
    library.scan(&[]);
    (library, photos)
}

#[test]
fn a_turn_by_a_person_holds_for_renamed_and_edited_copies() {
    for mode in ["tag", "pixels"] {
        let (library, _, photo) = library();
        library.ok(on(&["fix", "--turn", "90", "--mode", mode], &photo));
        let copy = library.path("copy.jpg");
        fs::copy(&photo, &copy).unwrap();
        tag(&copy);
        fs::remove_file(library.path("a.jpg")).unwrap();
        nothing_is_turned(&library, mode);
        let renamed = library.path("z.jpg");
        fs::rename(&photo, &renamed).unwrap();
        tag(&renamed);
        nothing_is_turned(&library, mode);
    }
}

#[test]
fn an_undo_holds_although_copies_stay_turned() {
    let (library, [a, b, _]) = burst();
    assert_eq!(library.scan(&["--fix"]).summary["turned"], 3);
    library.ok(on(&["undo"], &a));
    assert_eq!(states(&library), ["put_back", "turned", "turned"]);
    nothing_is_turned(&library, "one of three");
    library.ok(on(&["undo"], &library.root()));
    library.ok(on(&["fix", "--turn", "90"], &b));
    nothing_is_turned(&library, "one turned by hand");
    assert_eq!(states(&library), ["put_back", "turned", "put_back"]);
}

#[test]
fn an_earlier_run_does_not_take_back_a_later_turn() {
    let (library, photo, _) = library();
    let original = fs::read(&photo).unwrap();
    let run = library.scan(&["--fix"]).summary["run"].to_string();
    fs::write(&photo, &original).unwrap();
    library.scan(&[]);
    library.ok(on(&["fix", "--turn", "90"], &photo));
    let turned = fs::read(&photo).unwrap();
    assert_eq!(library.run(["undo", "--run", &run]).status.code(), Some(1));
    assert!(fs::read(&photo).unwrap() == turned);
    library.ok(["verify"]);
}

#[test]
fn an_answer_is_taken_back_where_the_photo_is_now() {
    let (library, photo, _) = library();
    library.ok(on(&["fix", "--turn", "0"], &photo));
    let renamed = library.path("z.jpg");
    fs::rename(&photo, &renamed).unwrap();
    tag(&renamed);
    library.scan(&[]);
    assert_eq!(states(&library), ["upright", "fine"]);
    library.ok(on(&["undo"], &renamed));
    assert_eq!(states(&library), ["upright", "waiting"]);
}
