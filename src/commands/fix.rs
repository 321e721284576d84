//! `orientd fix`: makes the turns that are sure, or the one that a person names. Only the latter is an answer, and
//! becomes a label; the former are the model's, as in a scan.

mod stranger;
mod targets;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use super::interrupted;
use crate::change::answer::{self, Planned};
use crate::change::journal::{self, ChangeContext};
use crate::change::plan::TurnRequest;
use crate::change::prepare::{Precondition, Prepared, prepare};
use crate::cli::FixArgs;
use crate::context::CommandContext;
use crate::decode::sandbox::prover::Prover;
use crate::error::{ChangeError, FixError, Reason};
use crate::output::{self, human, json, question};
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::pipeline::policy::{Fixing, Policy};
use crate::pipeline::refusal;
use crate::stop::StopFlag;
use crate::store::{
    DisplayedPhoto, KnownPhoto, LabelSource, ModelId, PhotoId, RunId, RunKind, Store,
};
use orientd_core::orientation::Turn;
use targets::{Target, Targets};
use words::{in_doubt, put_back, question_about};

pub fn run(context: &CommandContext, args: &FixArgs) -> Result<ExitCode> {
    let mut store = context.open_store()?;
    let model = context.model(Some(&store))?;
    let model = store.known_model(&model.hash, context.config.thresholds)?;
    let stop = StopFlag::default();
    stop.set_on_interrupt()?;
    let targets = Targets::find(&store, model, args)?;
    if let Some(question) = question_about(&targets, args)
        && !args.dry_run
        && !args.yes
        && !question::ask(&question)?
    {
        eprintln!("Nothing was changed.");
        return Ok(ExitCode::FAILURE);
    }
    let left = [in_doubt(targets.n_doubtful_left), put_back(targets.n_put_back_left)];
    let mut fixer = Fixer {
        context,
        args,
        store,
        run: None,
        model,
        prover: Prover::alone(context.config.limits),
        stop,
        n_done: 0,
        n_left_alone: 0,
    };
    for target in targets.all {
        if fixer.stop.is_set() {
            return fixer.end_early();
        }
        fixer.target(target)?;
    }
    fixer.finish(left.into_iter().flatten().collect())
}

struct Fixer<'a> {
    context: &'a CommandContext,
    args: &'a FixArgs,
    store: Store,
    /// Begun with the first photo that is tried.
    run: Option<RunId>,
    model: Option<ModelId>,
    prover: Prover,
    /// Set by Ctrl-C; looked at between two photos.
    stop: StopFlag,
    n_done: u64,
    n_left_alone: u64,
}

