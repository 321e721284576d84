//! Only what was asked: what `orientd fix` turns, what it asks about first, and what it leaves.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;
use serde_json::Value;

use crate::harness::{Library, exiftool, jpeg_of, needs, needs_with_exif, real_photo, text_of};

/// The coffee, so that `degrees` would make it upright: the model says so, but is not sure.
pub fn doubtful(degrees: u16) -> Vec<u8> {
    let turn = Turn::from_degrees(degrees).unwrap();
    jpeg_of(&real_photo("coffee").oriented(turn.inverse().orientation()))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json_lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn n_labels(library: &Library) -> i64 {
    let path = library.home().join(".local/share/orientd/orientd.db");
    let db = rusqlite::Connection::open(path).unwrap();
    db.query_row("SELECT count(*) FROM labels", [], |row| row.get(0)).unwrap()
}

/// What exiftool says of the tag; `None` where there is none.
fn tag(path: &Path) -> Option<String> {
    exiftool(path).get("IFD0:Orientation").cloned()
}

/// Runs in a terminal in which `keys` are typed.
fn in_a_terminal(library: &Library, args: &[&str], keys: &str) -> Output {
    let quoted = args.iter().map(|arg| format!(" '{arg}'")).collect::<String>();
    let line = format!("{}{quoted}", env!("CARGO_BIN_EXE_orientd"));
    let mut command = std::process::Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    library.set_home(&mut command);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn fix_turns_what_is_sure_and_names_the_rest() {
    let library = Library::new();
    let sure = library.add("sure.jpg", &needs(90));
    let coffee = library.add("coffee.jpg", &doubtful(180));
    library.add("upright.jpg", &needs(0));
    let root = library.root();
    let root = root.to_str().unwrap();
    library.scan(&[]);
    let before = library.hashes();

    let said = library.ok(["fix", "--dry-run", root]);
    assert!(said.contains("Would turn 1 photo. Nothing was changed."), "{said}");
    assert_eq!(library.hashes(), before);
    let said = library.ok(["fix", root]);
    assert!(said.contains("Turned 1 photo. To put them back: orientd undo --run"), "{said}");
    assert!(said.contains("1 photo in doubt left as they are"), "{said}");
    assert!(said.contains("fix --doubtful"), "{said}");
    assert_eq!(tag(&sure).as_deref(), Some("\"Rotate 90 CW\""));
    assert_eq!(tag(&coffee), None);
    assert_eq!(n_labels(&library), 0, "nobody has looked at them");
    assert!(library.ok(["fix", root]).contains("Nothing that is sure waits here."));

    // Without a terminal it cannot ask, and does nothing.
    let why = library.fails(1, ["fix", "--doubtful", root]);
    assert!(why.contains("Turn 1 photo, 1 of them in doubt?") && why.contains("--yes"), "{why}");
    assert_eq!(tag(&coffee), None);
    // One that was named has a line of its own.
    let named = library.run(["fix", coffee.to_str().unwrap()]);
    assert_eq!(named.status.code(), Some(1));
    assert!(stdout(&named).contains("coffee.jpg  is in doubt; --doubtful turns it"));
    library.ok(["fix", "--doubtful", "--yes", root]);
    assert_eq!(tag(&coffee).as_deref(), Some("\"Rotate 180\""));
    assert_eq!(n_labels(&library), 0, "nobody has looked at it yet");
    library.ok(["undo", root]);
    assert_eq!(library.hashes(), before);
}

#[test]
fn a_question_is_asked_in_a_terminal() {
    let library = Library::new();
    let coffee = library.add("coffee.jpg", &doubtful(180));
    library.scan(&[]);
    let root = library.root();
    let root = root.to_str().unwrap();
    let before = library.hashes();
    let asked = in_a_terminal(&library, &["fix", "--doubtful", root], "n\n");
    assert!(
        stdout(&asked).contains("Turn 1 photo, 1 of them in doubt? [y/N]"),
        "{}",
        text_of(&asked)
    );
    assert!(stdout(&asked).contains("Nothing was changed."));
    assert_eq!((asked.status.code(), library.hashes()), (Some(1), before.clone()));
    let asked = in_a_terminal(&library, &["fix", "--turn", "-90", "--all", root], "\n");
    assert!(
        stdout(&asked).contains("Turn 1 photo by 270° clockwise? [y/N]"),
        "{}",
        text_of(&asked)
    );
    assert_eq!(library.hashes(), before, "yes is not what Enter says");
    let asked = in_a_terminal(&library, &["fix", "--doubtful", root], "y\n");
    assert_eq!(asked.status.code(), Some(0), "{}", text_of(&asked));
    assert_eq!(tag(&coffee).as_deref(), Some("\"Rotate 180\""));
}

#[test]
fn one_bad_file_ends_neither_list_nor_json() {
    let library = Library::new();
    let first = library.add("a.jpg", &needs_with_exif(0, 1));
    let empty = library.add("b.jpg", b"");
    let text = library.add("c.txt", b"no photo");
    let folder = library.root().join("d");
    fs::create_dir(&folder).unwrap();
    let inside = library.add("d/inside.jpg", &needs_with_exif(0, 1));
    let last = library.add("z.jpg", &needs_with_exif(0, 1));
    let gone = library.path("gone.jpg");
    let all = [&first, &empty, &text, &folder, &gone, &last].map(|path| path.to_str().unwrap());

    let turned = library.run([&["fix", "--turn", "-90", "--json"], &all[..]].concat());
    assert_eq!(turned.status.code(), Some(1), "{}", text_of(&turned));
    let lines = json_lines(&turned);
    let told: Vec<(&str, &str, Option<&str>)> = lines
        .iter()
        .map(|line| {
            let word = |key: &str| line[key].as_str();
            (word("path").unwrap(), word("action").unwrap(), word("reason"))
        })
        .collect();
    let expected = [
        (all[0], "tag", None),
        (all[1], "none", Some("empty")),
        (all[2], "none", Some("not_a_photo")),
        (all[3], "none", Some("is_folder")),
        (all[4], "none", Some("vanished")),
        (all[5], "tag", None),
    ];
    assert_eq!(told, expected);
    assert_eq!((&lines[0]["turn"], &lines[0]["new"]), (&270.into(), &8.into()));
    assert_eq!(tag(&last).as_deref(), Some("\"Rotate 270 CW\""));
    assert_eq!(tag(&inside).as_deref(), Some("\"Horizontal (normal)\""));
    assert_eq!(n_labels(&library), 2, "a person said so of two");

    // The same in lines for people, and as proposed.
    let said = library.run([&["fix"], &all[..]].concat());
    assert_eq!(said.status.code(), Some(1));
    let said = stdout(&said);
    assert_eq!(said.lines().filter(|line| line.starts_with("not turned ")).count(), 6, "{said}");
    assert!(said.contains("gone.jpg  there is no such file"), "{said}");
    assert!(said.contains("a.jpg  is turned already"), "{said}");
}

#[test]
fn a_folder_is_turned_by_hand_only_when_confirmed() {
    let library = Library::new();
    let paths = [library.add("a.jpg", &needs_with_exif(0, 1)), library.add("b.jpg", &needs(0))];
    library.add("empty.jpg", b"");
    let root = library.root();
    let root = root.to_str().unwrap();
    let before = library.hashes();
    let unknown = library.run(["fix", "--turn", "90", "--all", "--yes", root]);
    assert!(stdout(&unknown).contains("nothing is known about it"), "{}", text_of(&unknown));
    library.scan(&[]);
    let refused = library.run(["fix", "--turn", "90", root]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).contains("is a folder; --all takes every photo below it"));
    let why = library.fails(1, ["fix", "--turn", "90", "--all", root]);
    assert!(why.contains("Turn 2 photos by 90° clockwise?") && why.contains("--yes"), "{why}");
    assert_eq!(library.hashes(), before);
    // A photo that is named beside its folder is turned once.
    let named = paths[0].to_str().unwrap();
    let said = library.run(["fix", "--turn", "90", "--all", "--yes", root, named]);
    assert_eq!(said.status.code(), Some(1));
    assert!(stdout(&said).contains("Turned 2 photos"), "{}", text_of(&said));
    assert!(stdout(&said).contains("empty.jpg  the file is empty"), "{}", text_of(&said));
    for path in &paths {
        assert_eq!(tag(path).as_deref(), Some("\"Rotate 90 CW\""));
    }
    assert_eq!(n_labels(&library), 2);
}

/// Whoever asks for all that is sure has looked at none of it: a turn that is then put back was the model's mistake.
#[test]
fn what_fix_proposes_is_the_models_word() {
    let library = Library::new();
    let path = library.add("a.jpg", &needs_with_exif(90, 1));
    library.add("b.jpg", &needs(180));
    let path = path.to_str().unwrap();
    library.scan(&[]);
    let before = library.hashes();
    library.ok(["fix", library.root().to_str().unwrap()]);
    let answers = |library: &Library| {
        let status: Value = serde_json::from_str(&library.ok(["status", "--json"])).unwrap();
        let count = |key: &str| status["confidence"][key].as_i64().unwrap();
        (count("answers"), count("wrong"))
    };
    assert_eq!(answers(&library), (0, 0));
    library.ok(["undo", path]);
    assert_eq!(answers(&library), (1, 1));
    // What its owner put back is not turned as proposed.
    let said = library.run(["fix", path]);
    assert_eq!(said.status.code(), Some(1), "{}", text_of(&said));
    assert!(stdout(&said).contains("turned and put back before"), "{}", text_of(&said));
    let put_back = library.hashes()[Path::new(path)].clone();
    assert_eq!(put_back, before[Path::new(path)]);
    library.ok(["fix", "--turn", "90", path]);
    assert_ne!(library.hashes()[Path::new(path)], put_back);
}

/// Single colours, gradients and noise: nothing in them lies on its side.
#[test]
fn pictures_without_content_are_upright() {
    let library = Library::new();
    let picture = |colour: &dyn Fn(usize, usize) -> [u8; 3]| {
        let places = (0..320 * 240).map(|at| (at % 320, at / 320));
        let pixels = places.flat_map(|(x, y)| colour(x, y)).collect();
        jpeg_of(&Rgb8 { width: 320, height: 240, pixels })
    };
    let noise = |x: usize, y: usize| ((x * 31 + y * 17) * 7919 % 13) as u8;
    library.add("white.jpg", &picture(&|_, _| [255; 3]));
    library.add("sand.jpg", &picture(&|_, _| [200, 180, 140]));
    library.add("nearly.jpg", &picture(&|x, y| [120 + noise(x, y), 120, 120 + noise(y, x)]));
    // Like a sky that lies on its side.
    library.add("aside.jpg", &picture(&|x, _| [(x * 4 / 5) as u8; 3]));
    library.add("below.jpg", &picture(&|_, y| [(240 - y) as u8, 90, y as u8]));
    let before = library.hashes();
    let scanned = library.scan(&["--fix"]);
    for (name, photo) in &scanned.photos {
        assert_eq!((&photo["verdict"], &photo["turn"]), (&"upright".into(), &0.into()), "{name}");
    }
    assert_eq!(scanned.photos.len(), 5);
    let root = library.root();
    library.ok(["fix", "--doubtful", "--yes", root.to_str().unwrap()]);
    assert_eq!(library.hashes(), before);
}
