//! Decoding in a process of its own, so that a decoder that crashes, hangs or eats memory costs the
//! file it was at and nothing else, and one that is taken over reaches nothing.
//!
//! The file is opened here and its descriptor handed over; back comes an S×S picture with what belongs
//! to it. What comes back is believed only as far as the network's answer goes: before a write, the
//! file is read, hashed and parsed again by the writer.

mod child;
mod confine;
mod deadline_reader;
mod protocol;
pub mod prover;
mod rlimits;
#[cfg(feature = "test-switches")]
mod test_switch;
pub mod worker;

use std::time::Duration;

use anyhow::Result;

use self::child::{ConversationError, Process};
use self::protocol::{Look, Reply, Request};
use super::budget::Budget;
use super::confinement::Confinement;
use super::file::{Opened, open};
use super::limits::Limits;
use super::photo::{Candidate, Decoded, Photo};
use crate::error::SkipReason;
use crate::signals::Signals;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

/// CPU time that one file may take. The largest allowed ones take seconds.
const CPU_LIMIT: Duration = Duration::from_secs(60);

/// Time that may go by: more, since a photo on a slow disk of a busy machine is no attack.
const WALL_LIMIT: Duration = Duration::from_secs(240);

/// A file that ends this many processes is not tried again until it changes.
const TRIES: u32 = 2;

/// One decoding process, started when it is first needed and replaced when it dies.
pub struct Sandbox<'a> {
    process: Option<Process>,
    limits: &'a Limits,
    budget: &'a Budget,
    /// Side S of the pictures.
    side: usize,
    signals: &'a Signals,
    times: Times,
    /// For the bench that says what all this costs: no process, no confinement.
    #[cfg(feature = "test-switches")]
    in_process: bool,
}

/// What one file may take.
#[derive(Clone, Copy, Debug)]
struct Times {
    cpu: Duration,
    wall: Duration,
}

impl Times {
    const ALLOWED: Self = Self { cpu: CPU_LIMIT, wall: WALL_LIMIT };
}

/// How one try ended.
enum Try {
    Decoded(Decoded),
    /// The process died, or had to be ended; why, in terms of the file.
    Died(SkipReason),
    NeedsHeif,
    Interrupted,
}

impl<'a> Sandbox<'a> {
    pub fn new(limits: &'a Limits, budget: &'a Budget, side: usize, signals: &'a Signals) -> Self {
        Self {
            process: None,
            limits,
            budget,
            side,
            signals,
            #[cfg(not(feature = "test-switches"))]
            times: Times::ALLOWED,
            #[cfg(feature = "test-switches")]
            times: test_switch::times().unwrap_or(Times::ALLOWED),
            #[cfg(feature = "test-switches")]
            in_process: test_switch::in_process(),
        }
    }

    /// From the next file on, pictures have this side.
    pub fn set_side(&mut self, side: usize) {
        self.side = side;
    }

    /// Looks at one file. `None` if an interruption came first: it is found again.
    ///
    /// # Errors
    /// Returns an error if no decoding process can be started, which is no file's fault.
    pub fn decode(&mut self, candidate: &Candidate) -> Result<Option<Decoded>> {
        #[cfg(feature = "test-switches")]
        if self.in_process {
            return Ok(Some(super::decode_in_process(
                candidate,
                self.limits,
                self.budget,
                self.side,
            )));
        }
        let (file, identity) = match open(&candidate.path) {
            Ok(opened) => opened,
            Err(skip) => return Ok(Some(Decoded::Skipped { format: None, skip })),
        };
        let opened = Opened { file: &file, identity, name: &candidate.path };
        let mut n_deaths = 0;
        loop {
            match self.try_once(opened)? {
                Try::Decoded(looked) => return Ok(Some(looked.shown_by_sidecar(&candidate.path))),
                Try::Interrupted => return Ok(None),
                Try::NeedsHeif => self.process = Some(Process::start(true)?),
                Try::Died(skip) => {
                    n_deaths += 1;
                    tracing::debug!("decoding {}: {skip}", candidate.path.display());
                    if n_deaths == TRIES {
                        return Ok(Some(Decoded::Skipped { format: None, skip }));
                    }
                }
            }
        }
    }

