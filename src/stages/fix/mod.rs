//! Performs a planned patch on one file, or leaves it exactly as it was.
//!
//! A single byte is overwritten in place; anything longer goes through a new file beside the old
//! one. Nothing here decides what to change, and nothing is written that is not in the journal.

mod carry;
mod checks;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, RenameFlags};

use crate::error::FixError;
use crate::identity::Identity;
use crate::rules::patch::{Edit, Patch};
use crate::store::Hash;

/// A patch checked against the file as it is now, ready for the journal and then for the disk.
pub struct Prepared {
    pub path: PathBuf,
    pub identity: Identity,
    pub hash_before: Hash,
    pub hash_after: Hash,
    pub patch: Patch,
    new_bytes: Vec<u8>,
}

/// What the file must still be for a plan to hold.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `None`: any identity will do, the content alone counts.
    pub identity: Option<&'a Identity>,
    /// `None`: whatever the content is now.
    pub hash: Option<&'a Hash>,
}

/// Reads the file, compares it with what is expected, checks that it may be written, and plans.
/// Writes nothing, so a dry run ends here.
///
/// # Errors
/// The first reason found not to write this file.
pub fn prepare(
    path: &Path,
    expected: Expected<'_>,
    plan: impl FnOnce(&[u8]) -> Result<Patch, FixError>,
) -> Result<Prepared, FixError> {
    let mut file = checks::open(path, OFlags::RDONLY)?;
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    let identity = Identity::from(&metadata);
    if expected.identity.is_some_and(|expected| *expected != identity) {
        return Err(FixError::Changed);
    }
    checks::may_be_written(path, &metadata)?;
    let mut bytes = Vec::with_capacity(usize::try_from(identity.size).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(FixError::io("read the file"))?;
    let hash_before = *blake3::hash(&bytes).as_bytes();
    if expected.hash.is_some_and(|expected| *expected != hash_before) {
        return Err(FixError::Changed);
    }
    let patch = plan(&bytes)?;
    let new_bytes = patch.apply(&bytes)?;
    if !patch.is_one_byte() {
        checks::may_be_replaced(path)?;
    }
    let hash_after = *blake3::hash(&new_bytes).as_bytes();
    Ok(Prepared { path: path.to_owned(), identity, hash_before, hash_after, patch, new_bytes })
}

impl Prepared {
    /// Writes. Returns what the file is now. `temp` is where a new file is built; the journal names
    /// it, so that it can be removed after a crash.
    ///
    /// # Errors
    /// Then the file is as it was, unless the error is [`FixError::Verify`] or an I/O error while
    /// syncing; the caller settles the journal by the file's hash.
    pub fn perform(self, temp: &Path, keep_mtime: bool) -> Result<Identity, FixError> {
        let file = checks::open(&self.path, OFlags::RDWR)?;
        file.try_lock().map_err(|_| FixError::Locked)?;
        self.still_the_same(&file)?;
        match self.patch.edits.as_slice() {
            [edit] if self.patch.is_one_byte() => self.overwrite(file, edit, keep_mtime),
            _ => self.replace(&file, temp, keep_mtime),
        }
    }

    /// Is the file still the one that was planned for? Meant for whoever holds the lock, since other
    /// programs need no lock to change it: writing checks again.
    ///
    /// # Errors
    /// [`FixError::Changed`] where it is not.
    pub fn is_still_so(&self) -> Result<(), FixError> {
        let now = fs::symlink_metadata(&self.path).map_err(FixError::io("look at the path"))?;
        if Identity::from(&now) == self.identity { Ok(()) } else { Err(FixError::Changed) }
    }

    /// Both the open file and whatever is at the path now must be what was planned for.
    fn still_the_same(&self, file: &File) -> Result<(), FixError> {
        let opened = file.metadata().map_err(FixError::io("read the file's metadata"))?;
        let at_path = fs::symlink_metadata(&self.path).map_err(FixError::io("look at the path"))?;
        let same = |metadata| Identity::from(metadata) == self.identity;
        if same(&opened) && same(&at_path) { Ok(()) } else { Err(FixError::Changed) }
    }

    fn overwrite(
        &self,
        mut file: File,
        edit: &Edit,
        keep_mtime: bool,
    ) -> Result<Identity, FixError> {
        let offset = edit.offset as u64;
        let mut there = [0];
        file.read_exact_at(&mut there, offset).map_err(FixError::io("read the byte"))?;
        if there[..] != edit.old[..] {
            return Err(FixError::Changed);
        }
        file.write_all_at(&edit.new, offset).map_err(FixError::io("overwrite the byte"))?;
        if keep_mtime {
            carry::times(&file, &self.identity)?;
        }
        file.sync_all().map_err(FixError::io("sync the file"))?;
        let hash = hash_of(&mut file).map_err(FixError::io("read the file back"))?;
        if hash != self.hash_after {
            return Err(FixError::Verify);
        }
        let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
        Ok(Identity::from(&metadata))
    }

    fn replace(&self, old: &File, temp: &Path, keep_mtime: bool) -> Result<Identity, FixError> {
        let new = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temp)
            .map_err(FixError::io("create a new file beside the photo"))?;
        let result = self.fill_and_swap(old, new, temp, keep_mtime);
        if result.is_err() {
            // Gone already where the rename itself succeeded; the original error is the one to tell.
            let _ = fs::remove_file(temp);
        }
        result
    }

    fn fill_and_swap(
        &self,
        old: &File,
        mut new: File,
        temp: &Path,
        keep_mtime: bool,
    ) -> Result<Identity, FixError> {
        new.write_all(&self.new_bytes).map_err(FixError::io("write the new file"))?;
        carry::owner_mode_and_attributes(old, &new)?;
        if keep_mtime {
            carry::times(&new, &self.identity)?;
        }
        new.sync_all().map_err(FixError::io("sync the new file"))?;
        let hash = hash_of(&mut new).map_err(FixError::io("read the new file back"))?;
        if hash != self.hash_after {
            return Err(FixError::Verify);
        }
        self.still_the_same(old)?;
        self.swap(temp)?;
        let metadata = new.metadata().map_err(FixError::io("read the file's metadata"))?;
        Ok(Identity::from(&metadata))
    }

    /// Exchanges the two names, looks at what was displaced, and only then drops it: an edit by
    /// another program between the last check and the exchange is seen and put back.
    fn swap(&self, temp: &Path) -> Result<(), FixError> {
        let at = rustix::fs::CWD;
        match rustix::fs::renameat_with(at, temp, at, &self.path, RenameFlags::EXCHANGE) {
            Ok(()) => {
                let displaced =
                    fs::symlink_metadata(temp).map_err(FixError::io("look at the old file"))?;
                if !Identity::from(&displaced).is_renamed(&self.identity) {
                    rustix::fs::renameat_with(at, temp, at, &self.path, RenameFlags::EXCHANGE)
                        .map_err(|err| FixError::io("put the old file back")(err.into()))?;
                    return Err(FixError::Changed);
                }
                sync_folder(&self.path)?;
                fs::remove_file(temp).map_err(FixError::io("remove the old file"))?;
            }
            // Not every file system can exchange.
            Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
            ) => {
                fs::rename(temp, &self.path).map_err(FixError::io("rename the new file"))?;
            }
            Err(err) => return Err(FixError::io("exchange the files")(err.into())),
        }
        sync_folder(&self.path)
    }
}

fn sync_folder(path: &Path) -> Result<(), FixError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = File::open(folder).map_err(FixError::io("open the folder"))?;
    folder.sync_all().map_err(FixError::io("sync the folder"))
}

/// BLAKE3 of an open file, from its start.
fn hash_of(file: &mut File) -> std::io::Result<Hash> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(*hasher.finalize().as_bytes())
}

/// What is at `path` now: identity and hash, without following links.
///
/// # Errors
/// Where it cannot be opened as a regular file or read.
pub fn content_of(path: &Path) -> Result<(Identity, Hash), FixError> {
    let mut file = checks::open(path, OFlags::RDONLY)?;
    let hash = hash_of(&mut file).map_err(FixError::io("read the file"))?;
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    Ok((Identity::from(&metadata), hash))
}

/// The new file of a change, beside its photo. Walks pass over hidden files.
pub fn temp_path(photo: &Path, change: i64, hash_before: &Hash) -> PathBuf {
    let [a, b, c, d, ..] = hash_before;
    photo.with_file_name(format!(".orientd-{change}-{a:02x}{b:02x}{c:02x}{d:02x}.tmp"))
}
