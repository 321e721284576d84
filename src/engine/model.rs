//! Model files: the built-in one, one named by its path, or one chosen with `orientd model use`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::store::Hash;

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
    pub hash: Hash,
}

impl ModelFile {
    pub fn built_in() -> Self {
        Self::new(BUILT_IN.to_owned(), None, Cow::Borrowed(BUILT_IN_BYTES))
    }

    /// # Errors
    /// Where the file cannot be read or is empty.
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

    fn new(name: String, path: Option<PathBuf>, bytes: Cow<'static, [u8]>) -> Self {
        let hash = *blake3::hash(&bytes).as_bytes();
        Self { name, path, bytes, hash }
    }
}
