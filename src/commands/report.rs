//! `orientd report`: one HTML file of what was turned, what waits, what could not be turned and what was skipped.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::cli::{ReportArgs, Since};
use crate::config;
use crate::context::CommandContext;
use crate::output::html::{LeftAlone, Report, Turned, Waiting};
use crate::output::{self, days, human};
use crate::review::thumbnails::Thumbnails;
use crate::store::{Change, KnownPhoto, ModelId, PhotoState, RunId, Store};

/// A file with more pictures is too large for a browser; the rest is named without.
const MAX_PICTURES: usize = 2000;

pub fn run(context: &CommandContext, args: &ReportArgs) -> Result<ExitCode> {
    let Some(mut store) = Store::open_existing(&context.db_path()?)? else {
        return Err(anyhow!("nothing is known yet\n  `orientd scan PATH` looks at photos"));
    };
    let model = context.model(Some(&store))?;
    let model = store.known_model(&model.hash, context.config.thresholds)?;
    let scope = Scope::of(&store, args)?;
    let cache = config::cache_dir()?.join("thumbnails");
    let thumbnails = Thumbnails::new(cache, context.config.limits, 1)?;
    let mut pictures = Pictures { thumbnails, n_left: MAX_PICTURES };
    let mut report = Report {
        title: scope.title(),
        day: days::today(),
        home: directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
        ..Report::default()
    };
    for change in scope.changes(&store)? {
        if change.is_superseded {
            let path = change.path.to_string_lossy().into_owned();
            let why = format!("orientd had turned it by {}° clockwise", change.turn.degrees());
            report.superseded.push(LeftAlone { path, why });
            continue;
        }
        let photo = store.photo(change.photo, model)?;
        let picture = pictures.of(photo.as_ref())?;
        let path = change.path.to_string_lossy().into_owned();
        let known = store.taken_and_sure(change.photo, model)?;
        let day = known.0.and_then(days::taken);
        let turn = change.turn.degrees();
        report.turned.push(Turned { path, turn, confidence: known.1, day, picture });
    }
    report.undo = scope.undo().filter(|_| !report.turned.is_empty());
    for photo in scope.photos(&store, model)? {
        let day = store.taken_and_sure(photo.id, model)?.0.and_then(days::taken);
        pictures.add(&mut report, &photo, day)?;
    }
    if args.output == Path::new("-") {
        return output::line(&report.html()).map(|()| ExitCode::SUCCESS);
    }
    if !may_be_replaced(&args.output)? {
        return Err(anyhow!(
            "{} is there, and is no report of orientd\n  name another file",
            args.output.display()
        ));
    }
    fs::write(&args.output, report.html())
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    output::line(&format!(
        "{}: {} turned, {} waiting, {} that could not be turned, {} skipped, in {}",
        scope.title(),
        human::grouped(report.turned.len() as u64),
        human::grouped(report.waiting.len() as u64),
        human::grouped(report.refused.len() as u64),
        human::grouped(report.skipped.len() as u64),
        human::printable(&args.output.to_string_lossy())
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Is nothing there, or nothing, or an earlier report? A photo's name is soon typed by mistake.
fn may_be_replaced(path: &Path) -> Result<bool> {
    let mut file = match fs::File::open(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        other => other.with_context(|| format!("cannot look at {}", path.display()))?,
    };
    if !file.metadata()?.is_file() {
        return Ok(true); // A pipe, or /dev/stdout.
    }
    let mut head = Vec::new();
    file.by_ref().take(1024).read_to_end(&mut head)?;
    let is_report = String::from_utf8_lossy(&head).contains("<title>orientd, ");
    Ok(head.is_empty() || is_report)
}

/// What the report is about.
enum Scope {
    Run(RunId, String),
    Since(Since),
    Waiting,
    /// What that run turned, and all that waits or was left alone by now.
    Latest(RunId, String),
}

impl Scope {
    fn of(store: &Store, args: &ReportArgs) -> Result<Self> {
        if let Some(run) = args.run.map(RunId::new) {
            let kind = store.run_kind(run)?.with_context(|| format!("there is no run {run}"))?;
            return Ok(Self::Run(run, kind));
        }
        if let Some(since) = args.since {
            return Ok(Self::Since(since));
        }
        if args.waiting {
            return Ok(Self::Waiting);
        }
        let latest = store.last_run_with_results()?;
        let (run, kind) = latest.context("nothing was scanned yet")?;
        Ok(Self::Latest(run, kind))
    }

    fn title(&self) -> String {
        match self {
            Self::Run(run, kind) => format!("run {run} ({kind})"),
            Self::Since(_) => "since the time that was named".to_owned(),
            Self::Waiting => "what waits now".to_owned(),
            Self::Latest(run, kind) => {
                format!("what run {run} ({kind}) turned, and what waits now")
            }
        }
    }

    /// The command that puts back what was turned.
    fn undo(&self) -> Option<String> {
        match self {
            Self::Run(run, _) | Self::Latest(run, _) => Some(format!("orientd undo --run {run}")),
            // A moment cannot be named to the second there; runs are listed with their numbers.
            Self::Since(_) => Some("orientd history".to_owned()),
            Self::Waiting => None,
        }
    }

    fn changes(&self, store: &Store) -> Result<Vec<Change>> {
        match self {
            Self::Run(run, _) | Self::Latest(run, _) => store.changes_of_run(*run),
            Self::Since(since) => store.changes_since(since.0),
            Self::Waiting => Ok(Vec::new()),
        }
    }

    fn includes(&self, photo: &KnownPhoto) -> bool {
        match self {
            Self::Run(run, _) => photo.run == *run,
            Self::Since(since) => photo.looked_at >= since.0,
            Self::Waiting => photo.state.is_open(),
            Self::Latest(..) => true,
        }
    }

    /// Those that wait or were left alone, the surest first.
    fn photos(&self, store: &Store, model: Option<ModelId>) -> Result<Vec<KnownPhoto>> {
        let mut photos = Vec::new();
        store.photos_below(Path::new("/"), model, |photo| {
            let is_told = photo.state.is_open() || photo.state == PhotoState::Skipped;
            if is_told && self.includes(&photo) {
                photos.push(photo);
            }
            Ok(())
        })?;
        photos.sort_by(|a, b| confidence(b).total_cmp(&confidence(a)));
        Ok(photos)
    }
}

fn confidence(photo: &KnownPhoto) -> f32 {
    photo.proposal().map_or(0.0, |proposal| proposal.confidence)
}

struct Pictures {
    thumbnails: Thumbnails,
    n_left: usize,
}

impl Pictures {
    /// `day`: when the photo was taken, in words.
    fn add(&mut self, report: &mut Report, photo: &KnownPhoto, day: Option<String>) -> Result<()> {
        let path = photo.path.to_string_lossy().into_owned();
        let is_asked = matches!(photo.state, PhotoState::Waiting | PhotoState::PutBack);
        if let (true, Some(proposal)) = (is_asked, photo.proposal()) {
            let picture = self.of(Some(photo))?;
            let turn = proposal.turn.degrees();
            let confidence = proposal.confidence.into();
            report.waiting.push(Waiting { path, turn, confidence, day, picture });
            return Ok(());
        }
        let (list, why) = match photo.state {
            PhotoState::Refused => (&mut report.refused, &photo.refused),
            _ => (&mut report.skipped, &photo.skipped),
        };
        let why = why.as_ref().map_or_else(String::new, |why| why.detail.clone());
        list.push(LeftAlone { path, why });
        Ok(())
    }

    /// `None` if the photo cannot be shown, or there are too many.
    fn of(&mut self, photo: Option<&KnownPhoto>) -> Result<Option<Vec<u8>>> {
        let Some(photo) = photo.filter(|_| self.n_left > 0) else { return Ok(None) };
        self.n_left -= 1;
        self.thumbnails.picture(photo)
    }
}
