//! Weights averaged over the last steps (exponentially), which err less than the last ones alone.

use anyhow::{Context, Result};
use tch::Tensor;

use crate::net::Network;
use crate::weights::Tensors;

pub(super) struct Average {
    keep: f64,
    steps: i64,
    tensors: Tensors,
}

impl Average {
    /// `None` if `over` is 0.
    pub(super) fn new(network: &Network, over: usize) -> Option<Self> {
        if over == 0 {
            return None;
        }
        let copy = |name: &String| (name.clone(), network.tensor(name).detach().copy());
        let tensors = network.parameters().iter().map(|parameter| copy(&parameter.name)).collect();
        Some(Self { keep: 1.0 - 1.0 / over as f64, steps: 0, tensors })
    }

    pub(super) fn update(&mut self, network: &Network) {
        self.steps += 1;
        // At first the average is over the few steps there were.
        let keep = self.keep.min(self.steps as f64 / (10.0 + self.steps as f64));
        tch::no_grad(|| {
            for (name, mean) in &mut self.tensors {
                let _ = mean.lerp_(&network.tensor(name).detach(), 1.0 - keep);
            }
        });
    }

    /// Puts the average in the network and what was there in the average; twice is nothing.
    pub(super) fn swap(&mut self, network: &Network) -> Result<()> {
        for (name, mean) in &mut self.tensors {
            let present: Tensor = tch::no_grad(|| network.tensor(name).detach().copy());
            network.set(name, mean)?;
            *mean = present;
        }
        Ok(())
    }

    pub(super) fn save(&self, into: &mut Tensors) {
        for (name, mean) in &self.tensors {
            into.insert(format!("average.{name}"), mean.shallow_clone());
        }
    }

    pub(super) fn load(&mut self, from: &Tensors, steps: i64) -> Result<()> {
        self.steps = steps;
        for (name, mean) in &mut self.tensors {
            let key = format!("average.{name}");
            let tensor = from.get(&key).with_context(|| format!("the checkpoint lacks {key}"))?;
            mean.copy_(tensor);
        }
        Ok(())
    }

    pub(super) fn steps(&self) -> i64 {
        self.steps
    }
}
