//! The undo store: originals of rewritten photos, in `originals/` beside the database, each named by
//! its hash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::FixError;
use crate::files::identity::ContentHash;
use crate::files::write_whole::{Durability, write_whole};
use crate::store::{RetentionPolicy, Store};

/// Where the original with this hash is kept: in a folder named by the first byte of the hash.
pub fn path_of(store: &Store, hash: &ContentHash) -> PathBuf {
    let name = hash.to_hex();
    folder_of(store.path()).join(&name[..2]).join(&name)
}

/// Where the originals of this database are kept.
pub fn folder_of(db: &Path) -> PathBuf {
    db.parent().unwrap_or(Path::new(".")).join("originals")
}

/// Is everything in the folder of this store? A database may lie beside a folder of that name that is somebody's
/// own.
pub fn is_own(folder: &Path) -> bool {
    let is_of_store = |name: &str| {
        name.len() == 2 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.all(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_of_store))
        })
    })
}

/// Stores `bytes`, whose hash is `hash`, durably. Drops the originals that are then too many or too old.
///
/// # Errors
/// Returns an error if it cannot be written; then the photo must not be either.
pub fn keep(
    store: &mut Store,
    retention: RetentionPolicy,
    hash: &ContentHash,
    bytes: &[u8],
) -> Result<()> {
    // This original may be stored already and be among those to drop; it is then noted and written again.
    prune(store, retention, bytes.len() as u64)?;
    store.note_original(hash, bytes.len() as u64)?;
    let path = path_of(store, hash);
    write(&path, bytes).with_context(|| format!("cannot keep the original in {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    write_whole(path, bytes, 0o600, Durability::PowerLoss)
}

/// Drops the oldest originals until `extra` more bytes fit the budget, and those that are too old.
///
/// # Errors
/// Returns an error if the database or the files cannot be changed.
pub fn prune(store: &mut Store, retention: RetentionPolicy, extra: u64) -> Result<()> {
    for hash in store.originals_to_drop(retention, extra)? {
        let path = path_of(store, &hash);
        match fs::remove_file(&path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                return Err(err).with_context(|| format!("cannot drop {}", path.display()));
            }
            _ => store.forget_original(&hash)?,
        }
    }
    Ok(())
}

/// The kept bytes.
///
/// # Errors
/// Returns an error if they were dropped, or no longer have this hash.
pub fn load(store: &Store, hash: &ContentHash) -> Result<Vec<u8>, FixError> {
    let bytes = match fs::read(path_of(store, hash)) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(FixError::OriginalDropped),
        other => other.map_err(|cause| FixError::Io { doing: "read the original", cause })?,
    };
    if ContentHash::of(&bytes) == *hash { Ok(bytes) } else { Err(FixError::OriginalDamaged) }
}
