//! Performs a planned patch on one file, or leaves it exactly as it was.
//!
//! A single byte is overwritten in place; anything longer goes through a new file beside the old
//! one. Nothing here decides what to change, and nothing is written that is not in the journal.

mod carry;
mod checks;
mod pixels;
mod plan;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, RenameFlags};

use crate::error::FixError;
use crate::identity::Identity;
use crate::rules::mode::Mode;
use crate::rules::orientation::Orientation;
use crate::rules::patch::{Edit, Patch, Refusal};
use crate::stages::sidecar;
use crate::store::{Change, Hash};

pub use plan::Wish;

/// The hash that stands for "no file": BLAKE3 of nothing anybody knows.
pub const NO_FILE: Hash = [0; 32];

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// It is not to be there.
    Nothing,
}

impl Content {
    fn hash(&self) -> Hash {
        match self {
            Self::Bytes(bytes) => *blake3::hash(bytes).as_bytes(),
            Self::Nothing => NO_FILE,
        }
    }
}

/// A patch checked against the file as it is now, ready for the journal and then for the disk.
pub struct Prepared {
    /// The photo that is turned.
    pub photo: PathBuf,
    pub photo_hash: Hash,
    /// The file that changes: the photo, or its sidecar.
    pub target: PathBuf,
    pub mode: Mode,
    /// Why it is not the mode that was asked for.
    pub instead: Option<Refusal>,
    /// `None`: the target is not there yet.
    identity: Option<Identity>,
    pub hash_before: Hash,
    pub hash_after: Hash,
    pub patch: Patch,
    /// The old bytes of a file that the patch alone cannot restore.
    pub original: Option<Vec<u8>>,
    new: Content,
}

/// What the file must still be for a plan to hold.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `None`: any identity will do, the content alone counts.
    pub identity: Option<&'a Identity>,
    /// `None`: whatever the content is now.
    pub hash: Option<&'a Hash>,
    /// The orientation it was looked at with. `None`: whatever it is now.
    pub stored: Option<Orientation>,
}

/// A file read whole.
struct Whole {
    bytes: Vec<u8>,
    metadata: fs::Metadata,
    hash: Hash,
}

fn read(path: &Path) -> Result<Whole, FixError> {
    let mut file = checks::open(path, OFlags::RDONLY)?;
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(FixError::io("read the file"))?;
    let hash = *blake3::hash(&bytes).as_bytes();
    Ok(Whole { bytes, metadata, hash })
}

/// Reads the photo, compares it with what is expected, plans, and checks that the file to be changed
/// may be written. Writes nothing, so a dry run ends here.
///
/// # Errors
/// The first reason found not to write this file.
pub fn prepare(path: &Path, expected: Expected<'_>, wish: Wish) -> Result<Prepared, FixError> {
    let photo = read(path)?;
    let identity = Identity::from(&photo.metadata);
    let is_other = expected.identity.is_some_and(|expected| *expected != identity)
        || expected.hash.is_some_and(|expected| *expected != photo.hash);
    if is_other {
        return Err(FixError::Changed);
    }
    if wish.mode != Mode::Sidecar {
        checks::may_be_written(path, &photo.metadata)?;
    }
    let beside = sidecar::read(path).map_err(FixError::io("read the sidecar"))?;
    let plan = plan::plan(path, &photo.bytes, beside.as_ref(), wish)?;
    if expected.stored.is_some_and(|stored| stored != plan.patch.from) {
        return Err(FixError::Orientation);
    }
    let old = match plan.mode {
        Mode::Sidecar => beside.map(|beside| {
            let hash = *blake3::hash(&beside.bytes).as_bytes();
            (beside.metadata, hash)
        }),
        Mode::Tag | Mode::Pixels => Some((photo.metadata, photo.hash)),
    };
    checks::may_change(&plan.target, old.as_ref().map(|(metadata, _)| metadata), &plan.patch)?;
    Ok(Prepared {
        photo: path.to_owned(),
        photo_hash: photo.hash,
        target: plan.target,
        mode: plan.mode,
        instead: plan.instead,
        identity: old.as_ref().map(|(metadata, _)| Identity::from(metadata)),
        hash_before: old.as_ref().map_or(NO_FILE, |(_, hash)| *hash),
        hash_after: plan.new.hash(),
        patch: plan.patch,
        original: (plan.mode == Mode::Pixels).then_some(photo.bytes),
        new: plan.new,
    })
}

