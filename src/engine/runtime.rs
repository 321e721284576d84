//! Finds and loads the ONNX Runtime library, once a process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ort::environment::Environment;
use ort::logging::LogLevel;

/// The name the system's loader knows it by.
const LIBRARY: &str = "libonnxruntime.so";

/// A library loaded into this process.
pub struct Runtime {
    pub environment: Environment,
    /// Where it came from; a bare name where the system's loader found it.
    pub path: PathBuf,
}

/// ONNX Runtime 1.29 and newer reads this once, when it is loaded. Without it the Linux builds write a
/// device id and an event database below the user's cache folder and open TLS connections to their
/// vendor (microsoft/onnxruntime pull request 27379); the API's own switch comes too late for that.
const DISABLE_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// Switches ONNX Runtime's telemetry off for this process and its children.
///
/// # Safety
/// No other thread may run yet: call it first in `main`.
pub unsafe fn disable_telemetry() {
    // SAFETY: the caller promises that no other thread reads the environment.
    unsafe { std::env::set_var(DISABLE_TELEMETRY, "1") };
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Loads the library at `named`, or else the first one found. Later calls return the same.
///
/// # Errors
/// Returns an error if none is found, it cannot be loaded, it is too old, or telemetry has not been
/// switched off in this process. The message says what to run.
pub fn load(named: Option<&Path>) -> Result<&'static Runtime> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let path = match named {
        Some(path) if !path.is_file() => {
            bail!("no ONNX Runtime library at {}", path.display())
        }
        Some(path) => path.to_owned(),
        None => find().unwrap_or_else(|| PathBuf::from(LIBRARY)),
    };
    let is_quiet = std::env::var_os(DISABLE_TELEMETRY).is_some_and(|value| value == "1");
    ensure!(is_quiet, "ONNX Runtime is not loaded unless {DISABLE_TELEMETRY}=1 is set");
    let builder = ort::init_from(&path).map_err(|err| explain(&path, &err))?;
    // ONNX Runtime would print its warnings to stderr; ours is a quiet program.
    let logger = |level: LogLevel, _: &str, _: &str, place: &str, text: &str| match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(target: "onnxruntime", place, "{text}"),
        _ => tracing::debug!(target: "onnxruntime", place, "{text}"),
    };
    let environment = builder
        .with_name("orientd")
        .with_telemetry(false)
        .with_logger(Arc::new(logger))
        .build()
        .context("ONNX Runtime does not start")?;
    Ok(RUNTIME.get_or_init(|| Runtime { environment, path }))
}

fn explain(path: &Path, err: &ort::LoadDynamicError) -> anyhow::Error {
    let is_missing = path == Path::new(LIBRARY);
    if is_missing {
        anyhow!(
            "ONNX Runtime is not installed.\n  \
             In orientd's source folder, `make runtime` fetches it; elsewhere, name the library \
             in ORT_DYLIB_PATH or with --ort-lib"
        )
    } else {
        anyhow!("{err}")
    }
}

/// Looks beside the installed program (`../lib/orientd`), then in the build tree's `.runtime`.
fn find() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let installed = program.parent()?.parent()?.join("lib/orientd");
    let built = program.ancestors().skip(1).map(|folder| folder.join(".runtime/onnxruntime"));
    std::iter::once(installed).chain(built).find_map(|folder| library_in(&folder))
}

/// The library in `folder`: `libonnxruntime.so`, or one with a version behind it.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut found: Vec<PathBuf> = names
        .filter(|name| name.to_str().is_some_and(|name| name.starts_with(LIBRARY)))
        .map(|name| folder.join(name))
        .collect();
    found.sort();
    found.into_iter().next_back()
}
