//! The terminal in raw mode, restored when the value is dropped, at a panic and at a signal.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crossterm::cursor::{Hide, Show};
use crossterm::style::{Print, ResetColor};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, window_size,
};
use crossterm::{execute, queue};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{QueueSelector, tcflush};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};

use super::keys::{Key, Keys};

/// Bracketed paste, which crossterm has only together with its reader.
const MARK_PASTES: &str = "\x1b[?2004h";
const MARK_NO_PASTES: &str = "\x1b[?2004l";

/// Is the terminal in raw mode, so that it must be restored?
static IS_OURS: AtomicBool = AtomicBool::new(false);

static HOOK: Once = Once::new();

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Key(Key),
    /// The window has another size.
    Resized,
    /// A signal, or the terminal is gone.
    Ended,
}

pub(super) struct Screen {
    keys: Keys,
    signals: UnixStream,
    is_resized: Arc<AtomicBool>,
    is_ended: Arc<AtomicBool>,
    registered: Vec<signal_hook::SigId>,
}

impl Screen {
    /// # Errors
    /// Returns an error if stdin or stdout is no terminal, or it cannot be set.
    pub(super) fn open() -> Result<Self> {
        ensure!(
            io::stdin().is_terminal() && io::stdout().is_terminal(),
            "--tty needs a terminal\n  without it, `orientd review` shows a page in the browser"
        );
        let signals = UnixStream::pair()?;
        let mut registered = Vec::new();
        let is_resized = Arc::default();
        let is_ended = Arc::default();
        signals.0.set_nonblocking(true)?;
        for (signal, flag) in [
            (SIGWINCH, &is_resized),
            (SIGINT, &is_ended),
            (SIGTERM, &is_ended),
            (SIGHUP, &is_ended),
            (SIGQUIT, &is_ended),
        ] {
            // The flag before the wake, so that the woken thread sees it.
            registered.push(signal_hook::flag::register(signal, Arc::clone(flag))?);
            let end = signals.1.try_clone()?;
            registered.push(signal_hook::low_level::pipe::register(signal, end)?);
        }
        let screen =
            Self { keys: Keys::default(), signals: signals.0, is_resized, is_ended, registered };
        HOOK.call_once(|| {
            let print = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                // Else the message is lost with the screen of its own.
                give_back();
                print(panic);
            }));
        });
        IS_OURS.store(true, Ordering::SeqCst);
        enable_raw_mode().context("cannot set the terminal")?;
        tcflush(io::stdin(), QueueSelector::IFlush).context("cannot set the terminal")?;
        let mut out = io::stdout().lock();
        execute!(out, EnterAlternateScreen, Hide, DisableLineWrap, Print(MARK_PASTES))
            .context("cannot write to the terminal")?;
        Ok(screen)
    }

    /// # Errors
    /// Returns an error if the terminal is gone.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).context("cannot write to the terminal")
    }

    /// Columns, rows, and the pixels of one character where the terminal says so.
    pub(super) fn size(&self) -> (usize, usize, Option<(usize, usize)>) {
        let Ok(size) = window_size() else { return (80, 24, None) };
        let columns = usize::from(size.columns);
        let rows = usize::from(size.rows);
        if columns == 0 || rows == 0 {
            return (80, 24, None); // A line without a window, as `script` makes them.
        }
        let cell = (usize::from(size.width) / columns, usize::from(size.height) / rows);
        (columns, rows, Some(cell).filter(|cell| cell.0 > 0 && cell.1 > 0))
    }

    /// What the terminal answers to `query`, until `is_whole` or the time is over.
    ///
    /// # Errors
    /// Returns an error if the terminal is gone.
    pub(super) fn ask(
        &mut self,
        query: &[u8],
        patience: Duration,
        is_whole: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>> {
        self.write(query)?;
        let deadline = Instant::now() + patience;
        let mut reply = Vec::new();
        while !is_whole(&reply) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.bytes(Some(left))? {
                Bytes::Some(bytes) => reply.extend(bytes),
                Bytes::None | Bytes::Gone => break,
            }
        }
        Ok(reply)
    }

    /// Shows a picture, then what can be pressed. What was typed before the second is forgotten: it
    /// was meant for the picture that was there then.
    ///
    /// # Errors
    /// Returns an error if the terminal is gone.
    pub(super) fn show(&mut self, picture: &[u8], keys: &[u8]) -> Result<()> {
        self.write(picture)?;
        tcflush(io::stdin(), QueueSelector::IFlush).context("the terminal")?;
        self.keys = Keys::default();
        self.write(keys)
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be read.
    pub(super) fn next(&mut self) -> Result<Input> {
        let mut patience = None;
        loop {
            if self.is_ended.load(Ordering::SeqCst) {
                return Ok(Input::Ended);
            }
            if self.is_resized.swap(false, Ordering::SeqCst) {
                return Ok(Input::Resized);
            }
            match self.bytes(patience)? {
                Bytes::Gone => return Ok(Input::Ended),
                Bytes::None => self.keys.pause(),
                Bytes::Some(bytes) => {
                    if let Some(key) = bytes.iter().find_map(|byte| self.keys.take(*byte)) {
                        return Ok(Input::Key(key));
                    }
                }
            }
            patience = self.keys.patience();
        }
    }

    /// `None` also where a signal came.
    fn bytes(&mut self, patience: Option<Duration>) -> Result<Bytes> {
        let stdin = io::stdin();
        let mut wanted = [
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        let timeout = patience.map(rustix::event::Timespec::try_from).transpose()?;
        match poll(&mut wanted, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err).context("cannot wait for a key"),
        }
        let is_ready = !wanted[0].revents().is_empty();
        // Empties the pipe of wakes; the flags say what for.
        let mut wakes = [0; 64];
        while matches!(self.signals.read(&mut wakes), Ok(1..)) {}
        if !is_ready || self.is_ended.load(Ordering::SeqCst) {
            return Ok(Bytes::None);
        }
        let mut buffer = [0; 4096];
        match rustix::io::read(stdin.as_fd(), &mut buffer) {
            Ok(0) | Err(rustix::io::Errno::IO) => Ok(Bytes::Gone),
            Ok(n) => Ok(Bytes::Some(buffer.iter().take(n).copied().collect())),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(Bytes::None),
            Err(err) => Err(err).context("cannot read a key"),
        }
    }
}

enum Bytes {
    Some(Vec<u8>),
    None,
    Gone,
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Restores the terminal, once. Errors are dropped: if it fails, the terminal is gone.
fn give_back() {
    if !IS_OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut leave = Vec::new();
    // Writing to a vector does not fail.
    let _ = queue!(
        leave,
        Print(MARK_NO_PASTES),
        EnableLineWrap,
        Show,
        ResetColor,
        LeaveAlternateScreen
    );
    // Not through the buffer of stdout, which a panicking thread may have locked.
    let _ = rustix::io::write(io::stdout(), &leave);
    // What was typed for this program is not for the shell.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let _ = disable_raw_mode();
}