/// A look at the file that a change left, for putting back what was there before it: `original`
/// where the patch alone cannot say.
///
/// # Errors
/// Where it is not what the change left, or may not be written.
pub fn prepare_undo(change: &Change, original: Option<Vec<u8>>) -> Result<Prepared, FixError> {
    let target = change.target();
    let old = read(&target)?;
    if old.hash != change.hash_after {
        return Err(FixError::Changed);
    }
    let patch = change.patch.inverse();
    let new = match original {
        _ if change.hash_before == NO_FILE => Content::Nothing,
        Some(original) => Content::Bytes(original),
        None => Content::Bytes(patch.apply(&old.bytes)?),
    };
    if new.hash() != change.hash_before {
        return Err(FixError::Changed);
    }
    checks::may_change(&target, Some(&old.metadata), &patch)?;
    Ok(Prepared {
        photo: change.path.clone(),
        photo_hash: old.hash,
        target,
        mode: change.mode,
        instead: None,
        identity: Some(Identity::from(&old.metadata)),
        hash_before: old.hash,
        hash_after: change.hash_before,
        patch,
        original: None,
        new,
    })
}

impl Prepared {
    /// Writes. Returns what the file is now; `None` where it is gone, as it should be. `temp` is
    /// where a new file is built; the journal names it, so that it can be removed after a crash.
    ///
    /// # Errors
    /// Then the file is as it was, unless the error is [`FixError::Verify`] or an I/O error while
    /// syncing; the caller settles the journal by the file's hash.
    pub fn perform(&self, temp: &Path, keep_mtime: bool) -> Result<Option<Identity>, FixError> {
        let Some(identity) = self.identity else { return self.create(temp).map(Some) };
        let file = checks::open(&self.target, OFlags::RDWR)?;
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

    /// Is the file still the one that was planned for? Meant for whoever holds the lock, since other
    /// programs need no lock to change it: writing checks again.
    ///
    /// # Errors
    /// [`FixError::Changed`] where it is not, [`FixError::Vanished`] where it is gone.
    pub fn is_still_so(&self) -> Result<(), FixError> {
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

    /// A sidecar that was not there before, and takes nobody's place.
    fn create(&self, temp: &Path) -> Result<Identity, FixError> {
        let Content::Bytes(bytes) = &self.new else { return Err(FixError::Changed) };
        let new = new_file(temp, 0o666)?;
        let inode = inode_of(&new)?;
        let result = (|| {
            let mut new = self.fill(new, bytes, |_| Ok(()))?;
            let at = rustix::fs::CWD;
            match rustix::fs::renameat_with(at, temp, at, &self.target, RenameFlags::NOREPLACE) {
                Err(rustix::io::Errno::EXIST) => return Err(FixError::Changed),
                // Not every file system knows the flag; a link takes nobody's place either.
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
            sync_folder(&self.target)?;
            identity_of(&mut new)
        })();
        remove_on_error(result, temp, inode)
    }

    /// Takes the name away first, looks at what had it, and only then drops the file.
    fn remove(&self, temp: &Path, identity: &Identity) -> Result<(), FixError> {
        let at = rustix::fs::CWD;
        let rename = |from: &Path, to: &Path| {
            fs::symlink_metadata(to).err().ok_or(FixError::Changed)?;
            rustix::fs::renameat(at, from, at, to)
                .map_err(|err| FixError::io("rename the file")(err.into()))
        };
        rename(&self.target, temp)?;
        let displaced = fs::symlink_metadata(temp).map_err(FixError::io("look at the file"))?;
        if !Identity::from(&displaced).is_renamed(identity) {
            rename(temp, &self.target)?;
            return Err(FixError::Changed);
        }
        sync_folder(&self.target)?;
        fs::remove_file(temp).map_err(FixError::io("remove the file"))?;
        sync_folder(&self.target)
    }

    /// Both the open file and whatever is at the path now must be what was planned for.
    fn still_the_same(&self, file: &File, identity: &Identity) -> Result<(), FixError> {
        let opened = file.metadata().map_err(FixError::io("read the file's metadata"))?;
        let at_path =
            fs::symlink_metadata(&self.target).map_err(FixError::io("look at the path"))?;
        let same = |metadata| Identity::from(metadata) == *identity;
        if same(&opened) && same(&at_path) { Ok(()) } else { Err(FixError::Changed) }
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
            carry::times(&file, identity)?;
        }
        file.sync_all().map_err(FixError::io("sync the file"))?;
        let hash = hash_of(&mut file).map_err(FixError::io("read the file back"))?;
        if hash != self.hash_after {
            return Err(FixError::Verify);
        }
        let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
        Ok(Identity::from(&metadata))
    }

    fn replace(&self, old: &Old<'_>, bytes: &[u8], temp: &Path) -> Result<Identity, FixError> {
        let new = new_file(temp, 0o600)?;
        let inode = inode_of(&new)?;
        let result = (|| {
            let mut new = self.fill(new, bytes, |new| {
                carry::owner_mode_and_attributes(old.file, new)?;
                if old.keep_mtime { carry::times(new, &old.identity) } else { Ok(()) }
            })?;
            self.still_the_same(old.file, &old.identity)?;
            self.swap(temp, &old.identity)?;
            identity_of(&mut new)
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
        if hash == self.hash_after { Ok(new) } else { Err(FixError::Verify) }
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
                    rustix::fs::renameat_with(at, temp, at, &self.target, RenameFlags::EXCHANGE)
                        .map_err(|err| FixError::io("put the old file back")(err.into()))?;
                    return Err(FixError::Changed);
                }
                sync_folder(&self.target)?;
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
        sync_folder(&self.target)
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

fn identity_of(file: &mut File) -> Result<Identity, FixError> {
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    Ok(Identity::from(&metadata))
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

/// What is at `path` now: identity and hash, without following links. No file in a folder that is
/// there is [`NO_FILE`], where that can be meant.
///
/// # Errors
/// Where it cannot be opened as a regular file or read.
pub fn content_of(path: &Path, may_be_missing: bool) -> Result<(Option<Identity>, Hash), FixError> {
    let folder_is_there = || path.parent().is_some_and(Path::is_dir);
    let mut file = match checks::open(path, OFlags::RDONLY) {
        Err(FixError::Vanished) if may_be_missing && folder_is_there() => {
            return Ok((None, NO_FILE));
        }
        other => other?,
    };
    let hash = hash_of(&mut file).map_err(FixError::io("read the file"))?;
    Ok((Some(identity_of(&mut file)?), hash))
}

/// Exchanges a change's new file and its target again.
///
/// # Errors
/// Where the file system refuses.
pub fn exchange(temp: &Path, target: &Path) -> std::io::Result<()> {
    let at = rustix::fs::CWD;
    rustix::fs::renameat_with(at, temp, at, target, RenameFlags::EXCHANGE)?;
    File::open(target.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The new file of a change, beside its photo. Walks pass over hidden files.
pub fn temp_path(photo: &Path, change: i64, hash_before: &Hash) -> PathBuf {
    let [a, b, c, d, ..] = hash_before;
    photo.with_file_name(format!(".orientd-{change}-{a:02x}{b:02x}{c:02x}{d:02x}.tmp"))
}
