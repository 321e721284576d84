//! What a person's answer does: a turn through the journal, a label, or taking either back.

use anyhow::Result;

use crate::change::answer;
use crate::change::journal::{self, Owner};
use crate::change::plan::Wish;
use crate::error::{Failure, FixError, Reason};
use crate::files::identity::ContentHash;
use crate::pipeline::policy::TurnSettings;
use crate::rules::orientation::Turn;
use crate::store::{LabelSource, Listed, ModelId, PhotoId, RunId, RunKind, Store};

/// Groups of answers that can be taken back by "undo the last".
const REMEMBERED: usize = 1000;

/// One photo's answer. `Turn::NONE`: it is fine as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    pub photo: PhotoId,
    pub turn: Turn,
    /// The content that the person was shown.
    pub seen: Option<ContentHash>,
}

/// What came of one photo.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub photo: PhotoId,
    /// Why nothing was done.
    pub refused: Option<Reason>,
}

/// Does what a person says, one photo after the other.
pub struct Clerk {
    store: Store,
    model: Option<ModelId>,
    turns: TurnSettings,
    who: String,
    /// Begun with the first change.
    run: Option<RunId>,
    /// Photos answered together, latest last.
    groups: Vec<Vec<PhotoId>>,
}

impl Clerk {
    pub fn new(store: Store, model: Option<ModelId>, turns: TurnSettings) -> Self {
        Self { store, model, turns, who: answer::who(), run: None, groups: Vec::new() }
    }

    /// Ends the run, where one was begun.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn close(mut self) -> Result<()> {
        self.run.map_or(Ok(()), |run| self.store.end_run(run))
    }

    /// Every answer is durable when this returns. A photo that cannot be turned is left as it is
    /// and gets no label, since nothing came of the answer.
    ///
    /// # Errors
    /// Where the database cannot be read or written; earlier photos of the list stay answered.
    pub fn answer(&mut self, answers: &[Answer]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(answers.len());
        let mut group = Vec::new();
        for answer in answers {
            let outcome = outcome(answer.photo, self.one(answer))?;
            if outcome.refused.is_none() {
                group.push(answer.photo);
            }
            outcomes.push(outcome);
        }
        self.remember(group);
        Ok(outcomes)
    }

    fn remember(&mut self, group: Vec<PhotoId>) {
        if group.is_empty() {
            return;
        }
        if self.groups.len() == REMEMBERED {
            self.groups.remove(0);
        }
        self.groups.push(group);
    }

    fn one(&mut self, answer: &Answer) -> Result<(), Failure> {
        let photo = self.photo(answer.photo)?;
        if answer.seen != photo.hash {
            return Err(FixError::Changed.into());
        }
        let (turn, keep) = (answer.turn, self.turns.keep);
        let mode = self.turns.policies.of(&photo.path).mode;
        let wish = Wish { turn, mode, max_original: keep.max_bytes };
        // Of a photo that was turned since it was looked at, the content alone is known.
        let shown = photo.is_current.then_some(photo.stored);
        let planned = answer::plan(&photo, shown, wish, LabelSource::Review)?;
        // A run holds changes; an answer that changes nothing needs none.
        let run = match planned.prepared() {
            Some(_) => Some(self.run()?),
            None => None,
        };
        let owner = run.map(|run| Owner {
            run,
            photo: photo.id,
            turn,
            keep_mtime: self.turns.keep_mtime,
            keep,
        });
        planned.carry_out(&mut self.store, owner, &self.who)
    }

    /// Takes back the latest answer or change of each photo.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub fn undo(&mut self, photos: &[PhotoId]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(photos.len());
        for photo in photos {
            outcomes.push(outcome(*photo, self.undo_one(*photo))?);
        }
        Ok(outcomes)
    }

    /// Takes back what was last answered together. Empty where there is nothing left.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub fn undo_last(&mut self) -> Result<Vec<Outcome>> {
        let group = self.groups.pop().unwrap_or_default();
        self.undo(&group)
    }

    fn undo_one(&mut self, id: PhotoId) -> Result<(), Failure> {
        let photo = self.photo(id)?;
        // An answer about the content as it is now is later than the change that led to it.
        if let Some(hash) = photo.hash
            && self.store.withdraw_answer(id, &hash)?
        {
            return Ok(());
        }
        let Some(change) = self.store.change_in_force(id)? else {
            return Err(FixError::NothingToUndo.into());
        };
        journal::undo(&mut self.store, &change, self.turns.keep_mtime)?;
        if let Some(hash) = change.hash_before {
            self.store.withdraw_answer(id, &hash)?;
        }
        Ok(())
    }

    fn photo(&self, id: PhotoId) -> Result<Listed, Failure> {
        self.store.photo(id, self.model)?.ok_or_else(|| FixError::Vanished.into())
    }

    fn run(&mut self) -> Result<RunId> {
        let run = match self.run {
            Some(run) => run,
            None => self.store.begin_run(RunKind::Review)?,
        };
        self.run = Some(run);
        Ok(run)
    }
}

fn outcome(photo: PhotoId, result: Result<(), Failure>) -> Result<Outcome> {
    match result {
        Ok(()) => Ok(Outcome { photo, refused: None }),
        Err(Failure::Photo(why)) => Ok(Outcome { photo, refused: Some((&why).into()) }),
        Err(Failure::Store(err)) => Err(err),
    }
}
