//! A bound on what all decoders together may hold at once, so that large photos take turns.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that may be taken; a share that is larger than all of it waits to be alone.
pub struct Budget {
    total: usize,
    free: Mutex<usize>,
    returned: Condvar,
    /// In a decoding process: asks the parent, which owns the real one.
    ask: Option<Box<dyn Fn(usize) + Send + Sync>>,
}

/// A share of the budget, given back when dropped.
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    pub fn new(total: usize) -> Self {
        Self { total, free: Mutex::new(total), returned: Condvar::new(), ask: None }
    }

    /// A budget that another process owns. `ask` returns when the bytes may be used; that process frees them when
    /// it hears that the file is done.
    pub fn asked_for(ask: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self { ask: Some(Box::new(ask)), ..Self::new(usize::MAX) }
    }

    /// Waits until `bytes` are free.
    pub fn take(&self, bytes: usize) -> Share<'_> {
        if let Some(ask) = &self.ask {
            ask(bytes);
            return Share { budget: self, bytes: 0 };
        }
        let bytes = bytes.min(self.total);
        // A panic elsewhere cannot leave the number half changed.
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn never_more_than_all_of_it() {
        let budget = Budget::new(100);
        let held = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let budget = &budget;
                let held = &held;
                let most = &most;
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = 1 + (worker * 37 + round * 11) % 150;
                        let share = budget.take(bytes);
                        let now = held.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        held.fetch_sub(share.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert_eq!(*budget.free.lock().unwrap(), 100);
    }
}
