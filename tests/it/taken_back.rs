//! An undo takes back what was said along with what was done.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Library, jpeg_of, needs, real_photo, with_segment};
use crate::review::db_path;
use crate::review_server::Server;

fn n_labels(library: &Library) -> i64 {
    let db = Connection::open(db_path(library)).unwrap();
    db.query_row("SELECT count(*) FROM labels", [], |row| row.get(0)).unwrap()
}

fn confidence(library: &Library) -> Value {
    let text = library.ok(["status", "--json"]);
    serde_json::from_str::<Value>(&text).unwrap()["confidence"].take()
}

fn in_queue(library: &Library) -> Vec<String> {
    Server::start(library, &[]).names("review")
}

fn on<'a>(command: &'a [&'a str], path: &'a Path) -> Vec<&'a str> {
    command.iter().copied().chain([path.to_str().unwrap()]).collect()
}

/// Three that need a turn and one that needs none, all known.
fn library() -> Library {
    let library = Library::new();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
    }
    library.add("upright.jpg", &jpeg_of(&real_photo("chelsea")));
    library.scan(&[]);
    library
}

/// Nobody picked anything out: the rest of the run could not be put back.
#[test]
fn a_run_put_back_as_far_as_possible_says_nothing() {
    let library = library();
    assert_eq!(library.scan(&["--fix"]).summary["turned"], 3);
    fs::remove_file(library.path("a.jpg")).unwrap();
    let output = library.run(["undo", "--last"]);
    assert_eq!(output.status.code(), Some(1), "{}", crate::harness::text_of(&output));
    let fitted = confidence(&library);
    assert_eq!((&fitted["source"], &fitted["wrong"]), (&"model".into(), &0.into()), "{fitted}");
}

#[test]
fn undo_forgets_the_answers_of_what_it_undoes() {
    let library = library();
    let before = library.hashes();
    let root = library.root();
    let a = library.path("a.jpg");
    for (mode, undo) in [
        ("tag", on(&["undo"], &root)),
        ("tag", vec!["undo", "--last"]),
        ("pixels", vec!["undo", "--last"]),
        ("sidecar", vec!["undo", "--last"]),
    ] {
        for name in ["a.jpg", "b.jpg", "c.jpg"] {
            library.ok(on(&["fix", "--mode", mode, "--turn", "90"], &library.path(name)));
        }
        assert_eq!((n_labels(&library), confidence(&library)["answers"].as_i64()), (3, Some(3)));
        let name = format!("{mode} {undo:?}");
        // "The last" is one command here, so three of them.
        for _ in 0..if undo.contains(&"--last") { 3 } else { 1 } {
            library.ok(&undo);
        }
        assert_eq!(library.hashes(), before, "{name}");
        assert_eq!(n_labels(&library), 0, "{name}");
        let fitted = confidence(&library);
        assert_eq!((&fitted["source"], &fitted["answers"]), (&"model".into(), &0.into()), "{name}");
    }
    assert_eq!(in_queue(&library), ["a.jpg", "b.jpg", "c.jpg"]);

    // One by one, and by run.
    library.ok(on(&["fix", "--turn", "180"], &a));
    library.ok(on(&["undo"], &a));
    library.ok(on(&["fix", "--turn", "270"], &a));
    library.ok(on(&["fix", "--turn", "90"], &library.path("b.jpg")));
    let text = library.ok(on(&["verify", "--json"], &a));
    let verified: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    library.ok(["undo", "--run", &verified["run"].to_string()]);
    assert_eq!(library.hashes()[&a], before[&a]);
    assert_eq!(n_labels(&library), 1, "of b.jpg alone");
}

#[test]
fn wrong_turns_by_hand_that_are_undone_move_no_threshold() {
    let library = library();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        library.ok(on(&["fix", "--turn", "180"], &library.path(name)));
    }
    assert_eq!(confidence(&library)["source"], "raised");
    for _ in 0..3 {
        library.ok(["undo", "--last"]);
    }
    let fitted = confidence(&library);
    assert_eq!((&fitted["source"], &fitted["wrong"]), (&"model".into(), &0.into()), "{fitted}");
}

#[test]
fn a_turn_of_the_machine_that_is_undone_is_wrong() {
    let library = library();
    assert_eq!(library.scan(&["--fix"]).summary["actions"]["tag"], 3);
    library.ok(on(&["undo"], &library.path("a.jpg")));
    let fitted = confidence(&library);
    assert_eq!((&fitted["answers"], &fitted["wrong"]), (&1.into(), &1.into()), "{fitted}");
    // Copies of what was undone are not turned either, whatever came of them.
    fs::copy(library.path("a.jpg"), library.path("copy of a.jpg")).unwrap();
    let scanned = library.scan(&["--fix"]);
    assert_eq!(scanned.photos["copy of a.jpg"]["action"], "none");
}

#[test]
fn an_answer_without_a_turn_is_taken_back_too() {
    let library = library();
    let a = library.path("a.jpg");
    library.ok(on(&["fix", "--turn", "0"], &a));
    library.ok(on(&["fix", "--turn", "0"], &library.path("b.jpg")));
    assert_eq!(in_queue(&library), ["c.jpg"]);
    assert_eq!(confidence(&library)["source"], "raised");
    let text = library.ok(on(&["undo"], &a));
    assert_eq!(confidence(&library)["source"], "model");
    assert!(text.contains("taken back") && text.contains("1 answer taken back"), "{text}");
    assert_eq!(in_queue(&library), ["a.jpg", "c.jpg"]);
    let text = library.ok(["undo", "--last", "--json"]);
    let object: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&object["answer"], &object["undone"]), (&"fine".into(), &true.into()), "{object}");
    assert_eq!(n_labels(&library), 0);
    let text = library.fails(1, on(&["undo"], &a));
    assert!(text.contains("nothing was changed"), "{text}");

    // A visit of the page is a run, with the answers that changed nothing.
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    for (item, turn) in items.iter().zip([0, 90, 0]) {
        let answer = json!({"items": [{"id": item["id"], "seen": item["seen"], "turn": turn}]});
        assert_eq!(
            server.post("/api/answer", &answer.to_string()).json()["results"][0]["ok"],
            true
        );
    }
    drop(server);
    assert_eq!(n_labels(&library), 3);
    let text = library.ok(["undo", "--last"]);
    assert!(text.contains("Put back 1 photo. 2 answers taken back."), "{text}");
    assert_eq!(n_labels(&library), 0);

    // The latest thing first: the answer, then the turn before it.
    let before = fs::read(&a).unwrap();
    library.ok(on(&["fix", "--turn", "90"], &a));
    library.ok(on(&["fix", "--turn", "0"], &a));
    library.ok(on(&["undo"], &a));
    assert!(fs::read(&a).unwrap() != before);
    library.ok(on(&["undo"], &a));
    assert!(fs::read(&a).unwrap() == before && n_labels(&library) == 0);
}

#[test]
fn one_path_without_a_change_ends_no_list() {
    let library = library();
    let a = library.path("a.jpg");
    library.ok(on(&["fix", "--turn", "90"], &a));
    let b = library.path("b.jpg");
    let paths = [&b, &a].map(|path| path.to_str().unwrap());
    let output = library.run(["undo", paths[0], paths[1]]);
    let text = crate::harness::text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("nothing was changed at") && text.contains("Put back 1 photo."),
        "{text}"
    );
}
