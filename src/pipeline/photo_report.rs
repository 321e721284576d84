//! What is reported about one photo, in JSON and in text.

use std::path::PathBuf;

use crate::change::prepare::Prepared;
use crate::error::{FixError, Reason};
use crate::store::{KnownPhoto, LabelSource, PhotoState, Prediction};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::caution::Caution;
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
    /// The turn that is in force since an earlier time.
    pub made: Option<Turn>,
    /// Why it was skipped, why nothing was done about it, or why it was
    /// not done in the mode that was asked for.
    pub reason: Option<Reason>,
    /// From the database: the file was not opened.
    pub known: bool,
    /// The action was performed, or planned, just now; else it is in force since an earlier time.
    pub just_now: bool,
    /// After what was done just now, or would be.
    pub state: PhotoState,
}

/// What bounds the verdict, where it is that to which it bounds it: `upright`, or a question.
pub(super) fn bound(caution: Option<Caution>, state: PhotoState) -> Option<Reason> {
    let is_question = caution == Some(Caution::PreviewUnclear);
    let is_told = state == if is_question { PhotoState::Waiting } else { PhotoState::Upright };
    caution.filter(|_| is_told).map(Reason::from)
}

impl PhotoReport {
    /// Nothing is known but the path.
    pub fn blank(path: PathBuf, format: Option<&str>, reason: Option<Reason>) -> Self {
        Self {
            path,
            format: format.map(str::to_owned),
            width: None,
            height: None,
            stored: Orientation::UPRIGHT,
            prediction: None,
            action: Action::None,
            written: None,
            made: None,
            state: if reason.is_some() { PhotoState::Skipped } else { PhotoState::Unseen },
            reason,
            known: false,
            just_now: false,
        }
    }

    /// What is to be done about it. What was turned earlier, or called fine, is upright by now. `None` for a photo
    /// that was skipped.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.state {
            PhotoState::Fine | PhotoState::Upright => Some(Verdict::Upright),
            PhotoState::Turned if !self.just_now => Some(Verdict::Upright),
            _ => self.prediction.as_ref().map(|prediction| prediction.decision.verdict),
        }
    }

    /// `upright`, `fix`, `review` or `skipped`.
    pub fn verdict_word(&self) -> &'static str {
        self.verdict().map_or("skipped", Verdict::as_str)
    }

    /// The turn that is proposed or was made; `Turn::NONE` for a photo that is fine. `None` where nothing was
    /// seen or done.
    pub fn turn(&self) -> Option<Turn> {
        match self.state {
            PhotoState::Fine | PhotoState::Upright => Some(Turn::NONE),
            _ => self.made.or(self.prediction.as_ref().map(|seen| seen.decision.turn)),
        }
    }

    /// The model's probability of [`PhotoReport::turn`].
    pub fn confidence(&self) -> Option<f32> {
        Some(self.prediction.as_ref()?.probabilities.of(self.turn()?))
    }

    /// The tag that the proposed turn makes of the stored one; `None` if no turn is proposed.
    pub fn new_orientation(&self) -> Option<Orientation> {
        if self.written.is_some() {
            return self.written;
        }
        let turn = self.prediction.as_ref()?.decision.turn;
        let is_proposed = self.verdict() != Some(Verdict::Upright);
        is_proposed.then(|| self.stored.then(turn.orientation()))
    }

    /// What the database knows of a photo.
    pub fn from_listed(photo: KnownPhoto) -> Self {
        let is_skipped = photo.skipped.is_some();
        let is_put_back = photo.said == Some((LabelSource::Outside, Turn::NONE));
        let put_back = is_put_back.then(|| Reason::from(&FixError::PutBackOutside));
        let in_force = photo.fixed.filter(|_| photo.state == PhotoState::Turned);
        let has_lost = photo.sidecar.is_some_and(|turn| turn.displayed != turn.written);
        let why_put_back = if has_lost { FixError::SidecarLost } else { FixError::Undone };
        let reason = match (in_force, photo.state) {
            (Some(_), _) => None,
            (None, PhotoState::PutBack) => Some(Reason::from(&why_put_back)),
            (None, _) => photo.skipped.or(photo.refused).or(put_back),
        };
        let reason = reason.or_else(|| bound(photo.caution, photo.state));
        Self {
            path: photo.path,
            format: photo.format,
            width: photo.width,
            height: photo.height,
            stored: photo.stored,
            prediction: if is_skipped { None } else { photo.prediction },
            action: in_force.map_or(Action::None, |made| Action::Turned(made.mode)),
            written: in_force.map(|made| made.to),
            made: in_force.map(|made| made.turn),
            reason,
            known: true,
            just_now: false,
            state: photo.state,
        }
    }

    /// Notes that a person says that it is fine as it is.
    pub fn called_fine(&mut self) {
        self.action = Action::None;
        self.written = None;
        self.made = None;
        self.reason = None;
        self.state = PhotoState::Fine;
    }

    /// Notes what is to be done, or was done, and in which way.
    pub fn planned(&mut self, prepared: &Prepared) {
        self.action = Action::Turned(prepared.mode);
        self.written = Some(prepared.patch.to);
        self.made = None;
        self.just_now = true;
        self.state = PhotoState::Turned;
        self.reason = prepared.instead.map(Reason::from);
    }

    /// Notes that nothing was done, and why.
    pub fn refused(&mut self, why: &FixError) {
        self.action = Action::None;
        self.written = None;
        self.made = None;
        self.just_now = false;
        self.reason = Some(why.into());
        self.state = match why {
            FixError::SaidUpright | FixError::PutBackOutside => PhotoState::Fine,
            FixError::Undone | FixError::SidecarLost => PhotoState::PutBack,
            FixError::TurnedBefore => PhotoState::Turned,
            _ => PhotoState::Refused,
        };
    }
}
