//! Why one photo was left alone. It is recorded, and the run goes on.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};

use orientd_core::edit::refusal::Refusal;
use orientd_core::verdict::caution::Caution;

/// Why something was not done: a stable code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub code: Cow<'static, str>,
    pub detail: String,
}

impl Reason {
    pub fn new(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }

    /// See [`retry_of`].
    pub fn retry(&self) -> Retry {
        retry_of(&self.code)
    }
}

impl From<&SkipReason> for Reason {
    fn from(skip: &SkipReason) -> Self {
        Self::new(skip.code(), skip.to_string())
    }
}

impl From<Caution> for Reason {
    fn from(caution: Caution) -> Self {
        Self::new(caution.code(), caution.sentence())
    }
}

impl From<&FixError> for Reason {
    fn from(err: &FixError) -> Self {
        Self::new(err.code(), err.to_string())
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

/// When to try again although the file has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The reason lies in the file.
    Never,
    /// It lies in the settings, the machine or the moment.
    NextScan,
    /// It passes by itself, soon: the daemon does not wait for the next scan.
    Soon,
}

/// What the code of a reason says about trying again; unknown codes lie in the file.
pub fn retry_of(code: &str) -> Retry {
    match code {
        "too_large" | "library_missing" | "vanished" | "unreadable" | "no_answer"
        | "interrupted" | "no_prover" => Retry::NextScan,
        "changed_while_reading" | "no_space" | "write_failed" | "locked" => Retry::Soon,
        _ => Retry::Never,
    }
}

/// Does this reason not to put a change back go away only if somebody brings the old file back?
pub fn forecloses_undo(code: &str) -> bool {
    matches!(
        code,
        "vanished" | "sidecar_lost" | "changed" | "original_dropped" | "original_damaged"
    )
}

/// Does the reason with this code lie in the moment rather than in the file?
pub fn is_transient(code: &str) -> bool {
    retry_of(code) != Retry::Never
}

/// Why a change did not happen: something about the file, or something about the database.
#[derive(Debug)]
pub enum ChangeError {
    Photo(FixError),
    Store(anyhow::Error),
}

impl From<FixError> for ChangeError {
    fn from(err: FixError) -> Self {
        Self::Photo(err)
    }
}

impl From<anyhow::Error> for ChangeError {
    fn from(err: anyhow::Error) -> Self {
        Self::Store(err)
    }
}

/// Why a file could not be looked at.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum SkipReason {
    #[error("the file is empty")]
    Empty,
    #[error("the file ends before the picture does")]
    Truncated,
    #[error("the picture's data is damaged: {0}")]
    Corrupt(String),
    #[error("{0}")]
    UnsupportedFormat(String),
    #[error("{0}")]
    LibraryMissing(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("not a regular file")]
    NotRegular,
    #[error("the file is gone")]
    Vanished,
    /// The message includes the system's error, since it is stored as one text; so that is not a source as well.
    #[error("cannot read the file: {0}")]
    Unreadable(#[serde(with = "io_error")] io::Error),
    #[error("the file changed while it was being read")]
    ChangedWhileReading,
    #[error("no embedded picture that can be read: {0}")]
    NoPreview(String),
    #[error("the decoder failed inside: {0}")]
    DecoderPanicked(String),
    #[error("the decoder crashed on it twice: {0}")]
    DecoderCrashed(String),
    #[error("the decoder did not come to an end twice, within {0}")]
    DecoderTimedOut(String),
    #[error("decoding takes more memory than a file of this size should: {0}")]
    OutOfMemory(String),
    #[error("the network gave no usable answer")]
    NoAnswer,
}

impl SkipReason {
    /// The stable code in JSON and in the database.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Corrupt(_) => "corrupt",
            Self::UnsupportedFormat(_) => "unsupported_format",
            Self::LibraryMissing(_) => "library_missing",
            Self::TooLarge(_) => "too_large",
            Self::NotRegular => "not_a_regular_file",
            Self::Vanished => "vanished",
            Self::Unreadable(_) => "unreadable",
            Self::ChangedWhileReading => "changed_while_reading",
            Self::NoPreview(_) => "no_preview",
            Self::DecoderPanicked(_) => "decoder_panicked",
            Self::DecoderCrashed(_) => "decoder_crashed",
            Self::DecoderTimedOut(_) => "decoder_timed_out",
            Self::OutOfMemory(_) => "out_of_memory",
            Self::NoAnswer => "no_answer",
        }
    }
}

