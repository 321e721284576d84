//! Small pictures of photos, made once by the decoder of the scan and kept by the content's hash.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};
use tokio::sync::Semaphore;

use super::decoders::{Decoders, MOST_WAITING};
use super::encode;
use crate::decode::{Candidate, Decoded, Limits};
use crate::error::{FixError, SkipReason};
use crate::files::identity::ContentHash;
use crate::files::{private, sidecar};
use crate::store::KnownPhoto;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

/// The cache is cut back to three quarters of this.
const MAX_BYTES: u64 = 512 << 20;

/// New thumbnails between two looks at the size of the cache.
const TRIM_EVERY: u64 = 1000;

const QUALITY: i32 = 82;

/// The longer side, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Grid,
    Large,
}

impl Size {
    fn side(self) -> usize {
        match self {
            Self::Grid => 320,
            Self::Large => 1280,
        }
    }
}

/// Why there is no picture.
#[derive(Debug)]
pub(crate) enum Missing {
    /// A reason that lies in the photo.
    Photo(String),
    Busy,
    Failed(anyhow::Error),
}

pub(crate) struct Thumbnails {
    folder: PathBuf,
    decoders: Decoders,
    waiting: Semaphore,
    n_made: AtomicU64,
}

impl Thumbnails {
    /// # Errors
    /// Returns an error if the folder cannot be made, or a thread cannot be started.
    pub(crate) fn new(folder: PathBuf, limits: Limits, n_decoders: usize) -> Result<Self> {
        // The pictures are as private as the photos.
        private::create_folder(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let decoders = Decoders::start(n_decoders, limits)?;
        let waiting = Semaphore::new(MOST_WAITING);
        Ok(Self { folder, decoders, waiting, n_made: AtomicU64::new(0) })
    }

    /// A JPEG of the photo as a viewer shows it.
    ///
    /// # Errors
    /// Returns an error if the photo cannot be decoded, the cache cannot be written or too many requests wait.
    pub(crate) async fn get(
        self: &std::sync::Arc<Self>,
        photo: KnownPhoto,
        size: Size,
    ) -> Result<Vec<u8>, Missing> {
        if let Some(bytes) = self.kept(&photo, size) {
            return Ok(bytes);
        }
        let _place = self.waiting.try_acquire().map_err(|_| Missing::Busy)?;
        let decoded = self.decoders.decode(candidate(&photo), size.side());
        let decoded = decoded.await.map_err(|_| Missing::Busy)?.map_err(Missing::Failed)?;
        let this = std::sync::Arc::clone(self);
        let made = tokio::task::spawn_blocking(move || this.finish(&photo, size, decoded)).await;
        made.map_err(|err| Missing::Failed(err.into()))?
    }

    /// As [`Thumbnails::get`], but blocks the calling thread.
    ///
    /// # Errors
    /// As [`Thumbnails::get`], but never because others wait.
    pub(crate) fn made(&self, photo: &KnownPhoto, size: Size) -> Result<Vec<u8>, Missing> {
        if let Some(bytes) = self.kept(photo, size) {
            return Ok(bytes);
        }
        let decoded = self.decoders.decode(candidate(photo), size.side()).blocking_recv();
        let decoded = decoded.map_err(|_| Missing::Busy)?.map_err(Missing::Failed)?;
        self.finish(photo, size, decoded)
    }

    /// A small picture for a report; `None` if there is none to be had.
    ///
    /// # Errors
    /// Returns an error if the cache cannot be written.
    pub(crate) fn picture(&self, photo: &KnownPhoto) -> Result<Option<Vec<u8>>> {
        match self.made(photo, Size::Grid) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Missing::Photo(_) | Missing::Busy) => Ok(None),
            Err(Missing::Failed(err)) => Err(err),
        }
    }

    /// Gives what was decoded the photo's proportions, and keeps it.
    fn finish(
        &self,
        photo: &KnownPhoto,
        size: Size,
        decoded: Option<Decoded>,
    ) -> Result<Vec<u8>, Missing> {
        let seen = match decoded {
            Some(Decoded::Photo(seen)) => seen,
            Some(Decoded::Skipped { skip, .. }) => return Err(Missing::Photo(skip.to_string())),
            Some(Decoded::NotAPhoto) => return Err(Missing::Photo("this is not a photo".into())),
            None => return Err(Missing::Busy),
        };
        if photo.hash.is_some_and(|hash| hash != seen.hash) {
            return Err(Missing::Photo(FixError::Changed.to_string()));
        }
        let picture =
            in_proportion(&seen.picture, seen.stored.swaps_sides(), seen.width, seen.height);
        let bytes = picture
            .and_then(|picture| encode::compress(&picture, QUALITY))
            .map_err(Missing::Failed)?;
        let beside = sidecar::orientation(&photo.path);
        if beside.is_some_and(|beside| beside != seen.stored) {
            return Err(Missing::Photo(FixError::Orientation.to_string()));
        }
        self.keep(self.path(&name(&seen.hash, beside, size)), &bytes).map_err(Missing::Failed)?;
        Ok(bytes)
    }

    /// What the picture is named by: content, size, and how a sidecar has it shown. Another picture has
    /// another name. `None`: the photo's content is not known.
    pub(crate) fn name(&self, photo: &KnownPhoto, size: Size) -> Option<String> {
        Some(name(&photo.hash?, sidecar::orientation(&photo.path), size))
    }

    fn kept(&self, photo: &KnownPhoto, size: Size) -> Option<Vec<u8>> {
        fs::read(self.path(&self.name(photo, size)?)).ok()
    }

    fn path(&self, name: &str) -> PathBuf {
        let folder = name.get(..2).unwrap_or_default();
        self.folder.join(folder).join(format!("{name}.jpg"))
    }

    /// Written atomically, since another process may write the same file.
    fn keep(&self, path: PathBuf, bytes: &[u8]) -> Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        let made = || -> std::io::Result<()> {
            private::create_folder(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.persist(&path)?;
            Ok(())
        };
        made().with_context(|| format!("cannot write {}", path.display()))?;
        if self.n_made.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRIM_EVERY) {
            self.trim(MAX_BYTES)?;
        }
        Ok(())
    }

    /// Removes the oldest where there are more than `most` bytes.
    fn trim(&self, most: u64) -> Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in walkdir::WalkDir::new(&self.folder).into_iter().filter_map(Result::ok) {
            // Another process may have removed it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                let made = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((made, metadata.len(), entry.into_path()));
            }
        }
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        if total <= most {
            return Ok(());
        }
        files.sort();
        for (_, size, path) in files {
            if total <= most / 4 * 3 {
                break;
            }
            match fs::remove_file(&path) {
                Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                    return Err(err).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => total -= size,
            }
        }
        Ok(())
    }
}

