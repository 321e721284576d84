//! Runs ONNX models with onnxruntime: to check what was exported, and to evaluate the present model.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use orientd_core::model_spec::{INPUT_NAME, ModelSpec, OUTPUT_NAME};
use ort::environment::Environment;
use ort::value::TensorRef;

/// A loaded model.
pub struct Session {
    session: ort::session::Session,
    pub spec: ModelSpec,
}

impl Session {
    /// # Errors
    /// Returns an error if onnxruntime is not installed, or the model cannot be used; says which.
    pub fn from_file(path: &Path, n_threads: usize) -> Result<Self> {
        let failed = || format!("cannot use the model {}", path.display());
        let bytes = std::fs::read(path).with_context(failed)?;
        Self::from_bytes(&bytes, n_threads).with_context(failed)
    }

    pub fn from_bytes(bytes: &[u8], n_threads: usize) -> Result<Self> {
        let session = ort::session::Session::builder(environment()?)?
            .with_intra_threads(n_threads.max(1))
            .map_err(|err| anyhow!("{err}"))?
            .commit_from_memory(bytes)?;
        let spec = {
            let metadata = session.metadata()?;
            ModelSpec::from_metadata(|key| metadata.custom(key))?
        };
        Ok(Self { session, spec })
    }

    /// Four scores for each picture of `images` (N×3×S×S).
    pub fn logits(&mut self, images: &[f32]) -> Result<Vec<[f32; 4]>> {
        let side = self.spec.input.size;
        let n = images.len() / self.spec.input.len();
        ensure!(n * self.spec.input.len() == images.len(), "pictures of another size");
        let input = TensorRef::from_array_view(([n, 3, side, side], images))?;
        let outputs = self.session.run(ort::inputs![INPUT_NAME => input])?;
        let (_, logits) = outputs[OUTPUT_NAME].try_extract_tensor::<f32>()?;
        ensure!(logits.len() == 4 * n, "the model gave {} scores for {n} pictures", logits.len());
        Ok(logits.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]).collect())
    }
}

/// Loads the library, so that its absence is known before the work that needs it last.
///
/// # Errors
/// Returns an error if it is not installed.
pub fn ensure_installed() -> Result<()> {
    environment().map(|_| ())
}

/// The library is found as `orientd` finds it.
fn environment() -> Result<&'static Environment> {
    let named = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    Ok(&orientd::engine::runtime::load(named.as_deref())?.environment)
}
