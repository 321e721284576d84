//! Signals, the control socket and the watchdog: everything that may ask something of the service.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::Sender;
use sd_notify::NotifyState;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::messages::{Message, ServiceSettings, Shared};
use super::protocol::{REQUEST_WITHIN, Reply, Request, socket_path};
use super::status::Status;
use crate::files::private;

/// A service manager kills a process that takes longer.
const STOP_WITHIN: Duration = Duration::from_millis(4500);

/// In bytes.
const LONGEST_REQUEST: u64 = 64 << 10;

/// Clients served at once; more wait for their turn.
const MAX_CLIENTS: usize = 16;

fn listen(db: &Path) -> Result<(UnixListener, PathBuf)> {
    let path = socket_path(db);
    let listener = bind(&path).with_context(|| format!("cannot listen at {}", path.display()))?;
    Ok((listener, path))
}

fn bind(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        private::create_folder(folder)?;
    }
    // This process holds the lock of the database, so the daemon that left the socket has ended.
    match std::fs::remove_file(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until a signal comes or the service ends by itself. Returns the service's result.
///
/// # Errors
/// Returns an error if signals or the socket cannot be set up, or the service does not end in time.
pub(crate) async fn serve(
    db: &Path,
    load: &impl Fn() -> Result<ServiceSettings>,
    shared: &Arc<Shared>,
    inbox: &Sender<Message>,
    mut ended: oneshot::Receiver<Result<()>>,
) -> Result<Result<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (listener, path) = listen(db)?;
    let watched = sd_notify::watchdog_enabled();
    let mut watchdog = interval(watched.map_or(Duration::MAX / 4, |time| time / 2));
    watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beats = None;
    // Clients have tasks of their own: a slow one must delay neither a signal nor
    // the watchdog.
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                if let Err(err) = reload(load, shared, inbox) {
                    tracing::warn!("{err:#}");
                }
            }
            _ = watchdog.tick(), if watched.is_some() => {
                pet_watchdog(shared, &mut beats);
                send(inbox, Message::Nudge);
            }
            client = listener.accept(), if clients.len() < MAX_CLIENTS => match client {
                Ok((client, _)) => drop(clients.spawn(recv(client))),
                Err(err) => {
                    tracing::warn!("cannot accept a client: {err}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
            Some(heard) = clients.join_next() => {
                if let Ok(Some((client, line))) = heard {
                    let handled = handle(&line, load, shared, inbox);
                    clients.spawn(answer(client, handled));
                }
            }
            result = &mut ended => {
                hang_up_at(&path);
                return result.map_err(|_| anyhow!("the service panicked"));
            }
        }
    }
    hang_up_at(&path);
    stop(shared, inbox, ended).await
}

/// Only if there has been progress since the last time.
fn pet_watchdog(shared: &Shared, beats: &mut Option<u64>) {
    let now = shared.signals.heartbeat.count();
    if beats.replace(now) != Some(now) {
        notify(&[NotifyState::Watchdog]);
    }
}

/// Lets the service finish the file at hand.
async fn stop(
    shared: &Shared,
    inbox: &Sender<Message>,
    ended: oneshot::Receiver<Result<()>>,
) -> Result<Result<()>> {
    notify(&[NotifyState::Stopping]);
    // In this order: a service that attends to an earlier interruption has this message by then.
    send(inbox, Message::Stop);
    shared.signals.stop.set();
    let result = timeout(STOP_WITHIN, ended)
        .await
        .context("work did not end in time; the next start settles what was cut short")?;
    result.map_err(|_| anyhow!("the service panicked"))
}

/// Removes the socket; it may have been removed already.
fn hang_up_at(path: &Path) {
    if let Err(err) = std::fs::remove_file(path)
        && err.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!("cannot remove {}: {err}", path.display());
    }
}

fn send(inbox: &Sender<Message>, message: Message) {
    // A service that has ended is seen by its result.
    let _ = inbox.send(message);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(err) = sd_notify::notify(state) {
        tracing::debug!("cannot tell systemd: {err}");
    }
}

fn reload(
    load: &impl Fn() -> Result<ServiceSettings>,
    shared: &Shared,
    inbox: &Sender<Message>,
) -> Result<()> {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
    match load() {
        Ok(settings) => {
            shared.signals.stop.set();
            send(inbox, Message::Reload(Box::new(settings)));
            Ok(())
        }
        Err(err) => {
            let err = err.context("the old settings stay in force");
            shared.status().last_error = Some(format!("{err:#}"));
            notify(&[NotifyState::Ready]);
            Err(err)
        }
    }
}

/// May a process of the user `peer` tell a daemon of the user `us` what to do?
fn may_ask(peer: u32, us: u32) -> bool {
    peer == us || peer == 0
}

/// Waits for a client's request. `None` if it sends none, or may not ask.
async fn recv(mut client: UnixStream) -> Option<(UnixStream, String)> {
    let us = rustix::process::geteuid().as_raw();
    if !client.peer_cred().is_ok_and(|peer| may_ask(peer.uid(), us)) {
        tracing::warn!("turned away a client of another user");
        return None;
    }
    let mut line = String::new();
    let mut read = BufReader::new((&mut client).take(LONGEST_REQUEST));
    match timeout(REQUEST_WITHIN, read.read_line(&mut line)).await {
        Ok(Ok(n)) if n > 0 => Some((client, line)),
        _ => None,
    }
}

/// Answers a client; the connection then closes.
async fn answer(
    mut client: UnixStream,
    answer: Result<Option<Status>>,
) -> Option<(UnixStream, String)> {
    let reply = match answer {
        Ok(status) => Reply { ok: true, status, error: None },
        Err(err) => Reply { ok: false, status: None, error: Some(format!("{err:#}")) },
    };
    match serde_json::to_string(&reply) {
        // A client may close its end without waiting for the answer.
        Ok(line) => {
            let _ = timeout(REQUEST_WITHIN, client.write_all(format!("{line}\n").as_bytes())).await;
        }
        Err(err) => tracing::error!("cannot write the answer to a client: {err}"),
    }
    None
}

fn handle(
    line: &str,
    load: &impl Fn() -> Result<ServiceSettings>,
    shared: &Shared,
    inbox: &Sender<Message>,
) -> Result<Option<Status>> {
    let request = serde_json::from_str(line).context("this request is not understood")?;
    match request {
        Request::Status => return Ok(Some(shared.status().clone())),
        Request::Pause => {
            shared.signals.stop.set();
            send(inbox, Message::Pause);
        }
        Request::Resume => send(inbox, Message::Resume),
        Request::Rescan => send(inbox, Message::Rescan),
        Request::Reload => reload(load, shared, inbox)?,
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn the_owner_and_root_are_heard() {
        for (who,              peer,  us,   expected) in [
            ("the owner",      1000,  1000, true),
            ("root",           0,     1000, true),
            ("another user",   1001,  1000, false),
            ("nobody",         65534, 1000, false),
            ("root by itself", 0,     0,    true),
            ("a user to root", 1000,  0,    false),
        ] {
            assert_eq!(may_ask(peer, us), expected, "{who}");
        }
    }
}