fn candidate(photo: &KnownPhoto) -> Candidate {
    Candidate { path: photo.path.clone(), identity: photo.identity }
}

/// `beside`: what a sidecar says of how the photo is shown, which its content does not tell.
fn name(hash: &ContentHash, beside: Option<Orientation>, size: Size) -> String {
    let beside = beside.map_or_else(String::new, |beside| format!("-{}", beside.to_exif()));
    format!("{}-{}{beside}", hash.to_hex(), size.side())
}

/// The scan's picture is a square; this gives it the photo's proportions back.
fn in_proportion(square: &Rgb8, swapped: bool, width: u32, height: u32) -> Result<Rgb8> {
    let (width, height) = if swapped { (height, width) } else { (width, height) };
    let width = width.max(1) as usize;
    let height = height.max(1) as usize;
    let side = square.width;
    let longer = width.max(height);
    let width = (width * side / longer).max(1);
    let height = (height * side / longer).max(1);
    let failed = |_| SkipReason::Corrupt("the picture has no pixels".into());
    Ok(resize(square, width, height).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_cut_back_oldest_first() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let limits = Limits { max_file_bytes: 1, max_pixels: 1 };
        let thumbnails = Thumbnails::new(folder.path().join("thumbnails"), limits, 1)?;
        let path =
            |n: u8| thumbnails.path(&name(&ContentHash::from_bytes([n; 32]), None, Size::Grid));
        for n in 0..8u8 {
            thumbnails.keep(path(n), &[n; 1000])?;
            let age = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n.into());
            fs::File::options().write(true).open(path(n))?.set_modified(age)?;
        }
        thumbnails.trim(8000)?;
        let is_there = |n: u8| path(n).exists();
        assert!((0..8).all(is_there), "not more than allowed");
        thumbnails.trim(4000)?;
        assert_eq!((0..8).filter(|n| is_there(*n)).collect::<Vec<_>>(), [5, 6, 7]);
        Ok(())
    }

    #[test]
    fn proportions_come_back() -> Result<()> {
        let square = Rgb8 { width: 40, height: 40, pixels: vec![9; 4800] };
        for (width, height, swapped, expected) in
            [(400, 200, false, (40, 20)), (400, 200, true, (20, 40)), (1, 9000, false, (1, 40))]
        {
            let picture = in_proportion(&square, swapped, width, height)?;
            assert_eq!((picture.width, picture.height), expected);
        }
        Ok(())
    }
}
