//! Reads from a decoding process within a deadline.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::signals::Signals;

/// How long a file may still take after an interruption, and a process to end. The daemon must stop within five
/// seconds.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Reads from a process that may take its time, shows signs of life meanwhile, and gives up at the
/// deadline, or soon after an interruption.
pub(super) struct DeadlineReader<'a> {
    pub stream: &'a UnixStream,
    pub signals: &'a Signals,
    pub deadline: Instant,
    /// When the stop was first seen.
    pub interrupted: Option<Instant>,
}

impl Read for DeadlineReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&mut &*self.stream).read(buffer) {
                Err(err)
                    if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                result => return result,
            }
            self.signals.heartbeat.beat();
            let now = Instant::now();
            if now >= self.deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            if self.signals.stop.is_set() {
                let since = *self.interrupted.get_or_insert(now);
                if now.duration_since(since) >= GRACE {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
            }
        }
    }
}
