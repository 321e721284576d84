//! The automatic threshold follows the owner's answers, and everything that turns photos follows the threshold.

use std::fs;

use rusqlite::{Connection, params};
use serde_json::Value;

use crate::harness::{Library, jpeg_of, needs, real_photo, with_segment};
use crate::review::db_path;
use crate::running::{Daemon, config_file, configure, eventually, knows, root};
use orientd_core::orientation::Turn;
use orientd_core::verdict::auto_threshold::CANDIDATES;

/// The model's own threshold is between these two.
const BELOW_THRESHOLD: &str = "coffee.jpg";
const ABOVE_THRESHOLD: &str = "rocket.jpg";

/// Two real photos that need a quarter turn, one on either side of the threshold, and one upright.
fn family() -> Library {
    let library = Library::new();
    for name in [BELOW_THRESHOLD, ABOVE_THRESHOLD] {
        let photo = real_photo(name.trim_end_matches(".jpg"));
        library.add(name, &jpeg_of(&photo.oriented(Turn::quarters(3).orientation())));
    }
    library.add("upright.jpg", &jpeg_of(&real_photo("chelsea")));
    let scanned = library.scan(&[]);
    let verdict = |name: &str| scanned.photos[name]["verdict"].clone();
    assert_eq!(verdict(BELOW_THRESHOLD), "review");
    assert_eq!(verdict(ABOVE_THRESHOLD), "fix");
    library
}

/// Rows as a scan of as many upright photos and proposals would leave them, each proposal answered.
/// `is_right`: by its number.
fn answered(library: &Library, confidences: &[f64], is_right: impl Fn(usize) -> bool) {
    let mut db = Connection::open(db_path(library)).unwrap();
    let adding = db.transaction().unwrap();
    let add = |name: &str, confidence: Option<f64>, label: Option<u16>| {
        let hash = blake3::hash(name.as_bytes());
        adding
            .prepare_cached(
                "INSERT INTO photos(path, dev, ino, size, mtime_ns, ctime_ns, hash, format, width,
                     height, look_version, looked_at, run_id)
                 VALUES (?1, 0, 0, 1, 1, 1, ?2, 'jpeg', 400, 300, 2, 1, 1)",
            )
            .unwrap()
            .execute(params![format!("/gone/{name}.jpg").as_bytes(), &hash.as_bytes()[..]])
            .unwrap();
        let id = adding.last_insert_rowid();
        let p90 = confidence.unwrap_or(0.0);
        let verdict = if confidence.is_some() { "review" } else { "upright" };
        adding
            .prepare_cached(
                "INSERT INTO predictions(photo_id, model_id, hash, stored, views, p0, p90, p180, p270,
                     turn, confidence, verdict, predicted_at)
                 VALUES (?1, 1, ?2, 1, 4, ?3, ?4, 0, 0, 90, ?4, ?5, 1)",
            )
            .unwrap()
            .execute(params![id, &hash.as_bytes()[..], 1.0 - p90, p90, verdict])
            .unwrap();
        let Some(turn) = label else { return };
        adding
            .prepare_cached(
                "INSERT INTO labels(photo_id, path, hash, stored, turn, source, at, who)
                 VALUES (?1, x'00', ?2, 1, ?3, 'review', unixepoch(), 'ada')",
            )
            .unwrap()
            .execute(params![id, &hash.as_bytes()[..], turn])
            .unwrap();
    };
    for n in 0..6000 {
        add(&format!("upright {n}"), None, None);
    }
    for (n, confidence) in confidences.iter().enumerate() {
        add(&format!("proposal {n}"), Some(*confidence), Some(if is_right(n) { 90 } else { 0 }));
    }
    adding.commit().unwrap();
}

fn between(n: usize, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|at| from + (to - from) * (at as f64 + 0.5) / n as f64).collect()
}

fn confidence(library: &Library) -> Value {
    let text = library.ok(["status", "--json"]);
    serde_json::from_str::<Value>(&text).unwrap()["confidence"].take()
}

fn turned(library: &Library, name: &str, before: &[u8]) -> bool {
    fs::read(library.path(name)).unwrap() != before
}

