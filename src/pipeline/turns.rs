//! The recorder's second half: plans or makes the turns of photos with the verdict `fix`.

use anyhow::Result;

use super::owner::OwnersWord;
use super::photo_report::PhotoReport;
use super::policy::{Fixing, Policy};
use super::record::Recorder;
use super::refusal;
use super::seen::SeenPhoto;
use crate::change::journal::{self, ChangeContext};
use crate::change::plan::TurnRequest;
use crate::change::prepare::{Precondition, prepare};
use crate::error::{ChangeError, FixError};
use crate::store::Prediction;
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Verdict;

impl Recorder {
    /// Notices what the photo's owner made of it. Plans or performs the turn of a photo with the verdict `fix`,
    /// and notes what came of it.
    pub(super) fn propose(&mut self, report: &mut PhotoReport, seen: &SeenPhoto<'_>) -> Result<()> {
        let Some(Prediction { decision, .. }) = &report.prediction else { return Ok(()) };
        let decision = *decision;
        let word = self.owners_word(seen, decision.verdict != Verdict::Upright)?;
        if let Some(OwnersWord::Noticed(why)) = &word {
            report.refused(why);
            // It was noted, and that decides where the photo stands.
            if let Some(photo) = self.store.photo(seen.id, self.model)? {
                report.state = photo.state;
            }
            return Ok(());
        }
        let policy = self.turns.policies.of(&report.path);
        let is_sure = decision.confidence >= policy.min_confidence;
        if policy.fixing == Fixing::Off || decision.verdict != Verdict::Fix || !is_sure {
            return Ok(());
        }
        if self.signals.stop.is_set() {
            return Ok(()); // It stays pending, and is found again.
        }
        if let Some(OwnersWord::Settled(why)) = &word {
            return self.leave(report, seen, policy, why);
        }
        match self.fix(report, seen, decision.turn, policy) {
            Ok(()) => Ok(()),
            Err(ChangeError::Photo(why)) => self.leave(report, seen, policy, &why),
            Err(ChangeError::Store(err)) => Err(err),
        }
    }

    /// Keeps the reason, where the turn was really asked for.
    fn leave(
        &mut self,
        report: &mut PhotoReport,
        seen: &SeenPhoto<'_>,
        policy: Policy,
        why: &FixError,
    ) -> Result<()> {
        report.refused(why);
        match policy.fixing {
            Fixing::Apply => {
                refusal::keep(&mut self.store, self.run, seen.id, &seen.now.content, report)
            }
            _ => Ok(()),
        }
    }

    fn fix(
        &mut self,
        report: &mut PhotoReport,
        seen: &SeenPhoto<'_>,
        turn: Turn,
        policy: Policy,
    ) -> Result<(), ChangeError> {
        let photo = seen.id;
        let hash = &seen.now.content;
        refusal::check_owner(&self.store, photo, &seen.now, self.rescan)?;
        let stored = Some(report.stored);
        let expected = Precondition { identity: Some(&seen.identity), hash: Some(hash), stored };
        let request = TurnRequest {
            turn,
            mode: policy.mode,
            max_original: self.turns.retention.max_bytes,
            new_sidecar: policy.new_sidecar,
        };
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
