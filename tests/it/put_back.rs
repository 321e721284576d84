//! What was put back, by orientd or by others, leaves the counts of what it is about to turn, and is told everywhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Library, jpeg_of, needs, real_photo, text_of, with_segment};
use crate::review_server::Server;

fn on<'a>(command: &'a [&'a str], path: &'a Path) -> Vec<&'a str> {
    command.iter().copied().chain([path.to_str().unwrap()]).collect()
}

fn add(library: &Library, name: &str) -> Vec<u8> {
    let photo = with_segment(&needs(90), 0xFE, name.as_bytes());
    library.add(name, &photo);
    photo
}

/// Two in a folder, one beside it and one that is upright; all that needs it is turned.
fn turned() -> Library {
    let library = Library::new();
    for name in ["trip/a.jpg", "trip/b.jpg", "c.jpg"] {
        add(&library, name);
    }
    library.add("upright.jpg", &jpeg_of(&real_photo("chelsea")));
    assert_eq!(library.scan(&["--fix"]).summary["turned"], 3);
    library
}

fn status(library: &Library) -> Value {
    serde_json::from_str(&library.ok(["status", "--json"])).unwrap()
}

#[test]
fn an_undone_turn_waits_for_a_person_and_is_not_called_sure() {
    let library = turned();
    library.ok(["undo", "--last"]);
    let before = library.hashes();
    let root = library.root();
    let text = library.ok(on(&["scan"], &root));
    assert!(text.contains("3 put back, which `orientd review` asks about"), "{text}");
    assert!(!text.contains("sure"), "{text}");
    let text = library.ok(["status"]);
    assert!(
        text.contains("0 turned, 3 put back") && text.contains("  put back           3"),
        "{text}"
    );
    let counts = status(&library);
    assert_eq!((&counts["waiting"], &counts["put_back"]), (&json!(3), &json!(3)), "{counts}");
    assert_eq!(library.ok(["list", "--put-back"]).matches("put back   ").count(), 3);
    assert_eq!(library.ok(["list", "--waiting"]).matches("put back   ").count(), 3);

    // Neither asks for them again, nor calls that a failure.
    let text = library.ok(on(&["fix", "--yes"], &root));
    assert!(text.contains("3 photos whose turn was put back left as they are"), "{text}");
    let scanned = library.scan(&["--fix"]);
    assert_eq!((&scanned.summary["turned"], &scanned.summary["refused"]), (&json!(0), &json!(0)));
    assert_eq!(scanned.summary["waiting"], 3);
    let text = library.ok(on(&["scan", "--fix"], &root));
    assert!(!text.contains("safely") && !text.contains("a.jpg"), "{text}");
    let output = library.run(on(&["fix"], &library.path("c.jpg")));
    assert!(text_of(&output).contains("turned and put back before"), "{}", text_of(&output));
    assert_eq!(library.hashes(), before);

    let names = Server::start(&library, &[]).names("review");
    assert_eq!(names, ["a.jpg", "b.jpg", "c.jpg"]);
    assert_eq!(library.scan(&["--fix", "--rescan"]).summary["turned"], 3);
}

