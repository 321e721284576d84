//! Who may use whom. A newcomer changes the tables here, or better the import.
//!
//! `cargo nextest run -E 'test(architecture)' --no-capture` prints the figures.

mod checks;
mod circles;
mod modules;
mod names;
mod rooms;

use std::path::Path;

use modules::{Import, Tree};
use rooms::Table;

/// The crates of the workspace, as they name each other.
const CRATES: [&str; 2] = ["orientd", "orientd_train"];

#[rustfmt::skip]
const ORIENTD: Table = Table {
    crate_name: "orientd",
    folder: "src",
    rooms: &[
        ("rules",     &[]),
        ("identity",  &[]),
        ("frames",    &[]),
        ("pulse",     &[]),
        ("error",     &["rules"]),
        ("store",     &["error", "identity", "rules"]),
        ("originals", &["error", "store"]),
        ("engine",    &["frames", "rules", "store"]),
        ("report",    &["error", "rules", "store"]),
        ("journal",   &["error", "identity", "originals", "rules", "store"]),
        ("stages",    &["engine", "error", "frames", "identity", "journal", "originals", "pulse", "report", "rules", "store"]),
        ("answer",    &["error", "journal", "rules", "stages", "store"]),
        ("pipeline",  &["engine", "stages", "store"]),
        ("config",    &["engine", "rules", "stages", "store"]),
        ("output",    &["report", "rules", "stages", "store"]),
        ("daemon",    &["config", "engine", "identity", "journal", "pipeline", "pulse", "report", "rules", "stages", "store"]),
        ("review",    &["answer", "error", "journal", "output", "pulse", "rules", "stages", "store"]),
        ("cli",       &["engine", "review", "rules"]),
        ("commands",  &["answer", "cli", "config", "daemon", "engine", "error", "journal", "originals", "output", "pipeline", "pulse", "report", "review", "rules", "stages", "store"]),
        ("main",      &["cli", "commands", "engine", "stages"]),
    ],
    climbing: &[
        ("store",   "stages", "the path of a sidecar is worked out from a path alone: it belongs below"),
        ("report",  "stages", "the recording stage makes reports, and reports show what it prepared"),
        ("journal", "stages", "the journal writes photos by the fixing stage, which belongs beside it"),
    ],
    circles: &[
        (&["daemon/keeper.rs", "daemon/keeper/places.rs", "daemon/keeper/telling.rs", "daemon/watch.rs"],
            "the watch takes the keeper's message only to wake it: a closure would do"),
        (&["engine/host.rs", "engine/session.rs"],
            "a session may be the host's other end: an enum above both would hold either"),
        (&["rules/patch.rs", "rules/patch/jpeg.rs", "rules/xmp.rs"],
            "the refusals stand with the dispatcher: in a file of their own they are below both"),
    ],
};

#[rustfmt::skip]
const TRAIN: Table = Table {
    crate_name: "orientd_train",
    folder: "train/src",
    rooms: &[
        ("files",       &[]),
        ("progress",    &[]),
        ("net",         &[]),
        ("augment",     &["orientd::rules"]),
        ("config",      &["augment", "net"]),
        ("data",        &["augment", "config", "files", "progress", "orientd::rules", "orientd::stages"]),
        ("weights",     &["net"]),
        ("report",      &["data", "files", "orientd::rules"]),
        ("tensorboard", &["report", "orientd::rules"]),
        ("fit",         &["augment", "config", "data", "files", "net", "progress", "report", "tensorboard", "weights", "orientd::rules"]),
        ("eval",        &["augment", "config", "data", "fit", "net", "progress", "orientd::rules"]),
        ("calibrate",   &["config", "data", "eval", "orientd::rules"]),
        ("export",      &["calibrate", "config", "data", "eval", "fit", "net", "orientd::engine", "orientd::rules"]),
        ("gate",        &["eval"]),
        ("cli",         &[]),
        ("commands",    &["augment", "calibrate", "cli", "config", "data", "eval", "export", "files", "fit", "gate", "net", "report"]),
        ("main",        &["cli", "commands", "orientd::engine"]),
    ],
    climbing: &[
        ("augment", "config", "tests take the defaults from the config"),
        ("augment", "data",   "JPEG coding belongs below both"),
        ("augment", "report", "the sheet of examples is drawn on the report's canvas"),
        ("weights", "export", "the ONNX messages are read and written: they belong below both"),
        ("report",  "eval",   "the page takes the evaluation's own types"),
        ("fit",     "eval",   "a run's claim holds the evaluation's settings"),
        ("eval",    "export", "the evaluation looks through the exported session, too"),
    ],
    circles: &[
        (&["net/arch.rs", "net/efficientnet.rs", "net/resnet.rs"],
            "the description of layers stands with the list of networks: apart it is below them"),
    ],
};

const TABLES: [Table; 2] = [ORIENTD, TRAIN];

/// A crate as it is read.
struct Read {
    tree: Tree,
    imports: Vec<Import>,
}

fn read(table: &Table) -> Read {
    let tree = Tree::read(table.crate_name, Path::new(table.folder));
    let imports = tree.imports(&CRATES);
    Read { tree, imports }
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for table in TABLES {
        let Read { tree, imports } = read(&table);
        let ties = rooms::ties(&tree, &imports);
        let n_climbing = ties.iter().filter(|tie| table.is_known_to_climb(tie)).count();
        println!(
            "{}: {} files, {} imports from room to room, {n_climbing} of them climb, between {} pairs",
            table.crate_name,
            tree.n_files(),
            ties.len(),
            table.climbing.len()
        );
        wrong.extend(table.forbidden(&ties));
        wrong.extend(table.untrue_rows(&tree, &ties));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for table in TABLES {
        let Read { tree, imports } = read(&table);
        let found = circles::find(&tree, &imports);
        println!("{}: {} circles of files", table.crate_name, found.len());
        wrong.extend(table.untrue_circles(&found));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_crate_has_a_table() {
    let manifest: toml::Table = std::fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members {
        let folder = Path::new(member.as_str().unwrap()).join("src");
        let folder = folder.strip_prefix(".").unwrap_or(&folder);
        assert!(TABLES.iter().any(|table| Path::new(table.folder) == folder), "{folder:?}");
    }
    assert_eq!(CRATES, TABLES.map(|table| table.crate_name));
}
