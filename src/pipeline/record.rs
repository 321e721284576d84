//! Owns the database: records what was seen, then plans or makes the turns. Recording and fixing share this
//! thread, so the journal is always written before the file.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, never, select};

use super::decode_pool::skipped;
use super::messages::{Event, Report, WalkEvent};
use super::policy::{Fixing, TurnSettings};
use super::seen::SeenPhoto;
use crate::change::originals;
use crate::decode::sandbox::prover::Prover;
use crate::error::{Reason, SkipReason};
use crate::files::identity::ContentHash;
use crate::pipeline::photo_report::{PhotoReport, bound};
use crate::signals::Signals;
use crate::store::{
    DisplayedPhoto, KnownFile, KnownOutcome, KnownPhoto, ModelId, Observation, Observed, PhotoId,
    PhotoState, RunId, Store, ThresholdOverrides,
};
use orientd_core::verdict::decision::Verdict;

/// Observations recorded in one transaction.
const BATCH: usize = 64;

/// The longest that an observation waits for its transaction.
const FLUSH_AFTER: Duration = Duration::from_millis(250);

pub(super) struct Recorder {
    pub store: Store,
    pub run: RunId,
    pub model_hash: ContentHash,
    pub model_name: String,
    /// `None` until the model has been used with this database.
    pub model: Option<ModelId>,
    pub thresholds: ThresholdOverrides,
    pub turns: TurnSettings,
    /// A person's earlier undo does not bind a rescan.
    pub rescan: bool,
    /// Report unchanged photos in full too.
    pub in_full: bool,
    pub signals: Arc<Signals>,
    pub prover: Prover,
}

/// The reporter has ended, which happens only when the whole run ends.
fn send(reports: &Sender<Report>, report: Report) -> Result<()> {
    reports.send(report).map_err(|_| anyhow::anyhow!("the reporter has ended"))
}

impl Recorder {
    /// Runs until both sources are closed and drained, then gives the database back.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written. Nothing of a photo's is lost: what was not
    /// recorded is looked at again.
    pub(super) fn run(
        mut self,
        events: Receiver<Event>,
        found: Receiver<WalkEvent>,
        reports: &Sender<Report>,
    ) -> Result<Store> {
        let mut events = Some(events);
        let mut found = Some(found);
        let mut batch = Vec::new();
        while events.is_some() || found.is_some() {
            let no_events = never();
            let no_found = never();
            let timeout = if batch.is_empty() { Duration::MAX } else { FLUSH_AFTER };
            select! {
                recv(events.as_ref().unwrap_or(&no_events)) -> event => match event {
                    Ok(event) => self.on_event(event, &mut batch, reports)?,
                    Err(_) => events = None,
                },
                recv(found.as_ref().unwrap_or(&no_found)) -> item => match item {
                    Ok(item) => self.on_found(item, &mut batch, reports)?,
                    Err(_) => found = None,
                },
                default(timeout) => self.flush(&mut batch, reports)?,
            }
            self.signals.heartbeat.beat();
            if batch.len() >= BATCH {
                self.flush(&mut batch, reports)?;
            }
        }
        self.flush(&mut batch, reports)?;
        originals::prune(&mut self.store, self.turns.retention, 0)?;
        Ok(self.store)
    }

    fn on_event(
        &mut self,
        event: Event,
        batch: &mut Vec<Observation>,
        reports: &Sender<Report>,
    ) -> Result<()> {
        match event {
            Event::Observation(seen) => batch.push(seen),
            Event::Loaded(info) => {
                let hash = &self.model_hash;
                let name = &self.model_name;
                let own = info.own_thresholds;
                let overrides = self.thresholds;
                let id = self.store.add_model(hash, name, &info.backbone, own, overrides)?;
                self.model = Some(id);
                send(reports, Report::Loaded(info))?;
            }
        }
        Ok(())
    }

    fn on_found(
        &mut self,
        item: WalkEvent,
        batch: &mut Vec<Observation>,
        reports: &Sender<Report>,
    ) -> Result<()> {
        match item {
            WalkEvent::Unchanged(batch) => self.unchanged(&batch, reports),
            WalkEvent::Unsettled(path) => send(reports, Report::Unsettled(path)),
            WalkEvent::Renamed { id, path, identity } => {
                self.store.rename(id, &path, &identity)?;
                match self.store.photo(id, self.model)? {
                    Some(photo) => self.known_photo(photo, reports),
                    None => Ok(()),
                }
            }
            WalkEvent::NotRegular(candidate) => {
                let outcome = skipped(None, &SkipReason::NotRegular);
                let path = candidate.path;
                let identity = candidate.identity;
                batch.push(Observation { path, identity, outcome });
                Ok(())
            }
            WalkEvent::SameFile => send(reports, Report::SameFile),
            WalkEvent::Unreadable(path, err) => {
                let reason = Reason::new("unreadable", format!("cannot look in here: {err}"));
                send(reports, Report::Photo(Box::new(PhotoReport::blank(path, None, Some(reason)))))
            }
            WalkEvent::Missing(ids) => {
                self.store.mark_missing(&ids)?;
                send(reports, Report::Missing(ids.len()))
            }
        }
    }

