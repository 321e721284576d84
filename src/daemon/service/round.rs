//! One round of the service: scans the files that have settled, and gives them back if that fails.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Service;
use super::retry::Retry;
use super::work::Due;
use crate::change::recovery;
use crate::config::{FixPolicy, Root};
use crate::daemon::status::ServiceState;
use crate::error;
use crate::files::roots::{ByFolder, without_nested};
use crate::pipeline::Round;
use crate::pipeline::messages::Report;
use crate::pipeline::policy::{Fixing, Policies, Policy, TurnSettings};
use crate::pipeline::selection::Selection;
use crate::pipeline::walk::Settling;
use crate::store::{self, RunKind, Store, name_writer};
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;

impl Service {
    pub(super) fn round(&mut self) {
        let (roots, mut around) = self.roots_and_surroundings();
        roots.keep_reachable(&mut around);
        let due = std::mem::take(&mut self.work.due);
        if due.paths.is_empty() {
            // What failed went away with its folder: there is nothing left to try again.
            self.works_again();
            return;
        }
        self.publish(ServiceState::Looking);
        #[cfg(feature = "test-switches")]
        hang_for_a_test(&due);
        let result = self.run_round(&due);
        if self.engine.is_some() {
            self.last_used = Instant::now();
        }
        if result.is_err() || self.shared.signals.stop.is_set() {
            self.work.give_back(due);
        }
        match result {
            Ok(()) => self.works_again(),
            Err(err) => {
                self.engine = None;
                self.retry = Some(Retry::after(self.retry, Instant::now()));
                let text = format!("{:#}", name_writer(err, self.database.path()));
                self.shared.status().last_error = Some(text.clone());
                self.log.warn(&format!("paused, and tried again from time to time: {text}"));
            }
        }
    }

    fn works_again(&mut self) {
        if self.retry.take().is_some() {
            tracing::info!("it works again");
            self.shared.status().last_error = None;
        }
    }

    /// Begins another run on another day, so that what was turned on one can be put back by itself.
    fn renew_run(&mut self, store: &mut Store) -> Result<()> {
        let began = store.run_started_at(self.run)?.and_then(|began| local_date(began).ok());
        if began == local_date(store::now()).ok() {
            return Ok(());
        }
        store.end_run(self.run)?;
        self.run = store.begin_run(RunKind::Daemon)?;
        self.log.follow(self.run);
        Ok(())
    }

    fn run_round(&mut self, due: &Due) -> Result<()> {
        let mut store = self.database.take()?;
        recovery::settle_due(&mut store)?;
        self.renew_run(&mut store)?;
        let config = &self.settings.config;
        let round = Round {
            roots: without_nested(due.paths.iter().cloned()),
            selection: Selection::of_daemon(config.ignore.clone()),
            rescan: false,
            settling: Some(Settling {
                before_ns: now_ns() - ns(config.settle),
                settled: due.settled.clone(),
            }),
            anchors: self.roots.anchors(),
            inference: self.settings.inference.clone(),
            turns: TurnSettings {
                policies: policies(&config.roots),
                keep_mtime: config.keep_mtime,
                retention: config.retention,
                limits: config.limits,
            },
            in_full: false,
            signals: Arc::clone(&self.shared.signals),
        };
        let fix = ByFolder::new(config.roots.iter().map(|r| (r.path.clone(), r.fix)).collect());
        let mut engine = self.engine.take();
        let mut unsettled = Vec::new();
        let mut passing = Vec::new();
        let result = round.run(store, self.run, &mut engine, |report| match report {
            Report::Unsettled(path) => unsettled.push(path),
            Report::Photo(photo) => {
                if photo.reason.as_ref().is_some_and(|reason| reason.retry() == error::Retry::Soon)
                {
                    passing.push(photo.path.clone());
                }
                let proposes = fix.get(&photo.path).is_some_and(|fix| *fix != FixPolicy::Off);
                self.log.photo(&photo, proposes);
            }
            _ => {}
        });
        self.engine = engine;
        let now = Instant::now();
        for path in unsettled {
            self.work.queue.touch(path, now, config.settle);
        }
        for path in passing {
            self.work.queue.touch(path, now, config.poll);
        }
        self.database.put_back(result?);
        Ok(())
    }
}

/// For the test of the watchdog: a round that meets this file name never ends.
#[cfg(feature = "test-switches")]
fn hang_for_a_test(due: &Due) {
    let Some(name) = std::env::var_os("ORIENTD_TEST_HANG_ON") else { return };
    while due.paths.iter().any(|path| path.file_name() == Some(&name)) {
        std::thread::park();
    }
}

fn policies(roots: &[Root]) -> Policies {
    let policy = |root: &Root| {
        let fixing = if root.fix == FixPolicy::Auto { Fixing::Apply } else { Fixing::Off };
        let min_confidence = root.min_confidence.unwrap_or(0.0);
        let new_sidecar = root.sidecar_name;
        (root.path.clone(), Policy { fixing, min_confidence, mode: root.mode, new_sidecar })
    };
    let elsewhere = Policy {
        fixing: Fixing::Off,
        min_confidence: 0.0,
        mode: Mode::Tag,
        new_sidecar: SidecarStyle::Full,
    };
    Policies::new(elsewhere, roots.iter().map(policy).collect())
}

/// The day by the clock on the wall here.
fn local_date(seconds: i64) -> Result<Date> {
    Ok(Timestamp::from_second(seconds)?.to_zoned_datetime(TimeZone::system()).date())
}

fn ns(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn now_ns() -> i64 {
    ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
