//! The write itself: one byte in place, or a new file that takes the old one's name; a sidecar made or
//! removed. At every moment the name stands for the old bytes or the new ones.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::RenameFlags;

use super::content::{Content, hash_of, identity_of};
use super::prepare::Prepared;
use super::{attributes, checks};
use crate::error::FixError;
use crate::files::identity::Identity;
use crate::files::write_whole::sync_folder;
use orientd_core::edit::patch::Edit;

impl Prepared {
    /// Writes. Returns what the file is now; `None` if it is gone, as it should be. `temp` is
    /// where a new file is built; the journal names it, so that it can be removed after a crash.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. It is then unchanged, unless the error is
    /// [`FixError::Verify`] or an I/O error while syncing; the caller settles the journal by the file's hash.
    pub(super) fn perform(
        &self,
        temp: &Path,
        keep_mtime: bool,
    ) -> Result<Option<Identity>, FixError> {
        let Some(identity) = self.identity else { return self.create(temp).map(Some) };
        let file = checks::open_for_writing(&self.target)?;
        checks::lock(&file)?;
        self.still_the_same(&file, &identity)?;
        match (self.patch.edits.as_slice(), &self.new) {
            (_, Content::Nothing) => self.remove(temp, &identity).map(|()| None),
            ([edit], _) if self.patch.is_one_byte() => {
                self.overwrite(file, edit, &identity, keep_mtime).map(Some)
            }
            (_, Content::Bytes(new)) => {
                let old = Old { file: &file, identity, keep_mtime };
                self.replace(&old, new, temp).map(Some)
            }
        }
    }

    /// Creates a sidecar; fails if there is a file of its name.
    fn create(&self, temp: &Path) -> Result<Identity, FixError> {
        let Content::Bytes(bytes) = &self.new else { return Err(FixError::Changed) };
        let new = new_file(temp, 0o666)?;
        let inode = inode_of(&new)?;
        let result = (|| {
            let new = self.fill(new, bytes, |_| Ok(()))?;
            let at = rustix::fs::CWD;
            match rustix::fs::renameat_with(at, temp, at, &self.target, RenameFlags::NOREPLACE) {
                Err(rustix::io::Errno::EXIST) => return Err(FixError::Changed),
                // Not every file system knows the flag; a hard link does not replace a file either.
                Err(
                    rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
                ) => {
                    fs::hard_link(temp, &self.target).map_err(FixError::io("name the sidecar"))?;
                    fs::remove_file(temp).map_err(FixError::io("remove the new file"))?;
                }
                other => {
                    other.map_err(|err| FixError::io("name the sidecar")(err.into()))?;
                }
            }
            sync_folder_of(&self.target)?;
            identity_of(&new)
        })();
        remove_on_error(result, temp, inode)
    }

    /// Renames the file, checks that it is the one that was planned for, and only then removes it.
    fn remove(&self, temp: &Path, identity: &Identity) -> Result<(), FixError> {
        rename_to_free_name(&self.target, temp)?;
        let displaced = fs::symlink_metadata(temp).map_err(FixError::io("look at the file"))?;
        if !Identity::from(&displaced).is_renamed(identity) {
            rename_to_free_name(temp, &self.target)?;
            return Err(FixError::Changed);
        }
        sync_folder_of(&self.target)?;
        fs::remove_file(temp).map_err(FixError::io("remove the file"))?;
        sync_folder_of(&self.target)
    }

    /// Is the file still the one that was planned for? Meant for whoever holds the lock, since other
    /// programs need no lock to change it: writing checks again.
    ///
    /// # Errors
    /// Returns an error if it is not: [`FixError::Vanished`] if it is gone, else [`FixError::Changed`].
    pub(super) fn is_still_so(&self) -> Result<(), FixError> {
        let now = match fs::symlink_metadata(&self.target) {
            Ok(metadata) => Some(Identity::from(&metadata)),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => None,
            Err(err) => return Err(FixError::io("look at the path")(err)),
        };
        match (now, self.identity) {
            (now, planned) if now == planned => Ok(()),
            (None, Some(_)) => Err(FixError::Vanished),
            _ => Err(FixError::Changed),
        }
    }

    /// Both the open file and whatever is at the path now must be what was planned for.
    fn still_the_same(&self, file: &File, identity: &Identity) -> Result<(), FixError> {
        let opened = file.metadata().map_err(FixError::io("read the file's metadata"))?;
        let at_path =
            fs::symlink_metadata(&self.target).map_err(FixError::io("look at the path"))?;
        let found = [Identity::from(&opened), Identity::from(&at_path)];
        if found == [*identity; 2] { Ok(()) } else { Err(FixError::Changed) }
    }

