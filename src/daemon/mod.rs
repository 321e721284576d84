//! `orientd run`: the keeper on one thread, and on this one signals, the socket and the watchdog.

pub mod control;
pub mod keeper;
mod lock;
pub mod queue;
pub mod status;
pub mod watch;

use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use crossbeam_channel::unbounded;
use tokio::sync::oneshot;

use self::keeper::{BUSY_TIMEOUT, Keeper, Settings};
use self::lock::DaemonLock;
use self::status::Shared;
use crate::journal;
use crate::store::{RunKind, Store};

/// Watches until a signal says to stop. `load` reads the settings, now and at every reload.
///
/// # Errors
/// Where it cannot start, or does not end in time.
pub fn run(db: &Path, load: impl Fn() -> Result<Settings>) -> Result<()> {
    let settings = load()?;
    let mut store = Store::open(db)?;
    let _lock = DaemonLock::take(db)?;
    journal::settle_after_crash(&mut store)?;
    store.wait_at_most(BUSY_TIMEOUT)?;
    let run = store.begin_run(RunKind::Daemon)?;
    let shared = Arc::new(Shared::default());
    let (inbox_in, inbox) = unbounded();
    let keeper = Keeper::new(settings, store, run, Arc::clone(&shared), (inbox_in.clone(), inbox));
    let (ended_in, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    let keeping = thread::Builder::new().name("keeper".into()).spawn(move || {
        // Nobody waits for it only where the process is ending anyway.
        let _ = ended_in.send(keeper.run());
    })?;
    let ended = runtime.block_on(control::serve(db, &load, &shared, &inbox_in, ended))?;
    keeping.join().map_err(|_| anyhow::anyhow!("the keeper panicked"))?;
    ended
}
