//! The order of an epoch: which photo, turned how, with which random numbers. It follows from the
//! seed alone, so a run that is resumed sees what it would have seen.

use std::collections::BTreeMap;

use orientd_core::orientation::Turn;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cache::Record;

/// One photo to be trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Index into the cache's records.
    pub record: usize,
    /// The class it is shown as: it is turned counter-clockwise by so many quarters.
    pub class: Turn,
    /// Seeds the augmentation.
    pub key: u64,
    pub weight: f32,
}

/// The generator of one part of the work.
pub fn generator(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    let hash = blake3::hash(format!("{seed} {purpose} {number}").as_bytes());
    ChaCha8Rng::from_seed(*hash.as_bytes())
}

/// `n` samples in batches of `batch` (a remainder is left out, so that batch-norm never sees a
/// handful). Every class comes equally often: in every batch where it divides by four, else over the
/// batches, each of which goes on after the class at which the one before ended. Photos of a source of
/// size s are drawn in proportion to s to the power `source_power − 1`.
pub fn epoch(
    records: &[Record],
    part: &[usize],
    n: usize,
    batch: usize,
    source_power: f64,
    mut rng: ChaCha8Rng,
) -> Vec<Vec<Sample>> {
    let drawn = draw(records, part, n, source_power, &mut rng);
    let mut batches = Vec::with_capacity(n / batch);
    let mut every_class = Turn::ALL.into_iter().cycle();
    for photos in drawn.chunks_exact(batch) {
        let mut classes: Vec<Turn> = every_class.by_ref().take(batch).collect();
        classes.shuffle(&mut rng);
        let samples = photos.iter().zip(classes).map(|(record, class)| Sample {
            record: *record,
            class,
            key: rng.random(),
            weight: records[*record].weight,
        });
        batches.push(samples.collect());
    }
    batches
}

/// Systematic sampling: every photo and every source comes its expected number of times, give or
/// take one.
fn draw(
    records: &[Record],
    part: &[usize],
    n: usize,
    source_power: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut sizes: BTreeMap<&str, f64> = BTreeMap::new();
    for idx in part {
        *sizes.entry(records[*idx].source.as_str()).or_default() += 1.0;
    }
    let mut order = part.to_vec();
    order.shuffle(rng);
    order.sort_by_key(|idx| records[*idx].source.as_str());
    let share = |idx: usize| sizes[records[idx].source.as_str()].powf(source_power - 1.0);
    let total: f64 = order.iter().map(|idx| share(*idx)).sum();
    let step = total / n as f64;
    let mut next = rng.random_range(0.0..1.0) * step;
    let mut reached = 0.0;
    let mut drawn = Vec::with_capacity(n);
    for idx in order {
        reached += share(idx);
        while next < reached && drawn.len() < n {
            drawn.push(idx);
            next += step;
        }
    }
    drawn.shuffle(rng);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cache::Origin;

    fn records(sizes: &[(&str, usize)]) -> Vec<Record> {
        let record = |source: &str| Record {
            id: String::new(),
            path: String::new(),
            source: source.into(),
            folder: String::new(),
            taken: None,
            origin: Origin::Folder,
            weight: 1.0,
            size: 0,
            mtime_ns: 0,
            turn: 0,
            shown: None,
            fingerprint: "0".into(),
            width: 1,
            height: 1,
            offset: 0,
            length: 0,
        };
        sizes.iter().flat_map(|(source, n)| std::iter::repeat_n(record(source), *n)).collect()
    }

    #[test]
    fn an_epoch_is_balanced_complete_and_repeatable() {
        let records = records(&[("a", 30), ("b", 34)]);
        let part: Vec<usize> = (0..64).collect();
        let plan = |number| epoch(&records, &part, 64, 16, 1.0, generator(1, "epoch", number));
        assert_eq!(plan(0), plan(0));
        assert_ne!(plan(0), plan(1));
        let mut seen: Vec<usize> = plan(0).iter().flatten().map(|sample| sample.record).collect();
        seen.sort_unstable();
        assert_eq!(seen, part);
        for batch in plan(0) {
            for class in Turn::ALL {
                assert_eq!(batch.iter().filter(|sample| sample.class == class).count(), 4);
            }
        }
    }

    #[test]
    fn batches_that_four_does_not_divide_are_balanced_together() {
        let records = records(&[("a", 64)]);
        let part: Vec<usize> = (0..64).collect();
        for batch in [2, 6, 7] {
            let plan = epoch(&records, &part, 64, batch, 1.0, generator(1, "epoch", 0));
            let classes: Vec<Turn> = plan.iter().flatten().map(|sample| sample.class).collect();
            for class in Turn::ALL {
                let n = classes.iter().filter(|shown| **shown == class).count();
                assert!(n.abs_diff(classes.len() / 4) <= 1, "{n} of {class:?} in steps of {batch}");
            }
        }
    }

    #[test]
    fn sources_are_drawn_as_the_power_says() {
        let records = records(&[("large", 900), ("small", 100)]);
        let part: Vec<usize> = (0..1000).collect();
        for (power, expected) in [(1.0, 100), (0.5, 250), (0.0, 500)] {
            let plan = epoch(&records, &part, 1000, 8, power, generator(1, "epoch", 0));
            let small = plan.iter().flatten().filter(|sample| sample.record >= 900).count();
            assert!(small.abs_diff(expected) <= 2, "{small} of the small source at {power}");
        }
    }
}