    fn unchanged(
        &mut self,
        batch: &[(KnownFile, PathBuf)],
        reports: &Sender<Report>,
    ) -> Result<()> {
        let mut counts: HashMap<KnownOutcome, u64> = HashMap::new();
        for (known, path) in batch {
            if known.is_missing
                && let Some(id) = known.id
            {
                self.store.mark_found(id)?;
            }
            let is_sure = matches!(known.outcome, KnownOutcome::Decoded {
                verdict: Verdict::Fix, state
            } if state.is_open());
            let is_due = is_sure && self.turns.policies.of(path).fixing != Fixing::Off;
            let is_told = is_due || (self.in_full && known.outcome != KnownOutcome::Other);
            if !is_told {
                *counts.entry(known.outcome).or_default() += 1;
            } else if let Some(id) = known.id
                && let Some(photo) = self.store.photo(id, self.model)?
            {
                self.known_photo(photo, reports)?;
            }
        }
        counts.into_iter().try_for_each(|(known, n)| send(reports, Report::Unchanged(known, n)))
    }

    fn known_photo(&mut self, photo: KnownPhoto, reports: &Sender<Report>) -> Result<()> {
        let id = photo.id;
        let identity = photo.identity;
        let hash = photo.hash.filter(|_| photo.is_current);
        let mut report = PhotoReport::from_listed(photo);
        if let Some(content) = hash {
            let path = report.path.clone();
            let stored = report.stored;
            let picture = self.store.picture_of(id, &content, stored)?;
            let now = DisplayedPhoto { content, stored, picture };
            self.propose(&mut report, &SeenPhoto { id, path: &path, identity, now })?;
        }
        send(reports, Report::Photo(Box::new(report)))
    }

    /// Records the batch, then does what is to be done about it.
    fn flush(&mut self, batch: &mut Vec<Observation>, reports: &Sender<Report>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        for seen in batch.iter() {
            self.follow_rename(seen)?;
        }
        let ids = self.store.record(self.run, self.model, batch)?;
        tracing::debug!(files = batch.len(), run = %self.run, "recorded");
        for (seen, id) in batch.drain(..).zip(ids) {
            self.report_seen(seen, id, reports)?;
        }
        Ok(())
    }

    /// A photo met at a new path that was known at another, where it no longer is, keeps its row.
    fn follow_rename(&mut self, seen: &Observation) -> Result<()> {
        let Observed::Photo { hash, .. } = &seen.outcome else { return Ok(()) };
        for (id, path, known_hash) in self.store.by_inode(&seen.identity)? {
            let is_gone = || fs::symlink_metadata(&path).is_err();
            if path != seen.path && known_hash.as_ref() == Some(hash) && is_gone() {
                return self.store.rename(id, &seen.path, &seen.identity);
            }
        }
        Ok(())
    }

    fn report_seen(
        &mut self,
        seen: Observation,
        id: Option<PhotoId>,
        reports: &Sender<Report>,
    ) -> Result<()> {
        let report = match seen.outcome {
            Observed::NotAPhoto => return send(reports, Report::OtherFile),
            Observed::Skipped { format, reason } => {
                PhotoReport::blank(seen.path, format, Some(reason))
            }
            Observed::Photo {
                hash: content,
                format,
                width,
                height,
                stored,
                prediction,
                picture,
                caution,
                ..
            } => {
                let picture = picture.map(|picture| *picture);
                let now = DisplayedPhoto { content, stored, picture };
                if let Some(id) = id {
                    let identity = seen.identity;
                    self.follow(&SeenPhoto { id, path: &seen.path, identity, now })?;
                }
                let known = id.map(|id| self.store.photo(id, self.model)).transpose()?.flatten();
                let state = known.map_or(PhotoState::Unseen, |photo| photo.state);
                let mut report = PhotoReport {
                    width: Some(width),
                    height: Some(height),
                    stored,
                    prediction: Some(prediction),
                    state,
                    reason: bound(caution, state),
                    ..PhotoReport::blank(seen.path.clone(), Some(format), None)
                };
                if let Some(id) = id {
                    let identity = seen.identity;
                    self.propose(&mut report, &SeenPhoto { id, path: &seen.path, identity, now })?;
                }
                report
            }
        };
        send(reports, Report::Photo(Box::new(report)))
    }
}
