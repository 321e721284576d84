//! `rules` has no I/O, threads, clocks or database; a newcomer need not take that on trust.

use std::fs;
use std::path::Path;

#[test]
fn the_rules_import_nothing_that_acts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut n_files = 0;
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap());
    let is_test = |path: &Path| path.to_string_lossy().ends_with("_tests.rs");
    for entry in entries.filter(|entry| entry.file_type().is_file() && !is_test(entry.path())) {
        let path = entry.path();
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in [
            "std::fs",
            "std::io",
            "std::thread",
            "std::time",
            "std::process",
            "std::env",
            "rusqlite",
            "tokio",
            "crate::store",
            "crate::stages",
            "crate::engine",
        ] {
            assert!(!code.contains(word), "{} uses {word}", path.display());
        }
        n_files += 1;
    }
    assert!(n_files > 14);
}
