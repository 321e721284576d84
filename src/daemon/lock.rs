//! One daemon a database.

use std::path::Path;

use anyhow::{Context, Result};

use crate::files::private;
use crate::store::own_files;

/// Held for the daemon's life: one daemon a database.
pub(super) struct DaemonLock(
    #[allow(dead_code, reason = "holding it open is its use")] std::fs::File,
);

impl DaemonLock {
    /// # Errors
    /// Returns an error if another daemon holds it, or the file cannot be made.
    pub(super) fn take(db: &Path) -> Result<Self> {
        use std::io::{Read, Write};
        let path = own_files::daemon_lock(db);
        let file = private::open_lock(&path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        if file.try_lock().is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid).context("cannot read the daemon's lock")?;
            anyhow::bail!("orientd runs already with this database, as process {}", pid.trim());
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(file))
    }
}
