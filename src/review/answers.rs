//! Carries out a person's answers: turns a photo through the journal, stores a label, undoes either.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::session::Session;
use crate::change::answer;
use crate::change::journal::{self, ChangeContext};
use crate::change::plan::TurnRequest;
use crate::decode::sandbox::prover::Prover;
use crate::error::{ChangeError, FixError, Reason};
use crate::files::identity::ContentHash;
use crate::pipeline::policy::{Policy, TurnSettings};
use crate::store::{KnownPhoto, LabelSource, ModelId, PhotoId, RunId, RunKind, Store, UndoOf};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::Turn;

/// One photo's answer. `Turn::NONE`: it is fine as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PhotoAnswer {
    pub photo: PhotoId,
    pub turn: Turn,
    /// The content that the person was shown.
    pub seen: Option<ContentHash>,
}

/// What came of one photo.
#[derive(Clone, Debug)]
pub(crate) struct AnswerOutcome {
    pub photo: PhotoId,
    /// Why nothing was done.
    pub refused: Option<Reason>,
}

/// What came of taking back a part of a group.
#[derive(Debug, Default)]
pub(crate) struct UndoneGroup {
    pub outcomes: Vec<AnswerOutcome>,
    /// `None`: there was nothing to take back.
    pub group: Option<u64>,
    pub n_left: usize,
}

/// A run of answers and its turns in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WayBack {
    pub run: RunId,
    pub n_turned: u64,
}

/// Carries out answers, one photo after the other.
pub(crate) struct AnswerWriter {
    store: Store,
    model: Option<ModelId>,
    turns: TurnSettings,
    prover: Prover,
    user: String,
    /// Where the answers come from.
    kind: RunKind,
    /// Begun with the first answer.
    run: Option<RunId>,
    session: Session,
}

impl AnswerWriter {
    pub(crate) fn new(
        store: Store,
        model: Option<ModelId>,
        turns: TurnSettings,
        kind: RunKind,
    ) -> Self {
        let prover = Prover::alone(turns.limits);
        let user = answer::current_user();
        let session = Session::default();
        Self { store, model, turns, prover, user, kind, run: None, session }
    }

