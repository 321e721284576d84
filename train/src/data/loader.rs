//! Threads that turn, augment and stack photos ahead of the training thread, in the order planned.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{Receiver, bounded};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::cache::Cache;
use super::plan::Sample;
use crate::augment::Augment;

/// Batches waiting for the training thread.
const AHEAD: usize = 4;

/// Pictures as rows of RGB bytes (N×S×S×3), and what they are.
#[derive(Debug, PartialEq)]
pub struct Batch {
    pub pixels: Vec<u8>,
    pub classes: Vec<i64>,
    pub weights: Vec<f32>,
}

/// Batches in order, and how long their reader had to wait for them.
pub struct Batches {
    done: Receiver<(usize, Result<Batch>)>,
    early: BTreeMap<usize, Result<Batch>>,
    next: usize,
    total: usize,
    pub waited: Duration,
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.total {
            return None;
        }
        let asked = Instant::now();
        while !self.early.contains_key(&self.next) {
            match self.done.recv() {
                Ok((number, batch)) => {
                    self.early.insert(number, batch);
                }
                Err(_) => return Some(Err(anyhow!("the loader threads ended early"))),
            }
        }
        self.waited += asked.elapsed();
        self.next += 1;
        self.early.remove(&(self.next - 1))
    }
}

/// Runs `consume` with the batches of `plan` from `first` on; the threads end with it.
///
/// # Errors
/// Returns an error if `consume` does; it is given the loaders' errors in place of their batches.
pub fn with_batches<T>(
    cache: &Cache,
    plan: &[Vec<Sample>],
    first: usize,
    (augment, size): (&Augment, usize),
    n_threads: usize,
    consume: impl FnOnce(&mut Batches) -> Result<T>,
) -> Result<T> {
    let (send_number, numbers) = bounded::<usize>(0);
    let (send_done, done) = bounded(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in first..plan.len() {
                if send_number.send(number).is_err() {
                    return; // nobody wants more
                }
            }
        });
        for _ in 0..n_threads.max(1) {
            let numbers = numbers.clone();
            let send_done = send_done.clone();
            scope.spawn(move || {
                for number in numbers {
                    // A panic would otherwise leave the reader waiting for a batch that never comes.
                    let load = || load(cache, &plan[number], augment, size);
                    let batch = catch_unwind(AssertUnwindSafe(load))
                        .unwrap_or_else(|_| Err(anyhow!("a loader panicked")));
                    if send_done.send((number, batch)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((numbers, send_done));
        let total = plan.len().max(first);
        let early = BTreeMap::new();
        // Dropped at the end of this closure, which ends the threads before the scope joins them.
        let mut batches = Batches { done, early, next: first, total, waited: Duration::ZERO };
        consume(&mut batches)
    })
}

fn load(cache: &Cache, samples: &[Sample], augment: &Augment, size: usize) -> Result<Batch> {
    let mut pixels = Vec::with_capacity(samples.len() * size * size * 3);
    for sample in samples {
        let record = &cache.records[sample.record];
        let photo = cache.read(record)?;
        let mut rng = ChaCha8Rng::seed_from_u64(sample.key);
        let turned = augment.turn(photo, sample.class.inverse(), &mut rng);
        let picture = augment
            .apply(&turned, size, &mut rng)
            .with_context(|| format!("cannot augment {}", record.path))?;
        pixels.extend_from_slice(&picture.pixels);
    }
    Ok(Batch {
        pixels,
        classes: samples.iter().map(|sample| sample.class.class() as i64).collect(),
        weights: samples.iter().map(|sample| sample.weight).collect(),
    })
}
