//! The review page: a small web server for one person on this machine.
//!
//! `auth` decides who may ask, `routes` and `api` what is answered. Three threads own a database each:
//! one reads pages, one looks up photos for their pictures, one writes answers.

mod actor;
mod addresses;
mod answering;
mod api;
mod assets;
mod auth;
mod home;
mod opening;
mod photos;
mod pictures;
mod respond;
mod routes;
mod server;
mod texts;
mod training;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::answers::{AnswerWriter, WayBack};
use super::thumbnails::Thumbnails;
use crate::decode::Limits;
use crate::output::{self, human};
use crate::pipeline::policy::TurnSettings;
use crate::store::{ModelId, RunKind, Store};

/// Everything that the page needs from the command line and the config.
pub(crate) struct PageSettings {
    pub address: SocketAddr,
    /// Names that the page may be reached by, beside its addresses.
    pub hosts: Vec<String>,
    /// Asked for instead of the token in the address.
    pub password: Option<String>,
    pub opens_browser: bool,
    pub limits: Limits,
    pub turns: TurnSettings,
    /// Photos decoded at the same time.
    pub n_decoders: usize,
    /// Folder of the thumbnails.
    pub cache: PathBuf,
    pub reader: Store,
    pub writer: Store,
    pub model: Option<ModelId>,
}

/// What all requests share.
pub(crate) struct Page {
    auth: auth::Auth,
    reader: actor::Actor<Store>,
    /// For pictures, which must not wait until 100,000 photos are counted.
    viewer: actor::Actor<Store>,
    answers: actor::Actor<AnswerWriter>,
    thumbnails: Arc<Thumbnails>,
    training: Arc<training::Training>,
    languages: texts::Languages,
    model: Option<ModelId>,
    home: Option<PathBuf>,
}

/// Serves until interrupted.
///
/// # Errors
/// Returns an error if the address cannot be had, or a thread or the database fails.
pub(crate) fn serve(settings: PageSettings) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(settings.n_decoders + 8)
        .build()
        .context("cannot start the server")?;
    runtime.block_on(run(settings))
}

async fn run(settings: PageSettings) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(settings.address)
        .await
        .with_context(|| format!("cannot listen on {}", settings.address))?;
    let address = listener.local_addr().context("cannot tell the address")?;
    let auth = auth::Auth::new(address, settings.hosts, settings.password)?;
    let db = settings.writer.path().to_owned();
    let answers = AnswerWriter::new(settings.writer, settings.model, settings.turns, RunKind::Page);
    let viewer = Store::open(settings.reader.path())?;
    let (viewer, viewer_thread) = actor::Actor::spawn("viewer", viewer, |_| Ok(()))?;
    let (reader, reader_thread) = actor::Actor::spawn("reader", settings.reader, |_| Ok(()))?;
    let (answers, answers_thread) = actor::Actor::spawn("answers", answers, close)?;
    let thumbnails = Thumbnails::new(settings.cache, settings.limits, settings.n_decoders)?;
    let urls = auth.urls();
    let here = auth.here();
    let once = auth.once();
    let page = Arc::new(Page {
        auth,
        reader,
        viewer,
        answers,
        thumbnails: Arc::new(thumbnails),
        training: Arc::new(training::Training::new(db)),
        languages: texts::Languages::read()?,
        model: settings.model,
        home: home::home(),
    });
    for (n, url) in urls.iter().enumerate() {
        let said = if n == 0 { "The review page is at" } else { "                or at" };
        output::line(&format!("{said}  {url}"))?;
    }
    if address.ip().is_unspecified() {
        output::line(&format!("On this machine:       http://{here}/"))?;
    }
    output::line("Ctrl-C ends it.")?;
    if settings.opens_browser {
        open_browser(&once);
    }
    server::serve(listener, Arc::clone(&page)).await?;
    page.training.stop();
    drop(page);
    // Requests in flight hold the page too; the threads end with the last of them.
    for thread in [reader_thread, viewer_thread, answers_thread] {
        let ended = tokio::task::spawn_blocking(move || thread.join()).await;
        ended
            .context("a thread of the page")?
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(())
}

/// Ends with what was done, and the way back.
fn close(answers: AnswerWriter) -> Result<()> {
    let Some(WayBack { run, n_turned }) = answers.close()? else { return Ok(()) };
    let turned = human::plural(n_turned, "photo");
    output::line(&format!("{turned} turned; `orientd undo --run {run}` takes that back"))
}

/// `once` holds a token that works a single time: other users can read a command line.
fn open_browser(once: &str) {
    use std::process::{Command, Stdio};
    let quiet = || (Stdio::null(), Stdio::null(), Stdio::null());
    let (stdin, stdout, stderr) = quiet();
    let opened =
        Command::new("xdg-open").arg(once).stdin(stdin).stdout(stdout).stderr(stderr).spawn();
    if let Err(err) = opened {
        tracing::info!("no browser was opened: {err}");
    }
}
