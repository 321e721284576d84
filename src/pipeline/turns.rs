//! The recorder's second half: plans or makes the turns of photos with the verdict `fix`.

use anyhow::Result;

use super::photo_report::PhotoReport;
use super::policy::{Fixing, Policy};
use super::record::Recorder;
use crate::change::journal::{self, ChangeContext};
use crate::change::plan::TurnRequest;
use crate::change::prepare::{Precondition, prepare};
use crate::error::{ChangeError, FixError};
use crate::files::identity::{ContentHash, Identity};
use crate::store::{PhotoId, Prediction};
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Verdict;

impl Recorder {
    /// Plans or performs the turn of a photo with the verdict `fix`, and notes what came of it.
    pub(super) fn propose(
        &mut self,
        report: &mut PhotoReport,
        id: PhotoId,
        identity: &Identity,
        hash: &ContentHash,
    ) -> Result<()> {
        let Some(Prediction { decision, .. }) = &report.prediction else { return Ok(()) };
        let policy = self.turns.policies.of(&report.path);
        let is_sure = decision.confidence >= policy.min_confidence;
        if policy.fixing == Fixing::Off || decision.verdict != Verdict::Fix || !is_sure {
            return Ok(());
        }
        if self.signals.stop.is_set() {
            return Ok(()); // It stays pending, and is found again.
        }
        let turn = decision.turn;
        match self.fix(report, id, turn, policy, identity, hash) {
            Ok(()) => report.just_now = true,
            Err(ChangeError::Photo(why)) => report.refused(&why),
            Err(ChangeError::Store(err)) => return Err(err),
        }
        Ok(())
    }

    fn fix(
        &mut self,
        report: &mut PhotoReport,
        photo: PhotoId,
        turn: Turn,
        policy: Policy,
        identity: &Identity,
        hash: &ContentHash,
    ) -> Result<(), ChangeError> {
        if self.store.label_of(hash, report.stored)? == Some(Turn::NONE) {
            return Err(FixError::SaidUpright.into());
        }
        if !self.rescan && self.store.was_undone(photo, hash, report.stored)? {
            return Err(FixError::Undone.into());
        }
        let stored = Some(report.stored);
        let expected = Precondition { identity: Some(identity), hash: Some(hash), stored };
        let request =
            TurnRequest { turn, mode: policy.mode, max_original: self.turns.retention.max_bytes };
        let prepared = prepare(&report.path, expected, request, &self.prover)?;
        self.signals.heartbeat.beat();
        if policy.fixing == Fixing::Apply {
            let keep_mtime = self.turns.keep_mtime;
            let retention = self.turns.retention;
            let owner = ChangeContext { run: self.run, photo, turn, keep_mtime, retention };
            journal::apply(&mut self.store, owner, &prepared)?;
        }
        report.planned(&prepared);
        Ok(())
    }
}
