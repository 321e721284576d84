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
const CRATES: [&str; 3] = ["orientd", "orientd_core", "orientd_train"];

#[rustfmt::skip]
const CORE: Table = Table {
    crate_name: "orientd_core",
    folder: "core/src",
    rooms: &[
        ("orientation", &[]),
        ("image",       &["orientation"]),
        ("format",      &["orientation"]),
        ("verdict",     &["image", "orientation"]),
        ("model_spec",  &["image", "verdict"]),
        ("edit",        &["format", "orientation"]),
    ],
    climbing: &[],
    circles: &[],
};

#[rustfmt::skip]
const ORIENTD: Table = Table {
    crate_name: "orientd",
    folder: "src",
    rooms: &[
        ("ipc",       &[]),
        ("heartbeat", &[]),
        ("stop",      &[]),
        ("signals",   &["heartbeat", "stop"]),
        ("files",     &["orientd_core::*"]),
        ("error",     &["orientd_core::*"]),
        ("store",     &["error", "files", "orientd_core::*"]),
        // A turned HEIF file is decoded before it is written; otherwise none of the three knows another.
        ("decode",    &["error", "files", "ipc", "signals", "orientd_core::*"]),
        ("change",    &["decode", "error", "files", "store", "orientd_core::*"]),
        ("engine",    &["files", "ipc", "orientd_core::*"]),
        ("pipeline",  &["change", "decode", "engine", "error", "files", "signals", "store", "orientd_core::*"]),
        ("config",    &["decode", "engine", "store", "orientd_core::*"]),
        ("output",    &["error", "pipeline", "store", "orientd_core::*"]),
        ("daemon",    &["change", "config", "engine", "error", "files", "pipeline", "signals", "store", "orientd_core::*"]),
        ("review",    &["change", "decode", "error", "files", "output", "pipeline", "signals", "store", "orientd_core::*"]),
        ("cli",       &["engine", "review", "store", "orientd_core::*"]),
        ("context",   &["change", "cli", "config", "engine", "files", "pipeline", "store", "orientd_core::*"]),
        ("commands",  &["change", "cli", "config", "context", "daemon", "decode", "engine", "error", "files", "output", "pipeline", "review", "signals", "stop", "store", "orientd_core::*"]),
        ("main",      &["cli", "commands", "engine", "pipeline"]),
    ],
    climbing: &[],
    circles: &[],
};

#[rustfmt::skip]
const TRAIN: Table = Table {
    crate_name: "orientd_train",
    folder: "train/src",
    rooms: &[
        ("files",       &["orientd::files"]),
        ("progress",    &[]),
        ("jpeg",        &["orientd_core::*"]),
        ("drawing",     &["files", "orientd_core::*"]),
        ("onnx",        &["orientd::engine", "orientd_core::*"]),
        ("net",         &[]),
        ("augment",     &["drawing", "jpeg", "orientd_core::*"]),
        ("config",      &["augment", "net"]),
        ("data",        &["augment", "config", "files", "jpeg", "progress", "orientd::files", "orientd::store", "orientd_core::*"]),
        ("weights",     &["net", "onnx"]),
        ("metrics",     &["orientd_core::*"]),
        ("calibrate",   &["config", "data", "metrics", "orientd_core::*"]),
        ("tensorboard", &["drawing", "orientd_core::*"]),
        ("fit",         &["augment", "calibrate", "config", "data", "drawing", "files", "net", "progress", "tensorboard", "weights", "orientd_core::*"]),
        ("eval",        &["augment", "calibrate", "config", "data", "fit", "jpeg", "metrics", "net", "onnx", "progress", "orientd_core::*"]),
        ("report",      &["data", "drawing", "eval", "orientd_core::*"]),
        ("export",      &["calibrate", "config", "data", "eval", "fit", "metrics", "net", "onnx", "weights", "orientd_core::*"]),
        ("gate",        &["eval"]),
        ("cli",         &[]),
        ("commands",    &["augment", "calibrate", "cli", "config", "data", "drawing", "eval", "export", "files", "fit", "gate", "net", "onnx", "report"]),
        ("main",        &["cli", "commands", "orientd::engine"]),
    ],
    climbing: &[],
    circles: &[],
};

const TABLES: [Table; 3] = [ORIENTD, CORE, TRAIN];

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
fn modules_use_only_what_the_table_allows() {
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
