//! One decoding process as its parent sees it: start, limits, conversation, end.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::MemfdFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Resource};
use serde_json::from_slice;

use super::Times;
use super::deadline_reader::{DeadlineReader, GRACE};
use super::protocol::{GO, MAX_BYTES, Reply, Request};
use super::rlimits::{cpu_seconds, set_soft_limit};
use crate::decode::confinement::Confinement;
use crate::error::SkipReason;
use crate::ipc;
use crate::signals::Signals;

/// How often a wait checks for a stop.
const TICK: Duration = Duration::from_millis(500);

/// A process has this long to start, even on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Address space beyond what is counted: headers, tables, colour profiles, the small picture.
const SLACK: u64 = 96 << 20;

/// libheif's threads each reserve a stack, and codecs keep several pictures. Not before it is known how
/// large the picture is, for headers are where bombs begin.
const HEIF_SLACK: u64 = 256 << 20;

pub(super) struct Process {
    child: Child,
    stream: UnixStream,
    /// Its standard error: what it printed before it ended.
    stderr: File,
    address_space: u64,
    deadline: Instant,
    times: Option<Times>,
    pub confinement: Confinement,
    pub heif: Option<Result<String, String>>,
}

/// Why an exchange of messages failed.
#[derive(Debug)]
pub(super) enum ConversationError {
    Interrupted,
    /// It asked for more than a photo can need.
    Refused(SkipReason),
    TooLong,
    /// It sent a message that a sound process never sends.
    Malformed,
    /// It has ended, or does not read.
    Lost(io::Error),
}

impl From<io::Error> for ConversationError {
    fn from(err: io::Error) -> Self {
        match err.kind() {
            ErrorKind::TimedOut => Self::TooLong,
            ErrorKind::ConnectionAborted => Self::Interrupted,
            ErrorKind::InvalidData => Self::Malformed,
            _ => Self::Lost(err),
        }
    }
}

impl Process {
    /// Starts one and waits until it is ready. `heif`: with libheif, which takes time and memory.
    ///
    /// # Errors
    /// Returns an error if it cannot be started, or does not report that it is ready.
    pub(super) fn start(heif: bool) -> Result<Self> {
        let (stream, theirs) = UnixStream::pair().context("cannot make a socket pair")?;
        stream.set_read_timeout(Some(TICK)).context("cannot set a timeout")?;
        stream.set_write_timeout(Some(START)).context("cannot set a timeout")?;
        let stderr = rustix::fs::memfd_create("orientd-decoder", MemfdFlags::CLOEXEC);
        let stderr = File::from(stderr.context("cannot make a file in memory")?);
        // The running program itself, even where an update has replaced its file.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("orientd").arg("decode-worker").args(heif.then_some("--heif"));
        // A terminal's Ctrl-C is for the parent, and an unmounted folder must not be held.
        command.process_group(0).current_dir("/").stdin(OwnedFd::from(theirs));
        command
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(stderr.try_clone().context("cannot share a file")?);
        let child = command.spawn().context("cannot start a decoding process")?;
        drop(command); // It holds their end of the conversation.
        let confinement = Confinement { seccomp: false, landlock: false };
        let deadline = Instant::now() + START;
        let mut process = Self {
            child,
            stream,
            stderr,
            address_space: 0,
            deadline,
            times: None,
            confinement,
            heif: None,
        };
        match process.recv(&Signals::default()) {
            Ok(Reply::Ready { confinement, address_space, heif: found }) => {
                process.address_space = address_space;
                (process.confinement, process.heif) = (confinement, found);
                Ok(process)
            }
            Ok(other) => bail!("the decoding process began with {other:?}"),
            Err(end) => bail!("the decoding process did not start: {}", process.cause(&end)),
        }
    }

    /// Has it tried to load libheif?
    pub(super) fn has_heif(&self) -> bool {
        self.heif.is_some()
    }

    /// Sets what the file at hand may take: its own size twice, and `pixels` bytes twice, over what
    /// the process had before any file.
    pub(super) fn allow(
        &mut self,
        times: Times,
        n_bytes: u64,
        pixels: usize,
    ) -> Result<(), ConversationError> {
        let slack = if self.has_heif() && pixels > 0 { SLACK + HEIF_SLACK } else { SLACK };
        let pixels = u64::try_from(pixels).unwrap_or(u64::MAX);
        let for_file = n_bytes.saturating_add(pixels).saturating_mul(2).saturating_add(slack);
        let pid = Pid::from_child(&self.child);
        set_soft_limit(pid, Resource::As, self.address_space.saturating_add(for_file))?;
        set_soft_limit(pid, Resource::Cpu, cpu_seconds(pid)?.saturating_add(times.cpu.as_secs()))?;
        self.deadline = Instant::now() + times.wall;
        self.times = Some(times);
        Ok(())
    }

