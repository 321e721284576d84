//! What the owner makes of a photo by other means than orientd holds against orientd, until a person lifts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{
    Library, Scanned, jpeg_of, jpeg_with, needs, needs_with_exif, real_photo, with_segment,
};
use crate::review::db_path;
use crate::review_server::Server;
use crate::running::{Daemon, configure, eventually, listed, root};
use orientd_core::orientation::Turn;

/// Writes a tag as people do, with another program, which rewrites the file.
fn exiftool_sets(path: &Path, orientation: u16) {
    let tag = format!("-Orientation={orientation}");
    let mut command = Command::new("exiftool");
    command.args(["-q", "-n", "-overwrite_original", "-Artist=the owner", &tag]).arg(path);
    assert!(command.status().unwrap().success());
}

/// Adds what does not matter to the picture.
fn exiftool_captions(path: &Path) {
    let mut command = Command::new("exiftool");
    command.args(["-q", "-overwrite_original", "-ImageDescription=a caption"]).arg(path);
    assert!(command.status().unwrap().success());
}

/// Labels by file name: source and turn, oldest first.
fn labels(library: &Library) -> Vec<(String, String, u16)> {
    let db = rusqlite::Connection::open(db_path(library)).unwrap();
    let sql = "SELECT CAST(p.path AS TEXT), l.source, l.turn FROM labels l
               JOIN photos p ON p.id = l.photo_id ORDER BY l.id";
    let mut rows = db.prepare(sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?));
    let labels = rows.query_map([], row).unwrap().map(|row| {
        let (path, source, turn): (String, String, u16) = row.unwrap();
        (path.rsplit('/').next().unwrap().to_owned(), source, turn)
    });
    labels.collect()
}

pub fn said_outside(library: &Library, name: &str) -> bool {
    labels(library).contains(&(name.to_owned(), "outside".to_owned(), 0))
}

fn confidence(library: &Library) -> Value {
    let text = library.ok(["status", "--json"]);
    serde_json::from_str::<Value>(&text).unwrap()["confidence"].take()
}

fn args<'a>(command: &'a [&'a str], path: &'a Path) -> Vec<&'a str> {
    command.iter().copied().chain([path.to_str().unwrap()]).collect()
}

/// The photos and their sidecars.
fn bytes_of(library: &Library, names: &[&str]) -> Vec<(PathBuf, String)> {
    let is_named = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        names.contains(&name.trim_end_matches(".xmp"))
    };
    library.hashes().into_iter().filter(|(path, _)| is_named(path)).collect()
}

/// Whatever is asked for but a turn by hand.
fn nothing_turns_them(library: &Library, names: &[&str], reason: &str) {
    let before = bytes_of(library, names);
    for flags in [&["--fix"][..], &["--fix", "--rescan"]] {
        let scanned = library.scan(flags);
        for name in names {
            let photo = &scanned.photos[*name];
            assert_eq!(photo["action"], "none", "{flags:?} {photo}");
            assert_eq!(photo["reason"], reason, "{flags:?} {photo}");
            assert!(said_outside(library, name), "{name}: {:?}", labels(library));
        }
    }
    library.run(args(&["fix"], &library.root()));
    assert_eq!(bytes_of(library, names), before);
}

/// Two wrong turns would raise the threshold, and then nothing would be turned anyway.
const SURE: &str = "auto_confidence = 0.9\n";

