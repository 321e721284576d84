//! Decoding threads: files in, pictures of the network's size out.

use std::path::PathBuf;
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, Sender};

use super::messages::Event;
use crate::decode::sandbox::Sandbox;
use crate::decode::{Budget, Candidate, Decoded, Limits, Photo};
use crate::error::SkipReason;
use crate::signals::Signals;
use crate::store::{Observation, Observed};

/// Decoders may hold this many bytes of pixels at once, all together.
pub const DECODE_BUDGET: usize = 144 << 20;

/// The name of every decoding thread.
pub const DECODER_THREAD: &str = "decoder";

/// A decoded photo on its way to the network.
pub type Pending = (PathBuf, Box<Photo>);

/// What all decoding threads share.
pub struct DecodePool<'a> {
    pub limits: &'a Limits,
    pub budget: &'a Budget,
    /// Side S of the pictures.
    pub side: usize,
    pub n_threads: usize,
    pub signals: &'a Signals,
}

/// Where a decoding thread takes files from and what it gives on. Files of `first` come before `work`.
#[derive(Clone)]
pub struct Channels {
    pub first: Receiver<Candidate>,
    pub work: Receiver<Candidate>,
    pub photos: Sender<Pending>,
    pub events: Sender<Event>,
}

impl<'a> DecodePool<'a> {
    /// Starts the threads. Each ends when its work is closed and drained, or nobody takes its photos.
    ///
    /// # Errors
    /// Returns an error if a thread cannot be started.
    pub fn spawn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        channels: &Channels,
    ) -> Result<Vec<ScopedJoinHandle<'scope, Result<()>>>> {
        let spawn = |_| {
            let channels = channels.clone();
            let thread = std::thread::Builder::new().name(DECODER_THREAD.into());
            let spawned = thread.spawn_scoped(scope, move || self.work(&channels));
            spawned.context("cannot start a decoding thread")
        };
        (0..self.n_threads.max(1)).map(spawn).collect()
    }

    fn work(&self, channels: &Channels) -> Result<()> {
        let mut decoder = Sandbox::new(self.limits, self.budget, self.side, self.signals);
        for candidate in channels.first.try_iter().chain(channels.work.iter()) {
            self.signals.heartbeat.beat();
            if self.signals.stop.is_set() {
                continue; // What was not looked at is found again.
            }
            if decode_one(candidate, &mut decoder, channels)?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Decodes one file and sends it on. `None` if there is nobody left to send it to.
fn decode_one(
    candidate: Candidate,
    decoder: &mut Sandbox<'_>,
    channels: &Channels,
) -> Result<Option<()>> {
    let outcome = match decoder.decode(&candidate)? {
        None => return Ok(Some(())), // Interrupted.
        Some(Decoded::Photo(photo)) => {
            return Ok(channels.photos.send((candidate.path, photo)).ok());
        }
        Some(Decoded::Skipped { format, skip }) => {
            skipped(format.map(|format| format.name()), &skip)
        }
        Some(Decoded::NotAPhoto) => Observed::NotAPhoto,
    };
    let Candidate { path, identity } = candidate;
    Ok(channels.events.send(Event::Observation(Observation { path, identity, outcome })).ok())
}

/// A skip as it is recorded.
pub fn skipped(format: Option<&'static str>, skip: &SkipReason) -> Observed {
    Observed::Skipped { format, reason: skip.into() }
}
