//! Answers on the page while the real daemon watches the same folder.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Library, needs, needs_marked};
use crate::review::db_path;
use crate::review_server::Server;
use crate::running::{Daemon, configure, eventually, knows, listed, root};

const N_PHOTOS: usize = 24;

fn body(items: &[Value], turn: Option<u16>) -> String {
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            let turn = turn.map_or(item["turn"].clone(), Value::from);
            json!({"id": item["id"], "seen": item["seen"], "turn": turn})
        })
        .collect();
    json!({ "items": items }).to_string()
}

fn all_went_well(reply: &Value) {
    let results = reply["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["ok"] == true), "{reply}");
}

/// Photo, turn and state of every change, oldest first.
fn changes(library: &Library) -> Vec<(i64, i64, String)> {
    let db = rusqlite::Connection::open(db_path(library)).unwrap();
    let mut rows = db.prepare("SELECT photo_id, turn, state FROM changes ORDER BY id").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn add(library: &Library, range: std::ops::Range<usize>) {
    for n in range {
        let name = format!("{n:02}.jpg");
        let degrees = [90, 180, 270][n % 3];
        library.add(&name, &needs_marked(degrees, n));
    }
}

/// The service only proposes; photos keep arriving while a person answers, takes back, answers again.
#[test]
fn answers_beside_the_daemon_apply_exactly_once() {
    let library = Library::new();
    configure(&library, &root(&library, "review"));
    add(&library, 0..N_PHOTOS / 2);
    let daemon = Daemon::start(&library);
    eventually("half is known", || listed(&library).len() == N_PHOTOS / 2);
    let before = library.hashes();
    let server = Server::start(&library, &[]);
    let first = server.items("review");
    assert_eq!(first.len(), N_PHOTOS / 2);

    // Both work on the same folder and the same database at once.
    add(&library, N_PHOTOS / 2..N_PHOTOS);
    library.ok(["control", "rescan"]);
    for part in first.chunks(3) {
        all_went_well(&server.post("/api/answer", &body(part, None)).json());
    }
    // Taken back one by one, some of them answered otherwise.
    for item in &first[..6] {
        let undo = json!({"ids": [item["id"]]}).to_string();
        all_went_well(&server.post("/api/undo", &undo).json());
    }
    all_went_well(&server.post("/api/answer", &body(&first[..3], Some(0))).json());
    eventually("the rest is known", || listed(&library).len() == N_PHOTOS);
    let second: Vec<Value> = server
        .items("review")
        .into_iter()
        .filter(|item| first.iter().all(|known| known["id"] != item["id"]))
        .collect();
    assert_eq!(second.len(), N_PHOTOS / 2);
    all_went_well(&server.post("/api/answer", &body(&second, None)).json());
    library.ok(["control", "rescan"]);
    daemon.eventually_idle();

    // Six of the first half are turned, three are fine, three wait again; all of the second are turned.
    let n_of = |tab: &str| server.items(tab).len();
    assert_eq!((n_of("fixed"), n_of("review"), n_of("answered")), (18, 3, 21));
    let now = library.hashes();
    let turned = |item: &Value| {
        let path = library.path(item["name"].as_str().unwrap());
        before.get(&path).is_none_or(|hash| *hash != now[&path])
    };
    assert!(first[..6].iter().all(|item| !turned(item)) && first[6..].iter().all(turned));
    let changes = changes(&library);
    assert_eq!(changes.iter().filter(|(.., state)| state == "done").count(), 18);
    assert_eq!(changes.iter().filter(|(.., state)| state == "undone").count(), 6);
    assert_eq!(changes.len(), 24, "nothing else was ever begun: {changes:?}");
    // The daemon has taken these changes for what they are: no news.
    assert_eq!(daemon.status()["turned"], 0, "{}", daemon.log());
    daemon.stop();
    let again = library.scan(&[]);
    assert_eq!(again.summary["looked_at"], 0, "{}", again.summary);
}

/// The service turns by itself what a person answers at the same moment: once, whoever comes first.
#[test]
fn a_photo_is_turned_once_whoever_comes_first() {
    let library = Library::new();
    // Known, proposed, not turned yet.
    add(&library, 0..12);
    library.scan(&[]);
    let before = library.hashes();
    let server = Server::start(&library, &[]);
    let items = server.items("review");
    assert_eq!(items.len(), 12);
    configure(&library, &root(&library, "auto"));
    // Not waited for: it begins to turn while the answers come.
    let daemon = Daemon::launch(&library, library.command(["run"]));
    let mut n_by_hand = 0;
    for item in &items {
        let reply = server.post("/api/answer", &body(std::slice::from_ref(item), None)).json();
        let result = &reply["results"][0];
        if result["ok"] == true {
            n_by_hand += 1;
        } else {
            // The daemon was there before, and it is said so.
            assert_eq!(result["reason"], "changed", "{reply}");
        }
    }
    eventually("all are turned", || {
        let now = library.hashes();
        before.iter().all(|(path, hash)| now[path] != *hash)
    });
    daemon.eventually_idle();
    let (mut photos, turned): (Vec<i64>, Vec<bool>) =
        changes(&library).into_iter().map(|(photo, _, state)| (photo, state == "done")).unzip();
    photos.sort_unstable();
    photos.dedup();
    assert_eq!(photos.len(), 12);
    let n_done = turned.iter().filter(|done| **done).count();
    assert_eq!(n_done, 12, "each exactly once: {:?}", changes(&library));
    let by_daemon = daemon.status()["turned"].as_u64().unwrap();
    assert_eq!(by_daemon + n_by_hand, 12, "{}", daemon.log());
    // Everything the daemon did can be put back on the page, and stays so.
    let ids: Vec<&Value> = items.iter().map(|item| &item["id"]).collect();
    all_went_well(&server.post("/api/undo", &json!({ "ids": ids }).to_string()).json());
    assert_eq!(library.hashes(), before);
    library.ok(["control", "rescan"]);
    daemon.eventually_idle();
    let path = library.add("new.jpg", &needs(0));
    eventually("a new photo is known", || knows(&library, &path));
    fs::remove_file(path).unwrap();
    assert_eq!(library.hashes(), before, "{}", daemon.log());
    daemon.stop();
}
