//! Folders of upright photos: what is in them, and which source each photo belongs to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use orientd_core::orientation::{Orientation, Turn};
use walkdir::WalkDir;

use super::cache::Origin;

/// A photo to be cached.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub path: PathBuf,
    pub source: String,
    pub origin: Origin,
    pub weight: f32,
    /// How the photo is displayed where a sidecar may say so; `None`: as its own file says.
    pub stored: Option<Orientation>,
    /// Makes the displayed photo upright.
    pub turn: Turn,
}

const EXTENSIONS: &[&str] = &["jpg", "jpeg", "jpe", "png", "webp", "tif", "tiff", "bmp", "gif"];

/// The column of a manifest that names files, and the one that names sources.
const MANIFEST_COLUMNS: [&str; 2] = ["file", "source"];

/// Every photo below `folder`. Its source is what `manifest.csv` (in `folder` or beside it) says where
/// it has the columns `file` and `source`, else the name of the first folder below `folder`, else of
/// `folder` itself.
///
/// # Errors
/// Returns an error if the folder or the manifest cannot be read.
pub fn photos_in(folder: &Path) -> Result<Vec<Item>> {
    // As in the database, so that a photo has one name.
    let folder = &folder
        .canonicalize()
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let manifest = [folder.join("manifest.csv"), folder.join("../manifest.csv")];
    let sources = match manifest.iter().find(|path| path.is_file()) {
        Some(path) => {
            read_manifest(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => BTreeMap::new(),
    };
    let mut items = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if !entry.file_type().is_file() || !is_photo(entry.path()) {
            continue;
        }
        let path = entry.into_path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let source = name
            .and_then(|name| sources.get(&name).cloned())
            .unwrap_or_else(|| source_by_folder(folder, &path));
        items.push(Item {
            path,
            source,
            origin: Origin::Folder,
            weight: 1.0,
            stored: None,
            turn: Turn::NONE,
        });
    }
    Ok(items)
}

fn is_photo(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.to_lowercase().as_str()))
}

fn source_by_folder(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let name = match below.parent().and_then(|parent| parent.components().next()) {
        Some(first) => first.as_os_str().to_owned(),
        None => folder.file_name().unwrap_or(folder.as_os_str()).to_owned(),
    };
    name.to_string_lossy().into_owned()
}

fn read_manifest(path: &Path) -> Result<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let (file, source) = match MANIFEST_COLUMNS.map(column) {
        [Some(file), Some(source)] => (file, source),
        [None, None] => return Ok(BTreeMap::new()), // somebody else's manifest
        _ => bail!("it has only one of the columns {}", MANIFEST_COLUMNS.join(" and ")),
    };
    let mut sources = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        ensure!(!cell(file).is_empty(), "a row without a file name");
        sources.insert(cell(file), cell(source));
    }
    Ok(sources)
}
