//! Connections: bounded in number, and in the time that a request's head and body may take.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::{Page, routes};

/// Well below the usual 1024 open files; a browser uses six.
const MAX_CONNECTIONS: usize = 512;

/// For a request's head, also while a connection idles between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection is closed after this, whatever it does; browsers open another.
const LONGEST_CONNECTION: Duration = Duration::from_secs(600);

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// Returns an error if signals cannot be listened to.
pub(super) async fn serve(listener: TcpListener, page: Arc<Page>) -> Result<()> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let router = routes::router(page);
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: some are given back soon.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Too many: this one is closed at once, those that are being served are not disturbed.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(32 << 10);
            let served = http.serve_connection(TokioIo::new(stream), service);
            // How a connection ends is the other side's business.
            let _ = tokio::time::timeout(LONGEST_CONNECTION, served).await;
            drop(place);
        });
    }
    connections.shutdown().await;
    Ok(())
}