    /// Ends the run, where one was begun. Returns how to put back what it turned, if anything.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub(crate) fn close(mut self) -> Result<Option<WayBack>> {
        let Some(run) = self.run else { return Ok(None) };
        self.store.end_run(run)?;
        let n_turned = self.store.changes_of_run(run)?.len() as u64;
        Ok((n_turned > 0).then_some(WayBack { run, n_turned }))
    }

    /// Every answer is durable when this returns. A photo that cannot be turned is left as it is
    /// and gets no label, since nothing came of the answer.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written; earlier photos of the list stay answered.
    pub(crate) fn answer(&mut self, answers: &[PhotoAnswer]) -> Result<Vec<AnswerOutcome>> {
        let group = self.begin_group();
        self.answer_in(group, answers)
    }

    /// Begins a group of answers that are taken back together.
    pub(crate) fn begin_group(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.session.begin(now.as_secs() as i64)
    }

    /// As [`AnswerWriter::answer`], added to a group.
    ///
    /// # Errors
    /// As [`AnswerWriter::answer`].
    pub(crate) fn answer_in(
        &mut self,
        group: u64,
        answers: &[PhotoAnswer],
    ) -> Result<Vec<AnswerOutcome>> {
        let is_alone = answers.len() == 1 && self.session.is_empty(group);
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            let done = self.answer_one(answer, is_alone);
            if let Ok(path) = &done {
                self.session.add(group, answer.photo, answer.turn, path.clone());
            }
            outcomes.push(outcome(answer.photo, done.map(drop))?);
        }
        Ok(outcomes)
    }

    /// What was answered and not taken back.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Returns where the photo is. `is_alone`: not one of many that were answered at once.
    fn answer_one(&mut self, answer: &PhotoAnswer, is_alone: bool) -> Result<PathBuf, ChangeError> {
        let photo = self.photo(answer.photo)?;
        if answer.seen != photo.hash {
            return Err(FixError::Changed.into());
        }
        let turn = answer.turn;
        let is_put_back = photo.said == Some((LabelSource::Outside, Turn::NONE));
        if is_put_back && turn != Turn::NONE && !is_alone {
            return Err(FixError::PutBackOutside.into());
        }
        let retention = self.turns.retention;
        let Policy { mode, new_sidecar, .. } = self.turns.policies.of(&photo.path);
        let request = TurnRequest { turn, mode, max_original: retention.max_bytes, new_sidecar };
        // Of a photo that was turned since it was looked at, the content alone is known.
        let shown = photo.is_current.then_some(photo.stored);
        let planned = answer::plan(&photo, shown, request, LabelSource::Review, &self.prover)?;
        let change_context = ChangeContext {
            run: self.run()?,
            photo: photo.id,
            turn,
            keep_mtime: self.turns.keep_mtime,
            retention,
        };
        planned.carry_out(&mut self.store, Some(change_context), &self.user)?;
        Ok(photo.path)
    }

    /// Takes back the latest answer or change of each photo.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written.
    pub(crate) fn undo(&mut self, photos: &[PhotoId]) -> Result<Vec<AnswerOutcome>> {
        let mut outcomes = Vec::with_capacity(photos.len());
        for photo in photos {
            outcomes.push(outcome(*photo, self.undo_one(*photo))?);
            // What cannot be put back is named once, and not tried again with the next undo.
            self.session.forget(*photo);
        }
        Ok(outcomes)
    }

    /// Takes back what was last answered together. Empty where there is nothing left.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written.
    pub(crate) fn undo_last(&mut self) -> Result<Vec<AnswerOutcome>> {
        Ok(self.undo_group(None, usize::MAX)?.outcomes)
    }

    /// Takes back at most `most` answers of a group, the latest first; of the latest group if none is named.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written.
    pub(crate) fn undo_group(&mut self, group: Option<u64>, most: usize) -> Result<UndoneGroup> {
        let Some((id, photos)) = self.session.photos(group) else {
            return Ok(UndoneGroup::default());
        };
        let now = photos.len().min(most);
        let outcomes = self.undo(photos.get(..now).unwrap_or_default())?;
        Ok(UndoneGroup { outcomes, group: Some(id), n_left: photos.len() - now })
    }

    fn undo_one(&mut self, id: PhotoId) -> Result<(), ChangeError> {
        let photo = self.photo(id)?;
        // An answer about the content as it is now is later than the change that led to it.
        if let Some(hash) = photo.hash
            && self.store.withdraw_answer(id, &hash)?
        {
            return Ok(());
        }
        let Some(change) = self.store.last_done(id)? else {
            return Err(FixError::NothingToUndo.into());
        };
        journal::undo(&mut self.store, &change, UndoOf::OnePhoto, self.turns.keep_mtime)?;
        // A sidecar was changed beside the content that the answer was about.
        let about = match change.mode {
            Mode::Sidecar => photo.hash,
            Mode::Tag | Mode::Pixels => change.hash_before,
        };
        if let Some(hash) = about {
            self.store.withdraw_answer(id, &hash)?;
        }
        Ok(())
    }

    fn photo(&self, id: PhotoId) -> Result<KnownPhoto, ChangeError> {
        self.store.photo(id, self.model)?.ok_or_else(|| FixError::Vanished.into())
    }

    fn run(&mut self) -> Result<RunId> {
        let run = match self.run {
            Some(run) => run,
            None => self.store.begin_run(self.kind)?,
        };
        self.run = Some(run);
        Ok(run)
    }
}

fn outcome(photo: PhotoId, result: Result<(), ChangeError>) -> Result<AnswerOutcome> {
    match result {
        Ok(()) => Ok(AnswerOutcome { photo, refused: None }),
        Err(ChangeError::Photo(why)) => Ok(AnswerOutcome { photo, refused: Some((&why).into()) }),
        Err(ChangeError::Store(err)) => Err(err),
    }
}
