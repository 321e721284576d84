//! The checks themselves, on small crates made for the purpose.

use std::fs;

use tempfile::TempDir;

use super::modules::{Import, Tree};
use super::rooms::Table;
use super::{circles, rooms};

const TABLE: Table = Table {
    crate_name: "small",
    folder: "",
    rooms: &[("low", &[]), ("high", &["low"])],
    climbing: &[],
    circles: &[],
};

/// A crate of these files. The folder goes when the first part does.
fn read(files: &[(&str, &str)]) -> (TempDir, Tree, Vec<Import>) {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let tree = Tree::read("small", folder.path());
    let imports = tree.imports(&["small", "other"]);
    (folder, tree, imports)
}

/// What the table has against `low.rs` with this text.
fn forbidden(low: &str) -> Vec<String> {
    let files = [("lib.rs", "mod low; mod high;"), ("low.rs", low), ("high.rs", "")];
    let (folder, tree, imports) = read(&files);
    let lines = TABLE.forbidden(&rooms::ties(&tree, &imports));
    let folder = format!("{}/", folder.path().display());
    lines.iter().map(|line| line.replace(&folder, "")).collect()
}

#[test]
#[rustfmt::skip]
fn every_way_to_name_a_module_is_seen() {
    for (name, text) in [
        ("use",             "\nuse crate::high::X;"),
        ("use of the room", "\nuse crate::high;"),
        ("all of it",       "\nuse crate::high::*;"),
        ("a group",         "use crate::{low::Y,\nhigh::{X, Z}};"),
        ("renamed",         "\nuse crate::high as above;"),
        ("handed on",       "\npub use crate::high::X;"),
        ("super",           "\nuse super::high::X;"),
        ("super twice",     "mod tests {\nuse super::super::high::X; }"),
        ("self and super",  "mod tests {\nuse self::super::super::high::X; }"),
        ("in a function",   "fn f() {\nuse crate::high::X; }"),
        ("a call",          "fn f() {\ncrate::high::f(); }"),
        ("a type",          "struct S { x:\nVec<crate::high::X> }"),
        ("a bound",         "fn f<T:\ncrate::high::X>() {}"),
        ("a pattern",       "fn f() { match 1 {\ncrate::high::N => {} _ => {} } }"),
        ("a macro's words", "fn f() { println!(\"{}\",\ncrate::high::N); }"),
        ("in brackets",     "fn f() { vec![(1,\nsuper::high::N)]; }"),
        ("a macro",         "fn f() {\ncrate::high::m!(); }"),
        ("an attribute",    "#[command(name =\ncrate::high::NAME)] struct S;"),
        ("in a test",       "#[cfg(test)] mod tests {\nuse crate::high::X; }"),
    ] {
        let seen: Vec<_> = forbidden(text);
        assert!(!seen.is_empty(), "{name}");
        assert!(seen.iter().all(|line| line == "low.rs:2: low may not use high"), "{name}: {seen:?}");
    }
}

#[test]
#[rustfmt::skip]
fn other_names_are_let_be() {
    for (name, text) in [
        ("its own",           "use self::inner::X; mod inner { pub struct X; } use crate::low::Y;"),
        ("std",               "use std::high::X;"),
        ("another crate",     "use ::high::X;"),
        ("visibility",        "pub(in crate::low) fn f() {} pub(super) fn g() {}"),
        ("a word in a text",  "const S: &str = \"crate::high::X\"; // crate::high"),
        ("a variable",        "fn f(high: u8) -> u8 { high }"),
    ] {
        assert_eq!(forbidden(text), [""; 0], "{name}");
    }
}

#[test]
fn a_module_of_another_crate_needs_its_rank() {
    let lines = forbidden("use other::store::Store;");
    assert_eq!(lines, ["low.rs:1: low may not use other::store"]);
    let files = [("lib.rs", "mod low;"), ("low.rs", "use other::store::Store;")];
    let (_folder, tree, imports) = read(&files);
    let by_room = Table { rooms: &[("low", &["other::store"])], ..TABLE };
    let by_crate = Table { rooms: &[("low", &["other::*"])], ..TABLE };
    for table in [by_room, by_crate] {
        assert_eq!(table.forbidden(&rooms::ties(&tree, &imports)), [""; 0], "{:?}", table.rooms);
    }
}

#[test]
fn an_untrue_table_is_refused() {
    let files = [("lib.rs", "mod low; mod extra;"), ("low.rs", ""), ("extra.rs", "")];
    let (_folder, tree, imports) = read(&files);
    let table = Table {
        rooms: &[("low", &["high"]), ("high", &["low"])],
        climbing: &[("low", "extra", "")],
        ..TABLE
    };
    let expected = [
        "extra has no row",
        "there is no room high",
        "low's row lets it climb to high",
        "low climbs to extra no more: take the line out",
    ];
    assert_eq!(table.untrue_rows(&tree, &rooms::ties(&tree, &imports)), expected);
}

/// The circles of a crate with one room, whose `mod.rs` has this text.
fn circles_of(parent: &str, a: &str, b: &str) -> Vec<Vec<String>> {
    let files =
        [("lib.rs", "mod room;"), ("room/mod.rs", parent), ("room/a.rs", a), ("room/b.rs", b)];
    let (folder, tree, imports) = read(&files);
    let folder = format!("{}/room/", folder.path().display());
    let found = circles::find(&tree, &imports);
    found
        .iter()
        .map(|circle| circle.ties.iter().map(|tie| tie.replace(&folder, "")).collect())
        .collect()
}

#[test]
fn a_circle_of_files_is_found() {
    let a = "use super::b::B; pub struct A;";
    let b = "\nuse crate::room::a::A; pub struct B;";
    let circle = ["a.rs:1 uses b.rs", "b.rs:2 uses a.rs"];
    assert_eq!(circles_of("mod a; mod b;", a, b), [circle]);
    // A name that mod.rs hands on belongs to the file that has it.
    let through_parent = "\nuse super::A; pub struct B;";
    assert_eq!(circles_of("mod a; mod b; pub use a::A;", a, through_parent), [circle]);
}

#[test]
fn a_module_and_its_parts_are_no_circle() {
    let parent = "mod a; mod b; pub struct Whole; pub use a::A; fn f() { b::f() }";
    let none: [Vec<String>; 0] = [];
    assert_eq!(circles_of(parent, "use super::Whole; pub struct A;", "use super::A;"), none);
    let only_a_test = "#[cfg(test)] mod tests { use super::super::b::B; }";
    assert_eq!(circles_of("mod a; mod b;", only_a_test, "use super::a::A;"), none);
}
