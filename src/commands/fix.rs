//! `orientd fix`: applies a proposal that waits, or the turn a person gives. Either is an answer
//! worth remembering, so it becomes a label.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use super::list::known_path;
use crate::change::answer::{self, Planned};
use crate::change::journal::ChangeContext;
use crate::change::plan::TurnRequest;
use crate::cli::FixArgs;
use crate::context::CommandContext;
use crate::decode::sandbox::Sandbox;
use crate::decode::sandbox::prover::Prover;
use crate::decode::{Budget, Candidate, Decoded};
use crate::error::{ChangeError, Reason, SkipReason};
use crate::output::{self, human, json};
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::pipeline::policy::Fixing;
use crate::signals::Signals;
use crate::store::{
    KnownPhoto, LabelSource, ModelId, Observation, Observed, PhotoId, RunId, RunKind, Store,
};
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Verdict;

pub fn run(context: &CommandContext, args: &FixArgs) -> Result<ExitCode> {
    let turn = args.turn.as_deref().and_then(|degrees| degrees.parse().ok());
    let turn = turn.and_then(Turn::from_degrees);
    let mut store = context.open_store()?;
    let model = context.model(Some(&store))?;
    let model = store.known_model(&model.hash, context.config.thresholds)?;
    let run = store.begin_run(RunKind::Fix)?;
    let mut fixer = Fixer { context, args, store, run, model, n_done: 0, n_refused: 0 };
    for path in &args.paths {
        fixer.path(&known_path(path), turn)?;
    }
    fixer.finish()
}

struct Fixer<'a> {
    context: &'a CommandContext,
    args: &'a FixArgs,
    store: Store,
    run: RunId,
    model: Option<ModelId>,
    n_done: u64,
    n_refused: u64,
}

impl Fixer<'_> {
    fn path(&mut self, path: &Path, turn: Option<Turn>) -> Result<()> {
        if !path.exists() {
            return Err(anyhow!("there is no {}", path.display()));
        }
        let mut photos = Vec::new();
        self.store.photos_below(path, self.model, |photo| {
            photos.push(photo);
            Ok(())
        })?;
        if photos.is_empty() && turn.is_some() && path.is_file() {
            photos.extend(self.meet(path)?);
        }
        let is_one = path.is_file();
        if photos.is_empty() {
            let hint = "`orientd scan` looks at it first; --turn says what is right";
            return Err(anyhow!("nothing is known about {}\n  {hint}", path.display()));
        }
        for photo in photos {
            let proposed = photo.prediction.as_ref().map(|seen| seen.decision);
            let proposed = proposed.filter(|seen| seen.verdict != Verdict::Upright);
            let is_open = photo.is_current && photo.skipped.is_none();
            match (turn, proposed.filter(|_| is_open)) {
                (Some(turn), _) => self.photo(photo, turn)?,
                (None, Some(decision)) => self.photo(photo, decision.turn)?,
                (None, None) if is_one => {
                    return Err(anyhow!(
                        "no proposal is pending for {}\n  --turn DEG turns it all the same",
                        path.display()
                    ));
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Adds a photo that is not in the database, so that its change can be undone.
    fn meet(&mut self, path: &Path) -> Result<Option<KnownPhoto>> {
        let metadata = path.symlink_metadata().with_context(|| format!("{}", path.display()))?;
        let candidate = Candidate { path: path.to_owned(), identity: (&metadata).into() };
        let limits = &self.context.config.limits;
        // Decoding proves that it is a photo that can be shown; the network is not asked.
        let budget = Budget::new(usize::MAX);
        let signals = Signals::default();
        match Sandbox::new(limits, &budget, 64, &signals).decode(&candidate)? {
            Some(Decoded::Photo(_)) => {}
            None | Some(Decoded::NotAPhoto) => {
                return Err(anyhow!("{} is not a photo", path.display()));
            }
            Some(Decoded::Skipped { skip, .. }) => {
                return Err(anyhow!("{}: {skip}", path.display()));
            }
        }
        let outcome = Observed::Skipped {
            format: None,
            reason: Reason::new(
                SkipReason::NoAnswer.code(),
                "turned by hand before it was looked at",
            ),
        };
        let Candidate { path, identity } = candidate;
        let seen = Observation { path: path.clone(), identity, outcome };
        self.store.record(self.run, self.model, &[seen])?;
        self.store.photo_at(&path, self.model)
    }

    fn photo(&mut self, photo: KnownPhoto, turn: Turn) -> Result<()> {
        let id = photo.id;
        // A turn given by hand is meant for the photo as it is shown now.
        let stored = self.args.turn.is_none().then_some(photo.stored);
        let config = &self.context.config;
        let mode = self.context.policies(Fixing::Apply, self.args.mode).of(&photo.path).mode;
        let request = TurnRequest { turn, mode, max_original: config.retention.max_bytes };
        let prover = Prover::alone(config.limits);
        let planned = answer::plan(&photo, stored, request, LabelSource::Fix, &prover);
        let mut report = PhotoReport::from_listed(photo);
        let outcome = match planned {
            Ok(planned) => self.answer(&mut report, id, turn, planned),
            Err(why) => Err(ChangeError::Photo(why)),
        };
        match outcome {
            Ok(()) => self.n_done += 1,
            Err(ChangeError::Store(err)) => return Err(err),
            Err(ChangeError::Photo(why)) => {
                report.refused(&why);
                self.n_refused += 1;
            }
        }
        self.print(&report, turn)
    }

    fn answer(
        &mut self,
        report: &mut PhotoReport,
        id: PhotoId,
        turn: Turn,
        planned: Planned,
    ) -> Result<(), ChangeError> {
        (report.action, report.reason) = (Action::None, None);
        if let Some(prepared) = planned.prepared() {
            report.stored = prepared.patch.from;
            report.planned(prepared);
        }
        if self.args.dry_run {
            return Ok(());
        }
        let keep_mtime = self.context.config.keep_mtime;
        let retention = self.context.config.retention;
        let change_context =
            ChangeContext { run: self.run, photo: id, turn, keep_mtime, retention };
        planned.carry_out(&mut self.store, Some(change_context), &answer::current_user())
    }

    fn print(&self, report: &PhotoReport, turn: Turn) -> Result<()> {
        if self.args.json {
            let mut object = json::photo(report);
            let new = report.written.unwrap_or(report.stored.then(turn.orientation()));
            object["turn"] = turn.degrees().into();
            object["new"] = new.to_exif().into();
            return output::line(&object.to_string());
        }
        let path = human::printable(&report.path.to_string_lossy());
        let text = match &report.reason {
            Some(Reason { code, detail }) if report.action == Action::None => {
                format!("not turned  {path}  {code}: {detail}")
            }
            _ if turn == Turn::NONE => format!("left as it is  {path}"),
            reason => {
                let word = if self.args.dry_run { "would turn" } else { "turned" };
                let way = report.action.as_str();
                let why = reason.as_ref().map(|why| format!("  by {way} instead: {}", why.detail));
                format!("{word} {:>3}°  {path}{}", turn.degrees(), why.unwrap_or_default())
            }
        };
        output::line(&text)
    }

    fn finish(mut self) -> Result<ExitCode> {
        self.store.end_run(self.run)?;
        let failed = self.n_done == 0 && self.n_refused > 0;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
