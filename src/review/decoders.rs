//! Confined decoders that stay for the next picture, since starting one takes longer than a small photo.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::oneshot;

use crate::decode::sandbox::Sandbox;
use crate::decode::{Budget, Candidate, Decoded, Limits};
use crate::signals::Signals;

/// A decoder that had nothing to do for so long is ended.
const IDLE: Duration = Duration::from_secs(20);

/// A decoder is replaced after so many files: what one of them did to it does not last.
const FILES: usize = 64;

/// Pictures that wait for a decoder; more make the asker wait.
pub(super) const MOST_WAITING: usize = 512;

struct Job {
    candidate: Candidate,
    /// Of the square that the photo is squashed to.
    side: usize,
    reply: oneshot::Sender<Result<Option<Decoded>>>,
}

/// Threads with a decoding process each. They end when this is dropped, in the middle of a photo if need be.
pub(super) struct Decoders {
    jobs: Option<Sender<Job>>,
    allowance: Arc<Allowance>,
    threads: Vec<JoinHandle<()>>,
}

/// What the decoders may take, and how they are stopped.
struct Allowance {
    limits: Limits,
    budget: Budget,
    signals: Signals,
}

impl Decoders {
    /// # Errors
    /// Returns an error if a thread cannot be started.
    pub(super) fn start(n: usize, limits: Limits) -> Result<Self> {
        let budget = Budget::new(512 << 20);
        let allowance = Arc::new(Allowance { limits, budget, signals: Signals::default() });
        let (jobs, queue) = crossbeam_channel::bounded(MOST_WAITING);
        let mut threads = Vec::new();
        for _ in 0..n.max(1) {
            let queue: Receiver<Job> = queue.clone();
            let allowance = Arc::clone(&allowance);
            let thread = thread::Builder::new().name("thumbnails".into());
            let thread = thread.spawn(move || work(&queue, &allowance));
            threads.push(thread.context("cannot start a thread")?);
        }
        Ok(Self { jobs: Some(jobs), allowance, threads })
    }

    /// Decodes a photo to a square; the answer comes when a decoder is free.
    pub(super) fn decode(
        &self,
        candidate: Candidate,
        side: usize,
    ) -> oneshot::Receiver<Result<Option<Decoded>>> {
        let (reply, answer) = oneshot::channel();
        if let Some(jobs) = &self.jobs {
            // Without a thread to take it the reply is dropped, which the asker sees.
            drop(jobs.send(Job { candidate, side, reply }));
        }
        answer
    }
}

impl Drop for Decoders {
    fn drop(&mut self) {
        self.jobs = None;
        self.allowance.signals.stop.set();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::warn!("a thread of decoders panicked");
            }
        }
    }
}

fn work(queue: &Receiver<Job>, allowance: &Allowance) {
    let Allowance { limits, budget, signals } = allowance;
    while let Ok(first) = queue.recv() {
        let mut decoder = Sandbox::new(limits, budget, first.side, signals);
        let mut next = Some(first);
        let mut n_files = 0;
        while let Some(Job { candidate, side, reply }) = next {
            // Whoever asked may have gone; then nobody wants the picture.
            if !reply.is_closed() {
                decoder.set_side(side);
                drop(reply.send(decoder.decode(&candidate)));
                n_files += 1;
            }
            if n_files == FILES {
                break;
            }
            next = queue.recv_timeout(IDLE).ok();
        }
    }
}