#[test]
fn agreeing_answers_lower_the_threshold() {
    let library = family();
    let before = fs::read(library.path(BELOW_THRESHOLD)).unwrap();
    let model_says = confidence(&library);
    assert_eq!((&model_says["source"], &model_says["answers"]), (&"model".into(), &0.into()));
    // As far down as it takes for the photo that the model is less sure of.
    let sure = library.scan(&["--rescan"]).photos[BELOW_THRESHOLD]["confidence"].as_f64().unwrap();
    let thresholds =
        CANDIDATES.iter().map(|threshold| threshold.to_string().parse::<f64>().unwrap());
    let threshold = thresholds.into_iter().find(|threshold| *threshold <= sure).unwrap();
    answered(&library, &between(200, threshold, 0.9999), |_| true);

    let fitted = confidence(&library);
    assert_eq!(fitted["source"], "lowered", "{fitted}");
    assert_eq!(fitted["auto_confidence"], threshold, "{fitted}");
    assert_eq!(fitted["answers_missing"], Value::Null, "nobody has such photos: {fitted}");
    assert_eq!(fitted["promised_per_thousand"], 1.0);
    assert!(fitted["answers"].as_i64().unwrap() >= 100 && fitted["wrong"] == 0, "{fitted}");
    assert!(fitted["at_most_per_thousand"].as_f64().unwrap() <= 1.0, "{fitted}");
    let text = library.ok(["status", "-v"]);
    let told = format!("exactly: from {} % on", (threshold * 1e6).round() / 1e4);
    assert!(text.contains(&told) && text.contains("% sure, by your answers."), "{text}");
    assert!(
        library.ok(["model", "show"]).contains(&format!("{threshold} by your answers")),
        "model show"
    );

    configure(&library, "auto_confidence = 0.999\n");
    assert_eq!(confidence(&library)["source"], "config");
    library.scan(&["--fix"]);
    assert!(!turned(&library, BELOW_THRESHOLD, &before));
    fs::remove_file(config_file(&library)).unwrap();
    // An old photo and a new one alike.
    let another = with_segment(&before, 0xFE, b"another");
    library.add("new.jpg", &another);
    let scanned = library.scan(&["--fix"]);
    assert!(turned(&library, BELOW_THRESHOLD, &before), "{}", scanned.photos[BELOW_THRESHOLD]);
    assert!(turned(&library, "new.jpg", &another), "{}", scanned.photos["new.jpg"]);

    // Why the threshold is where it is can be told, and it goes back when the answers are taken back.
    let db = Connection::open(db_path(&library)).unwrap();
    let moves: i64 = db.query_row("SELECT count(*) FROM refits", [], |row| row.get(0)).unwrap();
    assert_eq!(moves, 2, "the model's, then the answers'");
    db.execute("DELETE FROM labels", []).unwrap();
    assert_eq!(confidence(&library)["source"], "model");
}

#[test]
fn contradicting_answers_raise_the_threshold() {
    let library = family();
    let before = fs::read(library.path(ABOVE_THRESHOLD)).unwrap();
    answered(&library, &between(200, 0.992, 0.9995), |n| n % 2 == 0);
    let fitted = confidence(&library);
    assert_eq!(fitted["source"], "raised", "{fitted}");
    assert!(fitted["auto_confidence"].as_f64().unwrap() > 0.999, "{fitted}");
    library.scan(&["--fix"]);
    assert!(!turned(&library, ABOVE_THRESHOLD, &before));

    configure(&library, &root(&library, "auto"));
    let daemon = Daemon::start(&library);
    let new = with_segment(&before, 0xFE, b"new");
    let path = library.add("new.jpg", &new);
    eventually("the new photo is known", || knows(&library, &path));
    daemon.eventually_idle();
    assert_eq!(fs::read(&path).unwrap(), new, "{}", daemon.log());
    // With the answers gone it does what it would have done.
    let db = Connection::open(db_path(&library)).unwrap();
    db.execute("DELETE FROM labels", []).unwrap();
    library.ok(["control", "rescan"]);
    eventually("both are turned", || {
        turned(&library, ABOVE_THRESHOLD, &before) && turned(&library, "new.jpg", &new)
    });
    daemon.stop();
}

#[test]
fn answers_from_before_the_model_do_not_count() {
    let library = family();
    answered(&library, &between(200, 0.96, 0.9999), |_| true);
    let db = Connection::open(db_path(&library)).unwrap();
    db.execute("UPDATE labels SET at = at - 100000", []).unwrap();
    let fitted = confidence(&library);
    assert_eq!((&fitted["source"], &fitted["answers"]), (&"model".into(), &0.into()), "{fitted}");
}

#[test]
fn undoing_one_photo_counts_as_wrong_a_run_does_not() {
    let library = Library::new();
    let names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"];
    for name in names {
        library.add(name, &with_segment(&needs(90), 0xFE, name.as_bytes()));
    }
    library.add("upright.jpg", &needs(0));
    assert_eq!(library.scan(&["--fix"]).summary["actions"]["tag"], 4);
    let put_back = |name: &str| library.ok(["undo".as_ref(), library.path(name).as_os_str()]);
    put_back("a.jpg");
    let fitted = confidence(&library);
    assert_eq!((&fitted["source"], &fitted["wrong"]), (&"model".into(), &1.into()), "{fitted}");
    put_back("b.jpg");
    assert_eq!(confidence(&library)["source"], "raised");
    library.ok(["undo", "--last"]);
    let fitted = confidence(&library);
    assert_eq!((&fitted["source"], &fitted["answers"]), (&"model".into(), &0.into()), "{fitted}");
}