#[test]
fn a_tag_that_others_put_back_stays() {
    let library = Library::new();
    configure(&library, SURE);
    let original = needs_with_exif(90, 1);
    let names = ["exiftool.jpg", "restored.jpg", "renamed over.jpg", "third way.jpg"];
    let paths: Vec<PathBuf> = names.iter().map(|name| library.add(name, &original)).collect();
    assert_eq!(library.scan(&["--fix"]).summary["actions"]["tag"], 4);
    exiftool_sets(&paths[0], 1);
    assert!(fs::read(&paths[0]).unwrap() != original, "neither the old bytes nor ours");
    fs::write(&paths[1], &original).unwrap();
    fs::rename(library.add(".sync", &original), &paths[2]).unwrap();
    exiftool_sets(&paths[3], 3);
    nothing_turns_them(&library, &names, "put_back_outside");

    // A caption changes nothing about that.
    exiftool_captions(&paths[0]);
    exiftool_captions(&paths[1]);
    nothing_turns_them(&library, &names, "put_back_outside");

    // A person can lift it, and the machine leaves that alone as well.
    let output = library.run(args(&["fix"], &paths[1]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("changed outside") && text.contains("fix --turn"), "{text}");
    library.ok(args(&["fix", "--turn", "90"], &paths[1]));
    let now = fs::read(&paths[1]).unwrap();
    library.scan(&["--fix", "--rescan"]);
    assert!(fs::read(&paths[1]).unwrap() == now);
}

#[test]
fn pixels_that_others_put_back_stay() {
    let library = Library::new();
    configure(&library, SURE);
    let photo = real_photo("astronaut").oriented(Turn::quarters(3).orientation());
    let original = jpeg_with(&photo, |jpeg| jpeg.set_subsamp(turbojpeg::Subsamp::None).unwrap());
    let names = ["gallery.jpg", "restored.jpg", "tagged.jpg"];
    let paths: Vec<PathBuf> = names.iter().map(|name| library.add(name, &original)).collect();
    assert_eq!(library.scan(&["--fix=pixels"]).summary["actions"]["pixels"], 3);
    // A gallery program that turns the pixels and saves them anew.
    fs::write(&paths[0], jpeg_with(&photo, |jpeg| jpeg.set_quality(80).unwrap())).unwrap();
    fs::write(&paths[1], &original).unwrap();
    exiftool_sets(&paths[2], 8);
    nothing_turns_them(&library, &names, "put_back_outside");
}

#[test]
fn a_sidecar_that_others_change_stays_and_is_told() {
    let library = Library::new();
    configure(&library, SURE);
    let names = ["removed.jpg", "edited.jpg", "renamed.jpg", "kept.jpg"];
    let add = |name: &&str| library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
    let paths: Vec<PathBuf> = names.iter().map(add).collect();
    assert_eq!(library.scan(&["--fix=sidecar"]).summary["actions"]["sidecar"], 4);
    library.ok(["verify"]);
    let sidecar = |name: &str| library.path(&format!("{name}.xmp"));
    fs::remove_file(sidecar("removed.jpg")).unwrap();
    let text = fs::read_to_string(sidecar("edited.jpg")).unwrap();
    assert!(text.contains("\"6\""), "{text}");
    fs::write(sidecar("edited.jpg"), text.replace("\"6\"", "\"1\"")).unwrap();
    let renamed = library.path("now.jpg");
    fs::rename(&paths[2], &renamed).unwrap();

    // Before any scan.
    let text = library.ok(["list"]);
    assert_eq!(text.matches("the sidecar that held its turn is gone").count(), 2, "{text}");
    let output = library.run(["verify"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in
        ["removed.jpg  the sidecar", "edited.jpg  the sidecar", "renamed.jpg  the file is gone"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("kept.jpg"), "{text}");

    // A plain scan notices, though the photos themselves are as they were.
    let scanned = library.scan(&[]);
    for name in ["removed.jpg", "edited.jpg", "now.jpg"] {
        assert_eq!(scanned.reason(name), "sidecar_lost", "{name}");
    }
    assert_eq!(scanned.reason("kept.jpg"), "none");
    let text = library.ok(["list"]);
    assert_eq!(text.matches("the sidecar that held its turn is gone").count(), 3, "{text}");
    let output = library.run(["verify"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("now.jpg  the sidecar"), "{text}");
    // Nobody meant the renamed one: it waits for a person, who is not asked for degrees.
    let before = fs::read(&renamed).unwrap();
    assert_eq!(library.scan(&["--fix"]).reason("now.jpg"), "sidecar_lost");
    assert!(fs::read(&renamed).unwrap() == before && !said_outside(&library, "now.jpg"));
    library.ok(args(&["fix"], &renamed));
    assert!(fs::read(&renamed).unwrap() != before);
    nothing_turns_them(&library, &["removed.jpg", "edited.jpg"], "sidecar_lost");
}

/// As an answer would; a turn that a person made says nothing about the machine.
#[test]
fn what_is_put_back_counts_as_a_wrong_turn_of_the_machine() {
    let library = Library::new();
    let by_machine = library.add("machine.jpg", &needs_with_exif(90, 1));
    assert_eq!(library.scan(&["--fix"]).summary["actions"]["tag"], 1);
    let by_person = library.add("person.jpg", &with_segment(&needs_with_exif(90, 1), 0xFE, b"2"));
    library.ok(args(&["fix", "--turn", "90"], &by_person));
    exiftool_sets(&by_machine, 1);
    exiftool_sets(&by_person, 1);
    library.scan(&[]);
    let fitted = confidence(&library);
    assert_eq!((&fitted["answers"], &fitted["wrong"]), (&1.into(), &1.into()), "{fitted}");
    for name in ["machine.jpg", "person.jpg"] {
        assert!(said_outside(&library, name));
    }
}

#[test]
fn what_comes_from_a_backup_is_left_as_it_is() {
    let library = Library::new();
    let original = needs_with_exif(90, 1);
    // Two copies that are there together are turned together.
    for name in ["a.jpg", "copy.jpg"] {
        library.add(name, &original);
    }
    assert_eq!(library.scan(&["--fix"]).summary["actions"]["tag"], 2);
    library.add("backup/old.jpg", &original);
    library.add("backup/noted.jpg", &with_segment(&original, 0xFE, b"a comment"));
    // Not one that only needs the same turn.
    let other = real_photo("rocket").oriented(Turn::quarters(3).orientation());
    library.add("backup/other.jpg", &jpeg_of(&other));
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.photos["other.jpg"]["action"], "tag");
    nothing_turns_them(&library, &["old.jpg", "noted.jpg"], "put_back_outside");
    assert_eq!(confidence(&library)["wrong"], 0, "the turns themselves are in force");
    assert!(fs::read(library.path("copy.jpg")).unwrap() != original);

    // At a turned photo's place another photo is another photo.
    library.add("a.jpg", &jpeg_of(&real_photo("coffee").oriented(Turn::quarters(2).orientation())));
    assert_eq!(library.scan(&[]).reason("a.jpg"), "none");
    assert!(!said_outside(&library, "a.jpg"));
}

/// A copy that still waits when the other is put back, and one that was undone.
#[test]
fn one_word_holds_for_all_copies() {
    let library = Library::new();
    let original = needs_with_exif(90, 1);
    let turned = library.add("turned.jpg", &original);
    for name in ["waits.jpg", "waits too.jpg"] {
        let comment = if name == "waits.jpg" { &b""[..] } else { b"a comment" };
        library.add(name, &with_segment(&original, 0xFE, comment));
    }
    library.add("same.jpg", &original);
    library.scan(&[]);
    let one = Scanned::parse(library.ok(args(&["scan", "--json", "--fix"], &turned)).as_bytes());
    assert_eq!(one.photos["turned.jpg"]["action"], "tag");
    exiftool_sets(&turned, 1);
    library.scan(&[]);
    let names = ["turned.jpg", "waits.jpg", "waits too.jpg"];
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.reason("same.jpg"), "put_back_outside");
    nothing_turns_them(&library, &names, "put_back_outside");
    let server = Server::start(&library, &[]);
    assert_eq!(server.names("review"), Vec::<String>::new());

    // On the page they are found among the answers. Many at once are refused, one alone is a person's word.
    let items = server.items("answered");
    let answer = |names: &[&str]| {
        let wanted = items.iter().filter(|item| names.contains(&item["name"].as_str().unwrap()));
        let items: Vec<Value> = wanted
            .map(|item| json!({"id": item["id"], "seen": item["seen"], "turn": 90}))
            .collect();
        assert!(items.len() >= names.len());
        server.post("/api/answer", &json!({ "items": items }).to_string()).json()
    };
    let many = answer(&["waits.jpg", "waits too.jpg"]);
    assert!(
        many["results"].as_array().unwrap().iter().all(|one| one["reason"] == "put_back_outside")
    );
    assert_eq!(answer(&["waits.jpg"])["results"][0]["ok"], true);
    assert_eq!(server.names("fixed"), ["waits.jpg"]);
}

#[test]
fn the_daemon_does_not_fight_its_owner() {
    let library = Library::new();
    configure(&library, &format!("{SURE}{}", root(&library, "auto")));
    let original = needs_with_exif(90, 1);
    let daemon = Daemon::start(&library);
    let paths = ["exiftool.jpg", "restored.jpg", "synced.jpg", "stays.jpg"]
        .map(|name| library.add(name, &original));
    eventually("all copies are turned", || daemon.status()["turned"] == 4);
    daemon.eventually_idle();
    let stays = fs::read(&paths[3]).unwrap();
    exiftool_sets(&paths[0], 1);
    fs::write(&paths[1], &original).unwrap();
    fs::rename(library.add(".new", &original), &paths[2]).unwrap();
    let beside = library.add("backup/exiftool.jpg", &original);
    let back: Vec<_> = paths[..3].iter().chain([&beside]).collect();
    let before: Vec<_> = back.iter().map(|path| fs::read(path).unwrap()).collect();
    let is_noticed = |path: &PathBuf| {
        listed(&library).get(path).is_some_and(|photo| photo["reason"] == "put_back_outside")
    };
    eventually("all four are noticed", || back.iter().all(|path| is_noticed(path)));
    library.ok(["control", "rescan"]);
    daemon.eventually_idle();
    let after: Vec<_> = back.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(after == before, "{}", daemon.log());
    assert!(fs::read(&paths[3]).unwrap() == stays);
    assert_eq!(daemon.status()["turned"], 4);

    // In a folder with sidecars the daemon hears of a sidecar, not of its photo.
    let modes = format!("{SURE}{}mode = \"sidecar\"\n", root(&library, "auto"));
    configure(&library, &modes);
    library.ok(["control", "reload"]);
    let other = real_photo("rocket").oriented(Turn::quarters(3).orientation());
    let path = library.add("rocket.jpg", &jpeg_of(&other));
    let sidecar = library.path("rocket.jpg.xmp");
    eventually("a sidecar is written", || sidecar.exists());
    daemon.eventually_idle();
    fs::remove_file(&sidecar).unwrap();
    eventually("its loss is noticed", || said_outside(&library, "rocket.jpg"));
    daemon.eventually_idle();
    assert!(!sidecar.exists() && path.exists(), "{}", daemon.log());
    daemon.stop();
}
