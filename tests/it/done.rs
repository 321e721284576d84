//! What is done is done: photos that were turned or called fine wait no more, in any count or list.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::asked::doubtful;
use crate::harness::{Library, needs, needs_with_exif};

/// Two that can be turned, one that cannot, one in doubt, one upright, one that is no photo.
fn mixed() -> Library {
    let library = Library::new();
    library.add("a.jpg", &needs_with_exif(90, 1));
    library.add("b.jpg", &needs(180));
    library.add("c.jpg", &doubtful(180));
    library.add("readonly.jpg", &needs(270));
    let mode = fs::Permissions::from_mode(0o444);
    fs::set_permissions(library.path("readonly.jpg"), mode).unwrap();
    library.add("upright.jpg", &needs(0));
    library.add("empty.jpg", b"");
    library
}

fn names(library: &Library, flags: &[&str]) -> Vec<String> {
    let text = library.ok([&["list", "--json"], flags].concat());
    let photos = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let name =
        |photo: Value| photo["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    photos.map(name).collect()
}

fn status(library: &Library) -> Value {
    serde_json::from_str(&library.ok(["status", "--json"])).unwrap()
}

#[test]
fn a_scan_says_what_is_turned_and_what_waits() {
    let library = mixed();
    let root = library.root();
    let root = root.to_str().unwrap();
    let said = library.ok(["scan", root]);
    let row = |said: &str, word: &str| -> Option<String> {
        let line = said.lines().rfind(|line| line.trim_start().starts_with(word))?;
        line.trim_start().strip_prefix(word)?.split_whitespace().next().map(str::to_owned)
    };
    let n = |said: &str, word: &str| row(said, word).unwrap_or_else(|| panic!("no {word}: {said}"));
    let words = ["sure  ", "in doubt  ", "waiting", "skipped"];
    assert_eq!(words.map(|word| n(&said, word)), ["3", "1", "4", "1"], "{said}");

    let said = library.ok(["scan", "--fix", root]);
    assert!(said.contains("Turned 2 photos by the tag, 2 waiting. To put them back"), "{said}");
    let words = ["turned  ", "waiting", "refused"];
    assert_eq!(words.map(|word| n(&said, word)), ["2", "2", "1"], "{said}");
    assert!(said.contains("the file is read-only") && !said.contains("surely wrong"), "{said}");
    assert!(!said.contains("read_only"), "codes are for programs: {said}");

    // Nothing is new: a sentence, and the same numbers.
    let said = library.ok(["scan", root]);
    assert!(said.starts_with("Nothing is new or has changed among 6 photos: 2 turned"), "{said}");
    assert!(said.contains("1 in doubt") && said.contains("1 that could not be turned"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let summary = library.scan(&[]).summary;
    for (key, expected) in [("turned", 2), ("waiting", 2), ("refused", 1), ("fine", 0)] {
        assert_eq!(summary[key], expected, "{key}: {summary}");
    }
    let verdicts = &summary["verdicts"];
    assert_eq!((&verdicts["fix"], &verdicts["review"]), (&1.into(), &1.into()), "{verdicts}");
    assert_eq!(verdicts["upright"], 3, "{verdicts}");
    assert_eq!(summary["refusals"], serde_json::json!({"read_only": 1}));
    assert_eq!(summary["skips"], serde_json::json!({"empty": 1}));
}

#[test]
fn lists_tell_turned_waiting_and_refused_apart() {
    let library = mixed();
    library.scan(&["--fix"]);
    assert_eq!(names(&library, &["--turned"]), ["a.jpg", "b.jpg"]);
    assert_eq!(names(&library, &["--waiting"]), ["c.jpg", "readonly.jpg"]);
    assert_eq!(names(&library, &["--refused"]), ["readonly.jpg"]);
    assert_eq!(names(&library, &["--turned", "--refused"]).len(), 3);
    assert_eq!(names(&library, &["--verdict", "fix"]), ["readonly.jpg"]);
    assert_eq!(names(&library, &["--verdict", "review"]), ["c.jpg"]);
    assert_eq!(names(&library, &["--waiting", "--sort", "confidence"]), ["readonly.jpg", "c.jpg"]);
    assert_eq!(
        names(&library, &["--waiting", "--sort", "confidence", "--reverse"]),
        ["c.jpg", "readonly.jpg"]
    );
    assert_eq!(names(&library, &["--waiting", "--min-confidence", "95%"]), ["readonly.jpg"]);
    assert_eq!(names(&library, &["--waiting", "--min-confidence", "0.5"]).len(), 2);
    assert!(library.fails(2, ["list", "--min-confidence", "95"]).contains("0 to 1"));
    let text = library.ok(["list", "--refused"]);
    assert!(text.contains("not turned") && text.ends_with("the file is read-only\n"), "{text}");
    let photo: Value = serde_json::from_str(&library.ok(["list", "--json", "--refused"])).unwrap();
    assert_eq!((&photo["reason"], &photo["state"]), (&"read_only".into(), &"refused".into()));
    let text = library.ok(["list", "--json", "--turned"]);
    let photo: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    for (key, expected) in [("verdict", "upright"), ("action", "tag"), ("state", "turned")] {
        assert_eq!(photo[key], expected, "{photo}");
    }
    assert_eq!((&photo["turn"], &photo["new"]), (&90.into(), &6.into()));
    let status = status(&library);
    let counts = ["turned", "waiting", "refused", "fine"].map(|key| status[key].as_u64().unwrap());
    assert_eq!(counts, [2, 2, 1, 0], "{status}");
    assert_eq!(status["verdicts"]["fix"], 1, "{status}");

    // Called fine, put back, and writable again.
    library.ok(["fix", "--turn", "0", library.path("c.jpg").to_str().unwrap()]);
    library.ok(["undo", library.path("a.jpg").to_str().unwrap()]);
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(library.path("readonly.jpg"), mode).unwrap();
    library.scan(&[]);
    assert_eq!(names(&library, &["--refused"]), [""; 0], "it is looked at anew");
    library.ok(["fix", library.path("readonly.jpg").to_str().unwrap()]);
    assert_eq!(names(&library, &["--turned"]), ["b.jpg", "readonly.jpg"]);
    assert_eq!(names(&library, &["--waiting"]), ["a.jpg"]);
    assert_eq!(names(&library, &["--refused"]), [""; 0]);
    let again = library.scan(&["--rescan"]);
    assert_eq!(again.photos["c.jpg"]["state"], "fine", "{}", again.photos["c.jpg"]);
    assert_eq!(again.photos["c.jpg"]["verdict"], "upright");
    assert_eq!(again.photos["b.jpg"]["state"], "turned");
}

#[test]
fn a_report_is_never_empty_for_nothing() {
    let library = mixed();
    library.scan(&["--fix"]);
    library.scan(&[]);
    library.scan(&[]);
    let file = library.home().join("report.html");
    let report = |flags: &[&str]| {
        let said = library.ok([&["report", "-o", file.to_str().unwrap()], flags].concat());
        // Names may break where the page says so.
        (said, fs::read_to_string(&file).unwrap().replace("<wbr>", ""))
    };
    // The last two scans looked at nothing.
    let (said, page) = report(&[]);
    let counts = "2 turned, 1 waiting, 1 that could not be turned, 1 skipped";
    assert!(said.contains(counts), "{said}");
    for name in ["a.jpg", "b.jpg", "c.jpg", "readonly.jpg", "empty.jpg", "the file is read-only"] {
        assert!(page.contains(name), "{name}");
    }
    assert!(!page.contains("read_only") && !page.contains("upright.jpg"));
    assert!(report(&["--run", "1"]).0.contains(counts));
    let (said, page) = report(&["--run", "2"]);
    assert!(said.contains("0 turned, 0 waiting") && page.contains("Nothing was turned"), "{said}");
    assert!(
        report(&["--waiting"]).0.contains("0 turned, 1 waiting, 1 that could not be turned, 0")
    );
    assert!(report(&["--since", "1h"]).0.contains(counts));
    assert!(report(&["--since", "2000-01-01"]).0.contains(counts));
    let args = ["report", "--since", "soon", "-o", file.to_str().unwrap()];
    assert!(library.fails(2, args).contains("a time is wanted"));
    let args = ["report", "--since", "1h", "--waiting", "-o", file.to_str().unwrap()];
    assert!(library.fails(2, args).contains("cannot be used with"));
}
