//! What people and programs read, whole: a change of a word or a key shows as a change of a file in
//! `snapshots/`. After a wanted one: `INSTA_UPDATE=always cargo nextest run -E 'test(snapshots::)'`.

use clap::CommandFactory;
use insta::{Settings, assert_snapshot};

use crate::harness::{Library, needs, needs_with_exif};

/// Of a command and of those below it, a title each.
fn helps(library: &Library, path: &[&str], command: &clap::Command) -> String {
    let mut line = path.to_vec();
    line.push("--help");
    let mut text = format!("$ orientd {}\n\n{}", line.join(" "), library.ok(&line));
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    for below in shown.filter(|below| below.get_name() != "help") {
        text += "\n";
        text += &helps(library, &[path, &[below.get_name()]].concat(), below);
    }
    text
}

#[test]
fn help_of_every_command() {
    let library = Library::new();
    let root = orientd::cli::Cli::command();
    assert_snapshot!("help", library.ok(["--help"]));
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert_snapshot!(format!("help-{name}"), helps(&library, &[name], command));
    }
}

/// One of each verdict, and one that is no photo.
fn mixed() -> Library {
    let library = Library::new();
    library.add("a-wrong.jpg", &needs(90));
    library.add("b-stale.jpg", &needs_with_exif(0, 6));
    library.add("c-upright.jpg", &needs(0));
    library.add("d-broken.jpg", b"not a photo");
    library.add("e-short.jpg", &needs(180)[..2000]);
    library
}

/// With folders by name, and photos in the order of the alphabet: they come as they get ready.
fn settled(library: &Library, text: &str) -> String {
    let text = text.replace(library.root().to_str().unwrap(), "[photos]");
    let text = text.replace(library.home().to_str().unwrap(), "[home]");
    let of_photos = |line: &&str| line.contains("[photos]/");
    let mut photos: Vec<&str> = text.lines().filter(of_photos).collect();
    photos.sort_unstable();
    photos.extend(text.lines().filter(|line| !of_photos(line)));
    photos.join("\n")
}

/// Without what differs from machine to machine and from run to run: shares and times.
fn check(name: &str, library: &Library, args: &[&str]) {
    let text = settled(library, &library.ok(args));
    let mut settings = Settings::clone_current();
    settings.add_filter(r"\d+(\.\d+)?e-\d+|\d+\.\d+", "[number]");
    settings.add_filter(r" +\d+ %", " [number] %");
    settings.bind(|| assert_snapshot!(name, text));
}

#[test]
fn json_of_scan_list_undo_and_status() {
    let library = mixed();
    let root = library.root();
    let root = root.to_str().unwrap();
    check("scan-json", &library, &["scan", "--json", root]);
    check("scan-again-json", &library, &["scan", "--json", root]);
    check("scan-fix-json", &library, &["scan", "--fix", "--json", root]);
    check("list-json", &library, &["list", "--json"]);
    check("status-json", &library, &["status", "--json"]);
    check("undo-json", &library, &["undo", "--last", "--json"]);
}

#[test]
fn summaries_for_people() {
    let library = mixed();
    let root = library.root();
    let root = root.to_str().unwrap();
    check("status-nothing", &library, &["status"]);
    check("scan", &library, &["scan", root]);
    check("scan-dry-run", &library, &["scan", "--fix", "--dry-run", root]);
    check("scan-fix", &library, &["scan", "--fix", root]);
    check("list", &library, &["list"]);
    check("status", &library, &["status"]);
    check("undo", &library, &["undo", "--last"]);
    check("undo-nothing", &library, &["undo", "--last"]);
}