/// An I/O error on its way from a decoding process: the system's number where it has one.
mod io_error {
    use std::io;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(err: &io::Error, to: S) -> Result<S::Ok, S::Error> {
        (err.raw_os_error(), err.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<io::Error, D::Error> {
        let (code, text) = <(Option<i32>, String)>::deserialize(from)?;
        Ok(code.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error))
    }
}

impl From<io::Error> for SkipReason {
    fn from(err: io::Error) -> Self {
        match err.kind() {
            io::ErrorKind::NotFound => Self::Vanished,
            io::ErrorKind::UnexpectedEof => Self::ChangedWhileReading,
            _ => Self::Unreadable(err),
        }
    }
}

/// Why a photo that should be turned was not written.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("changed on disk since it was looked at")]
    Changed,
    #[error("its orientation is no longer the one it was looked at with")]
    Orientation,
    #[error("the original was dropped from the undo store, by its age or the store's size")]
    OriginalDropped,
    #[error("the kept original is damaged")]
    OriginalDamaged,
    #[error("the file is gone")]
    Vanished,
    #[error("the file has {0} hard links; a change would show in all of them")]
    HardLinked(u64),
    #[error("the file is read-only")]
    ReadOnly,
    #[error("the file belongs to another user")]
    NotOwner,
    #[error("another program holds a lock on the file")]
    Locked,
    #[error("turned and put back before; `orientd fix --turn` turns it again")]
    Undone,
    #[error("nothing was done to it that could be put back")]
    NothingToUndo,
    #[error("a person said that it is upright")]
    SaidUpright,
    #[error(
        "its orientation was changed outside after orientd had turned it, or is that of a backup; \
             `orientd fix --turn` turns it"
    )]
    PutBackOutside,
    #[error("the sidecar that held its turn is gone, was left behind, or says otherwise")]
    SidecarLost,
    #[error("orientd has turned it already; a second turn is for a person: `orientd fix --turn`")]
    TurnedBefore,
    #[error("stopped before the turned file was proved to show the same")]
    Interrupted,
    #[error("no decoder could prove that the turned file shows the same: {0}")]
    NoProver(String),
    /// Here and in `Io` the text holds the system's, as in [`SkipReason::Unreadable`].
    #[error("no permission to write here: {0}")]
    NoPermission(io::Error),
    #[error("the file's {0} cannot be carried over to a new file")]
    CannotCarry(&'static str),
    #[error("{doing}: {cause}")]
    Io { doing: &'static str, cause: io::Error },
    #[error("what was read back is not what was written; the journal has the old bytes")]
    Verify,
}

impl FixError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Changed => "changed",
            Self::Orientation => "orientation_changed",
            Self::OriginalDropped => "original_dropped",
            Self::OriginalDamaged => "original_damaged",
            Self::Vanished => "vanished",
            Self::HardLinked(_) => "hard_linked",
            Self::ReadOnly => "read_only",
            Self::NotOwner => "not_owner",
            Self::Locked => "locked",
            Self::Undone => "undone",
            Self::NothingToUndo => "nothing_to_undo",
            Self::SaidUpright => "said_upright",
            Self::PutBackOutside => "put_back_outside",
            Self::SidecarLost => "sidecar_lost",
            Self::TurnedBefore => "turned_before",
            Self::Interrupted => "interrupted",
            Self::NoProver(_) => "no_prover",
            Self::NoPermission(_) => "no_permission",
            Self::CannotCarry(_) => "cannot_carry_over",
            Self::Io { cause, .. }
                if matches!(
                    cause.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                "no_space"
            }
            Self::Io { .. } => "write_failed",
            Self::Verify => "verify_failed",
        }
    }

    /// Wraps an I/O error with what was being done.
    pub fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| match cause.kind() {
            io::ErrorKind::NotFound => Self::Vanished,
            io::ErrorKind::PermissionDenied => Self::NoPermission(cause),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::WouldBlock => Self::Locked,
            _ => Self::Io { doing, cause },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_says_each_thing_once() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let refused = FixError::from(Refusal::Signed);
        for (err, once) in [
            (anyhow::Error::from(refused), "C2PA"),
            (FixError::io("sync")(denied()).into(), "permission denied"),
            (FixError::io("sync")(io::ErrorKind::StorageFull.into()).into(), "storage"),
            (SkipReason::Unreadable(denied()).into(), "permission denied"),
        ] {
            let text = format!("{err:#}");
            assert_eq!(text.matches(once).count(), 1, "{text}");
        }
    }
}