    fn try_once(&mut self, opened: Opened<'_>) -> Result<Try> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None => Process::start(false)?,
        };
        match self.exchange(&mut process, opened) {
            Ok(outcome) => {
                self.process = Some(process);
                Ok(outcome)
            }
            Err(ConversationError::Interrupted) => Ok(Try::Interrupted),
            // The process waits for a word that does not come, so it goes, through no fault of its own.
            Err(ConversationError::Refused(skip)) => {
                Ok(Try::Decoded(Decoded::Skipped { format: None, skip }))
            }
            Err(end) => Ok(Try::Died(process.cause(&end))),
        }
        // A process that was not put back is ended here.
    }

    fn exchange(
        &self,
        process: &mut Process,
        opened: Opened<'_>,
    ) -> Result<Try, ConversationError> {
        let Opened { file, identity, name } = opened;
        let n_bytes = identity.size.min(self.limits.max_file_bytes);
        process.allow(self.times, n_bytes, 0)?;
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let request = Request::Look(Look { name, identity, limits: *self.limits, side: self.side });
        process.send(&request, &[file])?;
        let mut share = None;
        loop {
            match process.recv(self.signals)? {
                Reply::Needs(bytes) => {
                    if let Some(skip) = refuse_bomb(identity.size, bytes) {
                        return Err(ConversationError::Refused(skip));
                    }
                    // Never two shares at once, or two files could wait for each other.
                    drop(share.take());
                    share = Some(self.budget.take(bytes));
                    process.allow(self.times, n_bytes, bytes)?;
                    process.go()?;
                }
                Reply::Photo { format, width, height, stored, taken, caution, hash } => {
                    let stored = Orientation::from_exif(stored.into())
                        .ok_or(ConversationError::Malformed)?;
                    let side = self.side;
                    let pixels = process.recv_pixels(3 * side * side, self.signals)?;
                    let picture = Rgb8 { width: side, height: side, pixels };
                    let photo = Photo {
                        identity,
                        hash,
                        format,
                        width,
                        height,
                        stored,
                        taken,
                        caution,
                        picture,
                    };
                    return Ok(Try::Decoded(Decoded::Photo(Box::new(photo))));
                }
                Reply::Skipped { format, skip } => {
                    return Ok(Try::Decoded(Decoded::Skipped { format, skip }));
                }
                Reply::NotAPhoto => return Ok(Try::Decoded(Decoded::NotAPhoto)),
                Reply::NeedsHeif if !process.has_heif() => return Ok(Try::NeedsHeif),
                Reply::Ready { .. } | Reply::NeedsHeif | Reply::Compared(_) => {
                    return Err(ConversationError::Malformed);
                }
            }
        }
    }
}

/// A file that unpacks to this much is looked at twice. A blank page of 54 megapixels in full colour takes
/// less.
const MUCH: u64 = 768 << 20;

/// Pixels to bytes of a file: photos have a few, a blank page a few hundred.
const MAX_UNPACKING: u64 = 2000;

/// Memory that no photo of this length takes.
fn refuse_bomb(file_bytes: u64, needed: usize) -> Option<SkipReason> {
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    let is_bomb = needed > MUCH && needed / MAX_UNPACKING > file_bytes;
    let text = || {
        format!("{file_bytes} bytes that unpack to {needed}: a blank picture or a bomb, no photo")
    };
    is_bomb.then(|| SkipReason::TooLarge(text()))
}

/// What a decoding process on this machine is held by, and which libheif it found, or why none.
///
/// # Errors
/// Returns an error if none can be started.
pub fn examine() -> Result<(Confinement, Result<String, String>)> {
    let process = Process::start(true)?;
    let heif = process.heif.clone().unwrap_or_else(|| Err("it was not looked for".into()));
    Ok((process.confinement, heif))
}
