//! Finds and loads the ONNX Runtime library, once a process.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
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
    // A bare name is the system's loader's, which has its own rules.
    if path != Path::new(LIBRARY) {
        ensure_trusted(&path)?;
    }
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

/// Looks beside the installed program (`../lib/orientd`), then in the tree it was built in. A folder
/// further up is nobody's promise: whoever may write there would choose what is loaded.
fn find() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let installed = program.parent()?.parent()?.join("lib/orientd");
    let built = build_tree(&program).map(|tree| tree.join(".runtime/onnxruntime"));
    std::iter::once(installed).chain(built).find_map(|folder| library_in(&folder))
}

/// The source folder whose `target` holds the program, as cargo lays it out.
fn build_tree(program: &Path) -> Option<&Path> {
    let target = program.ancestors().skip(2).take(3).find(|folder| folder.ends_with("target"))?;
    target.parent().filter(|tree| tree.join("Cargo.toml").is_file())
}

/// What is loaded runs as this user, so nobody else but root may be able to change it.
fn ensure_trusted(path: &Path) -> Result<()> {
    let path = fs::canonicalize(path).with_context(|| format!("cannot open {}", path.display()))?;
    for part in [path.as_path(), path.parent().unwrap_or(&path)] {
        let metadata =
            fs::metadata(part).with_context(|| format!("cannot open {}", part.display()))?;
        let writable = writable_by_others(&metadata);
        ensure!(
            !writable,
            "{} can be changed by other users, so it is not loaded\n  \
             chown it to yourself or root, and chmod go-w",
            part.display()
        );
    }
    Ok(())
}

/// A group of its own for every user is what many distributions give, so this user's group may write.
fn writable_by_others(metadata: &Metadata) -> bool {
    let us = rustix::process::geteuid().as_raw();
    let our_group = rustix::process::getegid().as_raw();
    let is_owner_trusted = metadata.uid() == 0 || metadata.uid() == us;
    let is_sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    let by_group = metadata.mode() & 0o020 != 0 && metadata.gid() != our_group;
    let by_all = metadata.mode() & 0o002 != 0;
    !is_owner_trusted || ((by_group || by_all) && !is_sticky)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tree_that_built_it_is_searched() {
        let tree = tempfile::tempdir().unwrap();
        let program = |below: &str| tree.path().join(below);
        assert_eq!(build_tree(&program("target/release/orientd")), None);
        fs::write(tree.path().join("Cargo.toml"), "").unwrap();
        for (below, is_built) in [
            ("target/release/orientd", true),
            ("target/debug/deps/it-1", true),
            ("target/x86_64-unknown-linux-gnu/release/orientd", true),
            ("target/orientd", false),
            ("bin/orientd", false),
            ("a/b/c/orientd", false),
        ] {
            let found = build_tree(&program(below)).is_some();
            assert_eq!(found, is_built, "{below}");
        }
    }

    #[test]
    fn a_library_that_others_can_change_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join(LIBRARY);
        fs::write(&library, "no library").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        for (of_folder, of_library, is_trusted) in [
            (0o755, 0o644, true),
            (0o755, 0o646, false),
            (0o757, 0o644, false),
            (0o1777, 0o644, true),
        ] {
            set(folder.path(), of_folder).unwrap();
            set(&library, of_library).unwrap();
            let trusted = ensure_trusted(&library).is_ok();
            assert_eq!(trusted, is_trusted, "{of_folder:o} {of_library:o}");
        }
    }
}
