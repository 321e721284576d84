//! `orientd run`: the service on one thread, and on this one signals, the socket and the watchdog.

pub(crate) mod control;
mod lock;
pub(crate) mod messages;
pub(crate) mod protocol;
mod service;
mod settle;
pub(crate) mod status;
mod watches;

use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use crossbeam_channel::unbounded;
use tokio::sync::oneshot;

use self::lock::DaemonLock;
use self::messages::{ServiceSettings, Shared};
use self::service::{BUSY_TIMEOUT, Service};
use crate::change::recovery;
use crate::store::{RunKind, Store};

/// Watches until a signal says to stop. `load` reads the settings, now and at every reload.
///
/// # Errors
/// Returns an error if it cannot start, or does not end in time.
pub(crate) fn run(db: &Path, load: impl Fn() -> Result<ServiceSettings>) -> Result<()> {
    let settings = load()?;
    let mut store = Store::open(db)?;
    let _lock = DaemonLock::take(db)?;
    recovery::settle_after_crash(&mut store)?;
    store.wait_at_most(BUSY_TIMEOUT)?;
    let run = store.begin_run(RunKind::Daemon)?;
    let shared = Arc::new(Shared::default());
    let (inbox_in, inbox) = unbounded();
    let service =
        Service::new(settings, store, run, Arc::clone(&shared), (inbox_in.clone(), inbox));
    let (ended_in, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    let serving = thread::Builder::new().name("service".into()).spawn(move || {
        // The receiver is gone only when the process is ending anyway.
        let _ = ended_in.send(service.run());
    })?;
    let ended = runtime.block_on(control::serve(db, &load, &shared, &inbox_in, ended))?;
    serving.join().map_err(|_| anyhow::anyhow!("the service panicked"))?;
    ended
}
