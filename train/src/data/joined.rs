//! Union–find: which of n things belong together, transitively.

/// The smallest index stands for its group.
pub(super) struct Joined(Vec<usize>);

impl Joined {
    pub(super) fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    pub(super) fn find(&mut self, idx: usize) -> usize {
        let mut root = idx;
        while self.0[root] != root {
            root = self.0[root];
        }
        self.0[idx] = root;
        root
    }

    /// Whether they were apart before.
    pub(super) fn join(&mut self, a: usize, b: usize) -> bool {
        let a = self.find(a);
        let b = self.find(b);
        self.0[a.max(b)] = a.min(b);
        a != b
    }
}
