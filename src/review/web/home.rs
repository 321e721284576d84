//! Folders as people say them: `~` for their own.

use std::path::{Path, PathBuf};

/// `None` if the person has none.
pub(super) fn home() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())
}

/// `folder` with `home` as `~`.
pub(super) fn shortened(folder: &Path, home: Option<&Path>) -> PathBuf {
    match home.and_then(|home| folder.strip_prefix(home).ok()) {
        Some(below) => Path::new("~").join(below),
        None => folder.to_owned(),
    }
}

/// What was typed to search for, `~` as `home`.
pub(super) fn in_full(text: &str, home: Option<&Path>) -> String {
    let below = text.strip_prefix('~').filter(|below| below.is_empty() || below.starts_with('/'));
    match (below, home) {
        (Some(below), Some(home)) => format!("{}{below}", home.to_string_lossy()),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn home_is_a_tilde_and_back() {
        let home = Some(Path::new("/home/ada"));
        for (folder, short) in [
            ("/home/ada/Pictures/2019", "~/Pictures/2019"),
            ("/home/ada",               "~/"),
            ("/home/adam/Pictures",     "/home/adam/Pictures"),
            ("/media/scans",            "/media/scans"),
        ] {
            assert_eq!(shortened(Path::new(folder), home), Path::new(short), "{folder}");
            assert_eq!(Path::new(&in_full(short, home)), Path::new(folder), "{short}");
        }
        assert_eq!(shortened(Path::new("/a"), None), Path::new("/a"));
        for (typed, full) in [("2019", "2019"), ("~tmp", "~tmp"), ("a~/b", "a~/b")] {
            assert_eq!(in_full(typed, home), full);
        }
        assert_eq!(in_full("~/a", None), "~/a");
    }
}
