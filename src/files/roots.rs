//! Sets of folders: which lie below another, and which one a path belongs to.

use std::path::{Path, PathBuf};

/// `paths` in order, without doubles and without those at or below another.
pub fn without_nested(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = paths.into_iter().collect();
    // By components, a path comes right after its folder's others; by bytes, "/a.x" would part them.
    paths.sort();
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !kept.last().is_some_and(|last| path.starts_with(last)) {
            kept.push(path);
        }
    }
    kept
}

/// A value for a folder and everything below it. The innermost folder decides.
#[derive(Clone, Debug)]
pub struct ByFolder<T> {
    /// Longest path first.
    entries: Vec<(PathBuf, T)>,
}

impl<T> ByFolder<T> {
    /// `entries` in any order.
    pub fn new(mut entries: Vec<(PathBuf, T)>) -> Self {
        entries.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.components().count()));
        Self { entries }
    }

    /// The value of the innermost folder around `path`; `None` outside of all folders.
    pub fn get(&self, path: &Path) -> Option<&T> {
        let innermost = self.entries.iter().find(|(folder, _)| path.starts_with(folder));
        innermost.map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_what_is_below_it() {
        let paths = ["/b/c", "/a/b.jpg", "/a", "/ab", "/a.x", "/a/c/d.jpg", "/a"];
        let kept = without_nested(paths.map(PathBuf::from));
        assert_eq!(kept, ["/a", "/a.x", "/ab", "/b/c"].map(PathBuf::from));
    }

    #[test]
    fn the_innermost_folder_decides() {
        let folder =
            ByFolder::new(vec![("/a".into(), 1), ("/a/b/c".into(), 3), ("/a/b".into(), 2)]);
        for (path, expected) in
            [("/a/x", Some(1)), ("/a/b/x", Some(2)), ("/a/b/c/x", Some(3)), ("/ab", None)]
        {
            assert_eq!(folder.get(Path::new(path)).copied(), expected, "{path}");
        }
    }
}
