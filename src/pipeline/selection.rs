//! Which folders a walk enters, and which files it looks at: names, marker files, ignore files and the
//! settings' globs.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use orientd_core::format::passed_over::{self, PassedOver};
use walkdir::DirEntry;

/// Files in gitignore's syntax that say what is not looked at, in their folder and below. The second
/// is PhotoPrism's.
const IGNORE_FILES: [&str; 2] = [".orientdignore", ".ppignore"];

/// What orientd itself is writing.
const OWN_PREFIX: &[u8] = b".orientd-";

/// The first bytes of a `CACHEDIR.TAG` that means it.
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Folders that Immich fills by itself, beside `upload` or below it.
const IMMICH: [&str; 3] = ["thumbs", "encoded-video", "profile"];

/// What is wanted, for a whole run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The settings' globs, for absolute paths.
    pub globs: GlobSet,
    /// Look at everything: hidden files, other programs' stores, what ignore files and settings name.
    pub everything: bool,
    /// Log what is passed over with -v; a daemon would repeat it at every sweep.
    pub is_told: bool,
}

impl Selection {
    /// What a daemon looks at, which tells nobody what it passes over.
    pub fn of_daemon(globs: GlobSet) -> Self {
        Self { globs, everything: false, is_told: false }
    }
}

/// Judges the entries of one walk. Remembers the ignore files that it has read.
pub struct Selector<'a> {
    selection: &'a Selection,
    ignore_files: HashMap<PathBuf, Gitignore>,
}

impl<'a> Selector<'a> {
    pub fn new(selection: &'a Selection) -> Self {
        Self { selection, ignore_files: HashMap::new() }
    }

    /// Would a walk enter this folder, or look at this file? `path` is absolute, and the folders above it are
    /// wanted.
    pub fn wants(&mut self, path: &Path, is_dir: bool) -> bool {
        let Some(why) = self.passed_over(path, is_dir) else { return true };
        let is_common = matches!(why, PassedOver::Hidden | PassedOver::NoPicture);
        if self.selection.is_told && !is_common {
            tracing::info!(path = %path.display(), reason = why.reason(), "passed over");
        } else {
            tracing::debug!(path = %path.display(), reason = why.reason(), "passed over");
        }
        false
    }

    /// Would a walk go on with this entry? What it begins with is wanted whatever its name.
    pub fn wants_entry(&mut self, entry: &DirEntry) -> bool {
        entry.depth() == 0 || self.wants(entry.path(), entry.file_type().is_dir())
    }

    /// Would a walk from `root` meet `path`?
    pub fn wants_below(&mut self, root: &Path, path: &Path, is_dir: bool) -> bool {
        let Ok(below) = path.strip_prefix(root) else { return false };
        let mut so_far = root.to_owned();
        let n = below.components().count();
        below.components().enumerate().all(|(at, part)| {
            so_far.push(part);
            self.wants(&so_far, is_dir || at + 1 < n)
        })
    }

    fn passed_over(&mut self, path: &Path, is_dir: bool) -> Option<PassedOver> {
        let name = path.file_name()?.as_bytes();
        if name.starts_with(OWN_PREFIX) {
            return Some(PassedOver::Unfinished);
        }
        if self.selection.everything {
            return None;
        }
        let by_name = if is_dir { passed_over::folder(name) } else { passed_over::file(name) };
        if by_name.is_some() {
            return by_name;
        }
        if self.selection.globs.is_match(path) {
            return Some(PassedOver::Settings);
        }
        if self.is_ignored(path, is_dir) {
            return Some(PassedOver::IgnoreFile);
        }
        if is_dir { by_content(path) } else { None }
    }

    /// As git judges: the nearest folder whose file says anything about `path` decides.
    fn is_ignored(&mut self, path: &Path, is_dir: bool) -> bool {
        for folder in path.ancestors().skip(1) {
            if !self.ignore_files.contains_key(folder) {
                self.ignore_files.insert(folder.to_owned(), read_ignore_files(folder));
            }
            let Some(rules) = self.ignore_files.get(folder) else { continue };
            match rules.matched(path, is_dir) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

/// What the ignore files of one folder say. A line that cannot be read costs only itself.
fn read_ignore_files(folder: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    let mut found = false;
    for name in IGNORE_FILES {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        found = true;
        if let Some(err) = builder.add(&path) {
            tracing::warn!(path = %path.display(), "{err}");
        }
    }
    if !found {
        return Gitignore::empty();
    }
    builder.build().unwrap_or_else(|err| {
        tracing::warn!(path = %folder.display(), "{err}");
        Gitignore::empty()
    })
}

/// Why a folder is passed over for what lies in it or beside it.
fn by_content(folder: &Path) -> Option<PassedOver> {
    if folder.join(".nomedia").exists() {
        return Some(PassedOver::NoMedia);
    }
    if is_cache(folder) {
        return Some(PassedOver::Cache);
    }
    let name = folder.file_name()?.to_str()?;
    let parent = folder.parent()?;
    let is_store = match name {
        _ if IMMICH.contains(&name) => {
            is_named(parent, "upload")
                || parent.join("upload").is_dir()
                || folder.join(".immich").exists()
        }
        "sidecar" | "cache" => {
            is_named(parent, "storage")
                || is_named(parent, "photoprism")
                || (parent.join("sidecar").is_dir() && parent.join("cache").is_dir())
        }
        _ => false,
    };
    is_store.then_some(PassedOver::OtherProgram)
}

fn is_named(folder: &Path, name: &str) -> bool {
    folder.file_name().is_some_and(|its| its == name)
}

fn is_cache(folder: &Path) -> bool {
    let mut head = [0; CACHE_SIGNATURE.len()];
    let path = folder.join("CACHEDIR.TAG");
    // A pipe of that name must not be waited for.
    fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file())
        && File::open(&path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && head == *CACHE_SIGNATURE
}
