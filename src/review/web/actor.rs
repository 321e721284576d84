//! A thread that owns something and does what it is asked, one thing at a time.

use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait; more than these make the asker wait.
const QUEUE: usize = 64;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The way to the thread. It ends when the last of these is dropped.
pub(super) struct Actor<T> {
    jobs: mpsc::Sender<Job<T>>,
}

impl<T: Send + 'static> Actor<T> {
    /// `close` is called when nobody can call any more.
    pub(super) fn spawn(
        name: &str,
        mut owned: T,
        close: impl FnOnce(T) -> Result<()> + Send + 'static,
    ) -> Result<(Self, JoinHandle<Result<()>>)> {
        let (jobs, mut queue) = mpsc::channel::<Job<T>>(QUEUE);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut owned);
            }
            close(owned)
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        Ok((Self { jobs }, thread.context("cannot start a thread")?))
    }

    /// Runs `work` on the thread and returns its result.
    ///
    /// # Errors
    /// Returns an error if `work` does, or the thread has ended.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may have gone; then nobody wants the answer.
        let job: Job<T> = Box::new(move |owned| drop(reply.send(work(owned))));
        self.jobs.send(job).await.map_err(|_| anyhow!("the page is closing"))?;
        answer.await.map_err(|_| anyhow!("the page is closing"))?
    }
}
