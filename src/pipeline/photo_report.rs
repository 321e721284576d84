//! What is reported about one photo, in JSON and in text.

use std::path::PathBuf;

use crate::change::prepare::Prepared;
use crate::error::{FixError, Reason};
use crate::store::{KnownPhoto, LabelSource, Prediction};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::decision::Verdict;

/// What was done to a photo, or in a dry run would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    None,
    Turned(Mode),
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Turned(mode) => mode.as_str(),
        }
    }
}

/// One photo, as it is told to people and programs.
#[derive(Clone, Debug)]
pub struct PhotoReport {
    pub path: PathBuf,
    pub format: Option<String>,
    /// As stored, in pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub stored: Orientation,
    /// `None` if it was skipped.
    pub prediction: Option<Prediction>,
    pub action: Action,
    /// What the file or its sidecar then states, where something was done.
    pub written: Option<Orientation>,
    /// Why it was skipped, why nothing was done about it, or why it was
    /// not done in the mode that was asked for.
    pub reason: Option<Reason>,
    /// From the database: the file was not opened.
    pub known: bool,
    /// The action was performed, or planned, just now; else it is in force since an earlier time.
    pub just_now: bool,
}

impl PhotoReport {
    /// `None` for a photo that was skipped.
    pub fn verdict(&self) -> Option<Verdict> {
        self.prediction.as_ref().map(|prediction| prediction.decision.verdict)
    }

    /// `upright`, `fix`, `review` or `skipped`.
    pub fn verdict_word(&self) -> &'static str {
        self.verdict().map_or("skipped", Verdict::as_str)
    }

    /// The tag that the proposed turn makes of the stored one; `None` if no turn is proposed.
    pub fn new_orientation(&self) -> Option<Orientation> {
        if self.written.is_some() {
            return self.written;
        }
        let decision = self.prediction.as_ref()?.decision;
        (decision.verdict != Verdict::Upright)
            .then(|| self.stored.then(decision.turn.orientation()))
    }

    /// What the database knows of a photo.
    pub fn from_listed(photo: KnownPhoto) -> Self {
        let action = photo.fixed.map_or(Action::None, |(mode, _)| Action::Turned(mode));
        let is_put_back = photo.said == Some((LabelSource::Outside, Turn::NONE));
        let put_back = is_put_back.then(|| Reason::from(&FixError::PutBackOutside));
        Self {
            path: photo.path,
            format: photo.format,
            width: photo.width,
            height: photo.height,
            stored: photo.stored,
            prediction: if photo.skipped.is_some() { None } else { photo.prediction },
            action,
            written: photo.fixed.map(|(_, written)| written),
            reason: photo.skipped.or(put_back),
            known: true,
            just_now: false,
        }
    }

    /// Notes what is to be done, or was done, and in which way.
    pub fn planned(&mut self, prepared: &Prepared) {
        self.action = Action::Turned(prepared.mode);
        self.written = Some(prepared.patch.to);
        self.reason = prepared.instead.map(Reason::from);
    }

    /// Notes that nothing was done, and why.
    pub fn refused(&mut self, why: &FixError) {
        (self.action, self.written) = (Action::None, None);
        self.reason = Some(why.into());
    }
}
