//! Words for people: no codes, no figures that were not asked for, and help that is about the command.

use crate::harness::{Library, needs, needs_with_exif};

#[test]
fn status_says_from_when_on_it_turns_by_itself() {
    let library = Library::new();
    library.add("a.jpg", &needs(90));
    library.scan(&["--fix"]);
    let said = library.ok(["status"]);
    assert!(said.contains("Turns by itself only from 98.9 % sure."), "{said}");
    assert!(!said.contains("evidence:") && !said.contains("promised:"), "{said}");
    let said = library.ok(["status", "-v"]);
    for part in ["only from 98.9 % sure", "promised: of 1,000 upright", "evidence: no answers"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn reasons_are_sentences_and_codes_are_in_json() {
    let library = Library::new();
    let path = library.add("linked.jpg", &needs_with_exif(90, 1));
    std::fs::hard_link(&path, library.home().join("other.jpg")).unwrap();
    library.add("short.jpg", &needs(90)[..2000]);
    let root = library.root();
    let root = root.to_str().unwrap();
    let mut said = library.ok(["scan", "--fix", root]);
    said += &library.ok(["list"]);
    said += &String::from_utf8_lossy(&library.run(["fix", root]).stdout);
    assert!(
        said.contains("has 2 hard links") && said.contains("ends before the picture"),
        "{said}"
    );
    assert!(!said.contains("hard_linked") && !said.contains("truncated"), "{said}");
    let json = library.ok(["list", "--json"]);
    assert!(json.contains("\"hard_linked\"") && json.contains("\"truncated\""), "{json}");
}

#[test]
fn help_shows_what_means_something_to_the_command() {
    let library = Library::new();
    let heading = "\nGlobal options:\n";
    for (command, shown, not_shown) in [
        ("scan", vec!["--device", "--ort-lib", "--db", "--no-progress"], vec![]),
        ("undo", vec!["--db", "--config", "--quiet"], vec!["--model", "--device", "--no-progress"]),
        ("list", vec!["--model", "--db"], vec!["--device", "--ort-lib", "--no-progress"]),
        ("completions", vec![], vec!["--db", "--config", "--quiet", "--color", "Global options"]),
    ] {
        let help = library.ok([command, "--help"]);
        let (own, global) = help.split_once(heading).unwrap_or((&help, ""));
        assert!(shown.iter().all(|option| global.contains(option)), "{command}: {help}");
        assert!(!shown.iter().any(|option| own.contains(option)), "{command}: {help}");
        assert!(!not_shown.iter().any(|option| help.contains(option)), "{command}: {help}");
    }
    // What means nothing does no harm, before the command and behind it.
    library.ok(["--device", "cpu", "--no-progress", "completions", "--color", "never", "bash"]);
    let help = library.ok(["--help"]);
    assert!(help.contains("Exit status:") && help.contains(heading), "{help}");
    assert!(library.ok(["man"]).contains("Exit status:"));
}

#[test]
fn lists_are_cut_on_a_terminal_only() {
    let library = Library::new();
    for at in 0..22 {
        library.add(format!("{at}.jpg"), &needs(90));
    }
    // One view of each, since it is only about lines.
    let root = library.root();
    let root = root.to_str().unwrap();
    let named = |said: &str| said.lines().filter(|line| line.contains(".jpg")).count();
    assert_eq!(named(&library.ok(["scan", "--views", "1", root])), 22);
    let line = format!("{} scan --rescan --views 1 '{root}'", env!("CARGO_BIN_EXE_orientd"));
    let mut command = std::process::Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    library.set_home(&mut command);
    let said = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
    assert_eq!(named(&said), 20, "{said}");
    assert!(said.contains("… and 2 more photos"), "{said}");
    assert_eq!(named(&library.ok(["list"])), 22);
}