    pub(super) fn send(
        &mut self,
        request: &Request,
        files: &[&File],
    ) -> Result<(), ConversationError> {
        let request = serde_json::to_vec(request).map_err(io::Error::other)?;
        ipc::write(&self.stream, &[&request])?;
        files.iter().try_for_each(|file| self.send_file(file))
    }

    fn send_file(&self, file: &File) -> Result<(), ConversationError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [file.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&self.stream, &[IoSlice::new(b"f")], &mut ancillary, SendFlags::NOSIGNAL)
            .map_err(io::Error::from)?;
        Ok(())
    }

    pub(super) fn go(&mut self) -> Result<(), ConversationError> {
        Ok(ipc::write(&self.stream, &[GO])?)
    }

    pub(super) fn recv(&mut self, signals: &Signals) -> Result<Reply, ConversationError> {
        from_slice(&self.frame(MAX_BYTES, signals)?).map_err(|_| ConversationError::Malformed)
    }

    pub(super) fn recv_pixels(
        &mut self,
        n: usize,
        signals: &Signals,
    ) -> Result<Vec<u8>, ConversationError> {
        let pixels = self.frame(n, signals)?;
        if pixels.len() == n { Ok(pixels) } else { Err(ConversationError::Malformed) }
    }

    fn frame(&self, most: usize, signals: &Signals) -> Result<Vec<u8>, ConversationError> {
        let reader = DeadlineReader {
            stream: &self.stream,
            signals,
            deadline: self.deadline,
            interrupted: None,
        };
        ipc::read(reader, most)?
            .ok_or_else(|| ConversationError::Lost(ErrorKind::UnexpectedEof.into()))
    }

    /// Ends the process, and says what that means for its file.
    pub(super) fn cause(mut self, end: &ConversationError) -> SkipReason {
        // One that is dying by itself says more about why than one that is killed.
        let status =
            if matches!(end, ConversationError::Lost(_)) { self.wait(GRACE) } else { None };
        let seconds = |time: Duration| format!("{} s", time.as_secs());
        let times = self.times;
        match (end, status) {
            (ConversationError::TooLong, _) => SkipReason::DecoderTimedOut(
                times.map_or_else(String::new, |times| seconds(times.wall)),
            ),
            (ConversationError::Malformed, _) => {
                SkipReason::DecoderCrashed("it answered nonsense".into())
            }
            (_, Some(status)) => self.cause_of_death(status),
            (ConversationError::Lost(err), None) => {
                SkipReason::DecoderCrashed(format!("it stopped answering: {err}"))
            }
            (ConversationError::Interrupted | ConversationError::Refused(_), None) => {
                SkipReason::DecoderCrashed("ended".into())
            }
        }
    }

    fn cause_of_death(&self, status: ExitStatus) -> SkipReason {
        let mut stderr = vec![0; 4096];
        let n = self.stderr.read_at(&mut stderr, 0).unwrap_or(0);
        stderr.truncate(n);
        let stderr = String::from_utf8_lossy(&stderr);
        let tells_of_memory =
            |line: &&str| line.contains("memory allocation of") || line.contains("bad_alloc");
        let memory = stderr.lines().find(tells_of_memory);
        let first = stderr.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        match status.signal() {
            _ if memory.is_some() => SkipReason::OutOfMemory(memory.unwrap_or_default().to_owned()),
            Some(libc::SIGXCPU) => {
                let cpu = self.times.map_or(Duration::ZERO, |times| times.cpu);
                SkipReason::DecoderTimedOut(format!("{} s of CPU time", cpu.as_secs()))
            }
            // Nobody but the kernel, or a person, kills it so.
            Some(libc::SIGKILL) => SkipReason::OutOfMemory("the system killed the decoder".into()),
            Some(signal) => {
                SkipReason::DecoderCrashed(format!("signal {signal} {first}").trim().into())
            }
            None => SkipReason::DecoderCrashed(format!("{status} {first}").trim().into()),
        }
    }

    fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if started.elapsed() < most => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Err(err) = self.child.kill() {
            tracing::debug!("cannot end a decoding process: {err}");
        }
        // One that waits for a dead network disk cannot be ended; it goes when the disk answers.
        if self.wait(GRACE).is_none() {
            tracing::warn!("decoding process {} does not end", self.child.id());
        }
    }
}