    fn overwrite(
        &self,
        mut file: File,
        edit: &Edit,
        identity: &Identity,
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
            attributes::times(&file, identity)?;
        }
        file.sync_all().map_err(FixError::io("sync the file"))?;
        let hash = hash_of(&mut file).map_err(FixError::io("read the file back"))?;
        if Some(hash) != self.hash_after {
            return Err(FixError::Verify);
        }
        let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
        Ok(Identity::from(&metadata))
    }

    fn replace(&self, old: &Old<'_>, bytes: &[u8], temp: &Path) -> Result<Identity, FixError> {
        let new = new_file(temp, 0o600)?;
        let inode = inode_of(&new)?;
        let result = (|| {
            let new = self.fill(new, bytes, |new| {
                attributes::owner_mode_and_attributes(old.file, new)?;
                if old.keep_mtime { attributes::times(new, &old.identity) } else { Ok(()) }
            })?;
            self.still_the_same(old.file, &old.identity)?;
            self.swap(temp, &old.identity)?;
            identity_of(&new)
        })();
        remove_on_error(result, temp, inode)
    }

    /// Writes the new file, syncs it, and reads it back.
    fn fill(
        &self,
        mut new: File,
        bytes: &[u8],
        carry: impl FnOnce(&File) -> Result<(), FixError>,
    ) -> Result<File, FixError> {
        new.write_all(bytes).map_err(FixError::io("write the new file"))?;
        carry(&new)?;
        new.sync_all().map_err(FixError::io("sync the new file"))?;
        let hash = hash_of(&mut new).map_err(FixError::io("read the new file back"))?;
        if Some(hash) == self.hash_after { Ok(new) } else { Err(FixError::Verify) }
    }

    /// Exchanges the two names, looks at what was displaced, and only then drops it: an edit by
    /// another program between the last check and the exchange is seen and put back.
    fn swap(&self, temp: &Path, identity: &Identity) -> Result<(), FixError> {
        let at = rustix::fs::CWD;
        match rustix::fs::renameat_with(at, temp, at, &self.target, RenameFlags::EXCHANGE) {
            Ok(()) => {
                let displaced =
                    fs::symlink_metadata(temp).map_err(FixError::io("look at the old file"))?;
                if !Identity::from(&displaced).is_renamed(identity) {
                    tracing::debug!("another program's edit was displaced; it is put back");
                    rustix::fs::renameat_with(at, temp, at, &self.target, RenameFlags::EXCHANGE)
                        .map_err(|err| FixError::io("put the old file back")(err.into()))?;
                    return Err(FixError::Changed);
                }
                sync_folder_of(&self.target)?;
                fs::remove_file(temp).map_err(FixError::io("remove the old file"))?;
            }
            // Not every file system can exchange.
            Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
            ) => {
                fs::rename(temp, &self.target).map_err(FixError::io("rename the new file"))?;
            }
            Err(err) => return Err(FixError::io("exchange the files")(err.into())),
        }
        sync_folder_of(&self.target)
    }
}

/// The file that is to be replaced.
struct Old<'a> {
    file: &'a File,
    identity: Identity,
    keep_mtime: bool,
}

fn new_file(temp: &Path, mode: u32) -> Result<File, FixError> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(mode);
    options.open(temp).map_err(FixError::io("create a new file beside the photo"))
}

fn inode_of(file: &File) -> Result<(u64, u64), FixError> {
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The new file must not stay behind; but what was displaced by it, and may be another program's
/// work, must. The original error is the one to tell: settling removes what is left.
fn remove_on_error<T>(
    result: Result<T, FixError>,
    temp: &Path,
    inode: (u64, u64),
) -> Result<T, FixError> {
    if result.is_err() {
        let is_new = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino()) == inode;
        if fs::symlink_metadata(temp).is_ok_and(|metadata| is_new(&metadata)) {
            let _ = fs::remove_file(temp);
        }
    }
    result
}

/// Returns an error if there is something at `to`.
fn rename_to_free_name(from: &Path, to: &Path) -> Result<(), FixError> {
    fs::symlink_metadata(to).err().ok_or(FixError::Changed)?;
    let here = rustix::fs::CWD;
    rustix::fs::renameat(here, from, here, to)
        .map_err(|err| FixError::io("rename the file")(err.into()))
}

fn sync_folder_of(path: &Path) -> Result<(), FixError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    sync_folder(folder).map_err(FixError::io("sync the folder"))
}

/// Gives a file that was displaced into `temp` its name back, and whatever has that name by now comes to `temp`.
///
/// # Errors
/// Returns an error if the file system refuses.
pub(super) fn give_back(temp: &Path, target: &Path) -> std::io::Result<()> {
    let at = rustix::fs::CWD;
    match rustix::fs::renameat_with(at, temp, at, target, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::NOENT) => {
            rustix::fs::renameat_with(at, temp, at, target, RenameFlags::NOREPLACE)?;
        }
        other => other?,
    }
    sync_folder(target.parent().unwrap_or(Path::new("/")))
}

/// A name for the new file of a change, which nobody can guess. Walks pass over hidden files.
///
/// # Errors
/// Returns an error if the system has no random numbers.
pub(super) fn temp_name() -> std::io::Result<String> {
    #[cfg(feature = "test-switches")]
    if let Ok(name) = std::env::var("ORIENTD_TEST_TEMP") {
        return Ok(name);
    }
    let mut bytes = [0; 8];
    // As few bytes as these come all at once (getrandom(2)).
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(format!(".orientd-{:016x}.tmp", u64::from_le_bytes(bytes)))
}