#[test]
fn what_others_put_back_is_told_and_no_failure() {
    let library = turned();
    let photo = library.path("c.jpg");
    let run = library.ok(["history", "--json"]);
    let run = serde_json::from_str::<Value>(run.trim()).unwrap()["run"].to_string();
    let mut exiftool = Command::new("exiftool");
    exiftool.args(["-q", "-n", "-overwrite_original", "-Orientation=1"]).arg(&photo);
    assert!(exiftool.status().unwrap().success());

    let output = library.run(["verify"]);
    assert_eq!(output.status.code(), Some(1), "nobody knows of it yet: {}", text_of(&output));
    library.scan(&[]);
    let text = library.ok(["verify"]);
    let expected =
        "2 changed photos as the journal says, 0 not. 1 turned otherwise by other programs";
    assert!(text.contains(expected), "{text}");
    let text = library.ok(["verify", "--json"]);
    let of_photo = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_photo = of_photo.filter(|one| one["superseded"] == json!(true));
    assert_eq!(
        of_photo.map(|one| one["path"].clone()).collect::<Vec<_>>(),
        [photo.to_str().unwrap()]
    );

    let text = library.ok(["status"]);
    assert!(text.contains("2 turned, 0 put back, 1 changed by other programs since"), "{text}");
    assert_eq!(status(&library)["changes"]["superseded"], 1);
    assert!(library.ok(["history"]).contains("3 turned, 1 changed by other programs since"));
    let text = library.ok(["list", "--put-back"]);
    assert!(text.contains("c.jpg") && text.lines().count() == 1, "{text}");
    let report = library.ok(["report", "--run", &run, "-o", "-"]);
    assert!(
        report.contains("2 photos turned") && report.contains("orientd had turned it by 90°"),
        "{report}"
    );

    // Turned by a person again, that change is what the journal holds the photo against.
    library.ok(on(&["fix", "--turn", "90"], &photo));
    let text = library.ok(["verify"]);
    assert!(text.starts_with("3 changed photos as the journal says, 0 not.\n"), "{text}");
}

#[test]
fn a_lost_sidecar_is_settled_by_an_answer() {
    let library = Library::new();
    add(&library, "a.jpg");
    assert_eq!(library.scan(&["--fix=sidecar"]).summary["turned"], 1);
    fs::remove_file(library.path("a.jpg.xmp")).unwrap();
    assert_eq!(library.scan(&[]).reason("a.jpg"), "sidecar_lost");
    assert_eq!(library.run(["verify"]).status.code(), Some(1));
    library.ok(on(&["fix", "--turn", "0"], &library.path("a.jpg")));
    let text = library.ok(["verify"]);
    assert!(text.contains("0 not. 1 turned otherwise"), "{text}");
}

#[test]
fn a_folder_put_back_says_nothing_about_its_photos() {
    let library = turned();
    library.ok(on(&["undo"], &library.path("trip")));
    let fitted = &status(&library)["confidence"];
    assert_eq!((&fitted["source"], &fitted["wrong"]), (&json!("model"), &json!(0)), "{fitted}");
}

#[test]
fn an_undo_of_a_folder_takes_its_answers_back() {
    let library = turned();
    // Not a copy of the others.
    library.add("trip/d.jpg", &needs(180));
    library.scan(&[]);
    library.ok(on(&["fix", "--turn", "0"], &library.path("trip/d.jpg")));
    library.ok(on(&["fix", "--turn", "0"], &library.path("trip/a.jpg")));
    let text = library.ok(on(&["undo"], &library.path("trip/a.jpg")));
    assert!(text.contains("its turn stays, and undoing the photo once more"), "{text}");
    let text = library.ok(on(&["undo"], &library.path("trip")));
    assert!(text.contains("Put back 2 photos. 1 answer taken back."), "{text}");
    assert_eq!(library.ok(["list", "--waiting"]).lines().count(), 3);
}

#[test]
fn a_backup_is_forgotten_with_the_turn_that_it_contradicts() {
    let library = Library::new();
    let original = add(&library, "a.jpg");
    assert_eq!(library.scan(&["--fix"]).summary["turned"], 1);
    library.add("backup/a.jpg", &original);
    assert_eq!(library.scan(&["--fix"]).photos["a.jpg"]["action"], "none");
    assert!(library.ok(["list", "--put-back"]).contains("/backup/a.jpg"));
    library.ok(on(&["undo"], &library.path("a.jpg")));
    assert_eq!(Server::start(&library, &[]).names("review"), ["a.jpg", "a.jpg"]);
    assert_eq!(library.scan(&["--fix"]).summary["turned"], 0, "an undo holds for copies");
}

#[test]
fn list_says_of_a_path_that_it_is_not_there() {
    let library = turned();
    let text = text_of(&library.run(on(&["list"], &library.path("nowhere"))));
    assert!(text.contains("there is no") && text.contains("nowhere"), "{text}");
}