impl Fixer<'_> {
    fn target(&mut self, target: Target) -> Result<()> {
        match target {
            Target::Proposed(photo, turn) => self.propose(*photo, turn),
            Target::Said(photo, turn) => self.say(*photo, turn),
            Target::Stranger(path, turn) => match self.meet(&path)? {
                Ok(photo) => {
                    let id = photo.id;
                    self.say(photo, turn)?;
                    self.store.forget_untouched(id)
                }
                Err(why) => self.leave_alone(path, None, why),
            },
            Target::LeftAlone(path, photo, why) => {
                self.leave_alone(path, photo.map(|photo| *photo), why)
            }
        }
    }

    fn run(&mut self) -> Result<RunId> {
        let kind = match self.args.turn {
            Some(_) => RunKind::Fix,
            None => RunKind::FixAsProposed,
        };
        let run = match self.run {
            Some(run) => run,
            None => self.store.begin_run(kind)?,
        };
        self.run = Some(run);
        Ok(run)
    }

    /// Adds a photo that is not in the database, so that its change can be undone.
    fn meet(&mut self, path: &Path) -> Result<Result<KnownPhoto, Reason>> {
        let seen = match stranger::observe(path, &self.context.config.limits)? {
            Ok(seen) => seen,
            Err(why) => return Ok(Err(why)),
        };
        let run = self.run()?;
        self.store.record(run, self.model, &[seen])?;
        let photo = self.store.photo_at(path, self.model)?;
        Ok(photo.ok_or_else(|| Reason::from(&FixError::Vanished)))
    }

    fn request(&self, photo: &KnownPhoto, turn: Turn) -> TurnRequest {
        let policies = self.context.policies(Fixing::Apply, self.args.mode);
        let Policy { mode, new_sidecar, .. } = policies.of(&photo.path);
        let max_original = self.context.config.retention.max_bytes;
        TurnRequest { turn, mode, max_original, new_sidecar }
    }

    fn change_context(&mut self, photo: PhotoId, turn: Turn) -> Result<ChangeContext> {
        let keep_mtime = self.context.config.keep_mtime;
        let retention = self.context.config.retention;
        Ok(ChangeContext { run: self.run()?, photo, turn, keep_mtime, retention })
    }

    /// Makes the turn that a person names.
    fn say(&mut self, photo: KnownPhoto, turn: Turn) -> Result<()> {
        let id = photo.id;
        // It is meant for the photo as it is shown now.
        let planned =
            answer::plan(&photo, None, self.request(&photo, turn), LabelSource::Fix, &self.prover);
        let mut report = PhotoReport::from_listed(photo);
        let outcome = match planned {
            Ok(planned) => self.answer(&mut report, id, turn, planned),
            Err(why) => Err(ChangeError::Photo(why)),
        };
        self.note(&mut report, outcome)?;
        self.print(&report, turn)
    }

    fn answer(
        &mut self,
        report: &mut PhotoReport,
        id: PhotoId,
        turn: Turn,
        planned: Planned,
    ) -> Result<(), ChangeError> {
        report.called_fine();
        if let Some(prepared) = planned.prepared() {
            report.stored = prepared.patch.from;
            report.planned(prepared);
        }
        if self.args.dry_run {
            return Ok(());
        }
        let change_context = self.change_context(id, turn)?;
        planned.carry_out(&mut self.store, Some(change_context), &answer::current_user())
    }

    /// Makes the turn that the model proposes.
    fn propose(&mut self, photo: KnownPhoto, turn: Turn) -> Result<()> {
        let id = photo.id;
        let hash = photo.hash;
        let outcome = self.apply(&photo, turn);
        let mut report = PhotoReport::from_listed(photo);
        let outcome = outcome.map(|prepared| report.planned(&prepared));
        self.note(&mut report, outcome)?;
        if let (Some(hash), false) = (hash, self.args.dry_run) {
            let run = self.run()?;
            refusal::keep(&mut self.store, run, id, &hash, &report)?;
        }
        self.print(&report, turn)
    }

    fn apply(&mut self, photo: &KnownPhoto, turn: Turn) -> Result<Prepared, ChangeError> {
        let hash = photo.hash.as_ref().ok_or(FixError::Changed)?;
        let picture = self.store.picture_of(photo.id, hash, photo.stored)?;
        let now = DisplayedPhoto { content: *hash, stored: photo.stored, picture };
        refusal::check_owner(&self.store, photo.id, &now, false)?;
        if photo.fixed.is_some() {
            return Err(FixError::TurnedBefore.into());
        }
        let identity = Some(&photo.identity);
        let expected = Precondition { identity, hash: Some(hash), stored: Some(photo.stored) };
        let prepared = prepare(&photo.path, expected, self.request(photo, turn), &self.prover)?;
        if !self.args.dry_run {
            let change_context = self.change_context(photo.id, turn)?;
            journal::apply(&mut self.store, change_context, &prepared)?;
        }
        Ok(prepared)
    }

    /// Counts, and puts a refusal into the report.
    fn note(&mut self, report: &mut PhotoReport, outcome: Result<(), ChangeError>) -> Result<()> {
        match outcome {
            Ok(()) => self.n_done += 1,
            Err(ChangeError::Store(err)) => return Err(err),
            Err(ChangeError::Photo(why)) => {
                report.refused(&why);
                self.n_left_alone += 1;
            }
        }
        Ok(())
    }

    fn leave_alone(&mut self, path: PathBuf, photo: Option<KnownPhoto>, why: Reason) -> Result<()> {
        self.n_left_alone += 1;
        let mut report = match photo {
            Some(photo) => PhotoReport::from_listed(photo),
            None => PhotoReport::blank(path, None, None),
        };
        report.action = Action::None;
        report.reason = Some(why);
        if self.args.json {
            return output::line(&json::photo(&report).to_string());
        }
        self.print(&report, self.args.turn.unwrap_or(Turn::NONE))
    }

    fn print(&self, report: &PhotoReport, turn: Turn) -> Result<()> {
        if self.args.json {
            let mut object = json::photo(report);
            let new = report.written.unwrap_or(report.stored.then(turn.orientation()));
            object["turn"] = turn.degrees().into();
            object["new"] = new.to_exif().into();
            return output::line(&object.to_string());
        }
        let is_refused = report.reason.is_some() && report.action == Action::None;
        if self.context.global.quiet && !is_refused {
            return Ok(());
        }
        let path = human::printable(&report.path.to_string_lossy());
        let why = report.reason.as_ref().map(|why| human::printable(&why.detail));
        let text = match why {
            Some(why) if report.action == Action::None => format!("not turned   {path}  {why}"),
            _ if turn == Turn::NONE => format!("left as it is  {path}"),
            why => {
                let word = if self.args.dry_run { "would turn" } else { "turned" };
                let sure = report.confidence().filter(|_| self.args.turn.is_none());
                let sure = sure.map(|sure| format!("  {:.0} %", human::floored(sure)));
                let way = report.action.as_str();
                let why = why.map(|why| format!("  by {way} instead: {why}"));
                let why = why.unwrap_or_default();
                format!("{word} {:>3}°{}  {path}{why}", turn.degrees(), sure.unwrap_or_default())
            }
        };
        output::line(&text)
    }

    fn end_early(mut self) -> Result<ExitCode> {
        let Some(run) = self.run else { return interrupted::end("nothing was turned before that") };
        self.store.end_run(run)?;
        let n_turned = self.store.changes_of_run(run)?.len() as u64;
        let turned = format!("{} turned before that", human::plural(n_turned, "photo"));
        let undo = format!("; `orientd undo --run {run}` takes that back");
        interrupted::end(&if n_turned > 0 { turned + &undo } else { turned })
    }

    /// `left`: sentences about what nobody asked for.
    fn finish(mut self, left: Vec<String>) -> Result<ExitCode> {
        if let Some(run) = self.run {
            self.store.end_run(run)?;
        }
        if !self.args.json {
            for line in self.closing() {
                output::line(&line)?;
            }
        }
        for text in left {
            match self.args.json {
                true => eprintln!("orientd: {text}"),
                false => output::line(&text)?,
            }
        }
        Ok(if self.n_left_alone > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn closing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let photos = human::plural(self.n_done, "photo");
        match (self.run, self.args.turn) {
            _ if self.n_done == 0 && self.n_left_alone == 0 => {
                lines.push("Nothing that is sure waits here.".to_owned());
            }
            _ if self.n_done == 0 => {}
            _ if self.args.dry_run => {
                lines.push(format!("Would turn {photos}. Nothing was changed."));
            }
            (_, Some(Turn::NONE)) => {
                lines.push(format!("Noted of {photos} that nothing is wrong."))
            }
            (Some(run), _) => {
                lines.push(format!("Turned {photos}. To put them back: orientd undo --run {run}"));
            }
            (None, _) => {}
        }
        if self.n_left_alone > 0 {
            lines.push(format!(
                "{} left alone, as said.",
                human::plural(self.n_left_alone, "photo")
            ));
        }
        lines
    }
}
