//! Model files: the built-in one, one named by its path, or one chosen with `orientd model use`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::files::identity::ContentHash;

/// What the built-in model is called wherever models are named.
pub const BUILT_IN: &str = "built-in";

static BUILT_IN_BYTES: &[u8] = include_bytes!("../../models/orientd.onnx");

/// A model not yet loaded into a session.
#[derive(Clone)]
pub struct ModelFile {
    /// `built-in`, or the file's name without its ending.
    pub name: String,
    /// `None` for the built-in one.
    pub path: Option<PathBuf>,
    pub bytes: Cow<'static, [u8]>,
    /// BLAKE3 of the bytes: tells one model's predictions from another's.
    pub hash: ContentHash,
}

impl ModelFile {
    pub fn built_in() -> Self {
        Self::new(BUILT_IN.to_owned(), None, Cow::Borrowed(BUILT_IN_BYTES))
    }

    /// # Errors
    /// Returns an error if the file cannot be read or is empty.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the model {}", path.display()))?;
        if bytes.is_empty() {
            bail!("the model {} is empty", path.display());
        }
        let name = path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Ok(Self::new(name, Some(path.to_owned()), Cow::Owned(bytes)))
    }

    /// A model that is not in a file here.
    pub fn from_bytes(name: String, bytes: Vec<u8>) -> Self {
        Self::new(name, None, Cow::Owned(bytes))
    }

    /// Gives back the memory that holds the built-in model; it is read from the program's file again
    /// when it is needed.
    pub fn release(&self) {
        let Cow::Borrowed(bytes) = self.bytes else { return };
        // SAFETY: asks for a number only.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1 << 16);
        // Whole pages only: the first and the last hold other things too.
        let skipped = bytes.as_ptr().align_offset(page);
        let Some(inside) = bytes.get(skipped..).filter(|inside| inside.len() >= page) else {
            return;
        };
        let len = inside.len() - inside.len() % page;
        // SAFETY: constant data of the program, mapped from its file and never written to: what is
        // let go of is the same when it is read the next time.
        let result = unsafe { libc::madvise(inside.as_ptr() as *mut _, len, libc::MADV_DONTNEED) };
        if result != 0 {
            tracing::debug!("cannot let go of the model: {}", std::io::Error::last_os_error());
        }
    }

    fn new(name: String, path: Option<PathBuf>, bytes: Cow<'static, [u8]>) -> Self {
        let hash = ContentHash::of(&bytes);
        Self { name, path, bytes, hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unloaded_model_reads_back_the_same() {
        let model = ModelFile::built_in();
        model.release();
        assert_eq!(ContentHash::of(&model.bytes), model.hash);
    }
}
