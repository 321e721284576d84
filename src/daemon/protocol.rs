//! The control socket: where it is, its messages, and the client's side.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::status::Status;

/// For one request; a client that sends none is disconnected.
pub(super) const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// Where the daemon of a database listens: in the runtime directory, or beside the database where
/// there is none. The name is the database's, since each may have its daemon.
pub(crate) fn socket_path(db: &Path) -> PathBuf {
    let db = std::path::absolute(db).unwrap_or_else(|_| db.to_owned());
    let hash = blake3::hash(db.as_os_str().as_encoded_bytes()).to_hex();
    let folder = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    match folder {
        Some(folder) => PathBuf::from(folder).join("orientd").join(format!("{}.sock", &hash[..16])),
        None => db.with_extension("sock"),
    }
}

/// What a client may ask, one JSON object a line: `{"do": "status"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Request {
    Status,
    Pause,
    Resume,
    Rescan,
    Reload,
}

/// The answer, one JSON object a line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Asks the daemon of a database. `Ok(None)` if none runs.
///
/// # Errors
/// Returns an error if it refuses, or its answer makes no sense.
pub(crate) fn ask(db: &Path, request: Request) -> Result<Option<Reply>> {
    let path = socket_path(db);
    let Ok(mut stream) = UnixStream::connect(&path) else { return Ok(None) };
    stream.set_read_timeout(Some(REQUEST_WITHIN))?;
    writeln!(stream, "{}", serde_json::to_string(&request)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).context("the daemon does not answer")?;
    let reply: Reply = serde_json::from_str(&line)
        .context("the daemon's answer is not understood; it may be of another version")?;
    if !reply.ok {
        bail!("{}", reply.error.as_deref().unwrap_or("the daemon refuses"));
    }
    Ok(Some(reply))
}

/// What the running daemon says of itself; `None` if none runs.
///
/// # Errors
/// As [`ask`].
pub(crate) fn status(db: &Path) -> Result<Option<Status>> {
    let Some(reply) = ask(db, Request::Status)? else { return Ok(None) };
    Ok(Some(reply.status.context("the daemon sent no status")?))
}
