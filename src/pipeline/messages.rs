//! What the threads of a round send each other.

use std::path::PathBuf;

use super::photo_report::PhotoReport;
use crate::decode::Candidate;
use crate::engine::Device;
use crate::files::identity::Identity;
use crate::store::{KnownFile, KnownOutcome, Observation, PhotoId};
use orientd_core::verdict::decision::Thresholds;

/// What the walk tells the recorder.
#[derive(Debug)]
pub enum WalkEvent {
    /// Known and unchanged; not opened. Many at once, since a message costs more than a file.
    Unchanged(Vec<(KnownFile, PathBuf)>),
    /// A known photo under a new name; not opened.
    Renamed { id: PhotoId, path: PathBuf, identity: Identity },
    /// Named like a photo, but not a regular file: a FIFO named `.jpg`, say.
    NotRegular(Candidate),
    /// A file that was found under another name already.
    SameFile,
    /// New or changed a moment ago; somebody may still be writing it.
    Unsettled(PathBuf),
    /// A folder or file that cannot be entered, and why.
    Unreadable(PathBuf, std::io::Error),
    /// Photos the database knows below the roots that were not found. Comes last.
    Missing(Vec<PhotoId>),
}

/// What a run learns about the engine once it is loaded.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    pub device: Device,
    /// The thresholds in the model file.
    pub own_thresholds: Thresholds,
    pub backbone: String,
}

/// What decoders and network tell the recorder: first the engine, then files in no particular order.
pub enum Event {
    Loaded(EngineInfo),
    Observation(Observation),
}

/// What the recorder tells the caller, after it is in the database.
#[derive(Debug)]
pub enum Report {
    Loaded(EngineInfo),
    Photo(Box<PhotoReport>),
    /// So many files: known, unchanged, and not asked for in full.
    Unchanged(KnownOutcome, u64),
    SameFile,
    OtherFile,
    /// To be scanned when it has settled.
    Unsettled(PathBuf),
    /// So many photos that were known and are gone.
    Missing(usize),
}
