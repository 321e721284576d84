//! Proves, in a decoding process, that a file that is about to be written shows what the old one shows.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::fs::MemfdFlags;

use super::child::{ConversationError, Process};
use super::protocol::{Reply, Request};
use super::{TRIES, Times, refuse_bomb};
use crate::decode::budget::Budget;
use crate::decode::limits::Limits;
use crate::error::SkipReason;
use crate::signals::Signals;
use orientd_core::orientation::Turn;

/// Decodes files before and after a turn, each pair in a new process, so that a hostile one cannot affect the next.
#[derive(Clone)]
pub struct Prover {
    limits: Limits,
    budget: Arc<Budget>,
    signals: Arc<Signals>,
}

/// What decoding both files showed.
#[derive(Debug)]
pub enum Proof {
    Same,
    Different,
    /// One of them cannot be decoded.
    Undecoded(SkipReason),
    Interrupted,
}

impl Prover {
    pub fn new(limits: Limits, budget: Arc<Budget>, signals: Arc<Signals>) -> Self {
        Self { limits, budget, signals }
    }

    /// One for a program that does nothing else meanwhile and ends when it is killed.
    pub fn alone(limits: Limits) -> Self {
        Self::new(limits, Arc::new(Budget::new(usize::MAX)), Arc::default())
    }

    /// Does `new` show what `old` shows, turned? Both are HEIF files.
    ///
    /// # Errors
    /// Returns an error if no decoding process can be started, or each dies.
    pub fn compare(&self, old: &[u8], new: &[u8], turn: Turn) -> Result<Proof> {
        let files = [in_memory(old)?, in_memory(new)?];
        let n_bytes = (old.len() + new.len()) as u64;
        let mut n_deaths = 0;
        loop {
            let mut process = Process::start(true)?;
            let end = match self.converse(&mut process, &files, n_bytes, turn) {
                Ok(proof) => return Ok(proof),
                Err(ConversationError::Interrupted) => return Ok(Proof::Interrupted),
                Err(ConversationError::Refused(skip)) => return Ok(Proof::Undecoded(skip)),
                Err(end) => process.cause(&end),
            };
            n_deaths += 1;
            tracing::debug!("comparing two files: {end}");
            // The file was decoded before, so its death lies in the moment: in the machine's memory, say.
            anyhow::ensure!(n_deaths < TRIES, "{end}");
        }
    }

    fn converse(
        &self,
        process: &mut Process,
        files: &[File; 2],
        n_bytes: u64,
        turn: Turn,
    ) -> Result<Proof, ConversationError> {
        process.allow(Times::ALLOWED, n_bytes, 0)?;
        let quarters = u8::try_from(turn.class()).unwrap_or(0);
        let [old, new] = files;
        process.send(&Request::Compare { limits: self.limits, quarters }, &[old, new])?;
        let mut share = None;
        loop {
            match process.recv(&self.signals)? {
                Reply::Needs(bytes) => {
                    if let Some(skip) = refuse_bomb(n_bytes, bytes) {
                        return Err(ConversationError::Refused(skip));
                    }
                    drop(share.take());
                    share = Some(self.budget.take(bytes));
                    process.allow(Times::ALLOWED, n_bytes, bytes)?;
                    process.go()?;
                }
                Reply::Compared(true) => return Ok(Proof::Same),
                Reply::Compared(false) => return Ok(Proof::Different),
                Reply::Skipped { skip, .. } => return Ok(Proof::Undecoded(skip)),
                _ => return Err(ConversationError::Malformed),
            }
        }
    }
}

fn in_memory(bytes: &[u8]) -> Result<File> {
    let file = rustix::fs::memfd_create("orientd-proof", MemfdFlags::CLOEXEC);
    let mut file = File::from(file.context("cannot make a file in memory")?);
    file.write_all(bytes).context("cannot write a file in memory")?;
    Ok(file)
}
