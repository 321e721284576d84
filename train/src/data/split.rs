//! Parts the photos into training, validation and test, so that no burst and no near-duplicate has
//! members on two sides.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

use super::cache::Record;
use super::fingerprint::near_pairs;
use super::joined::Joined;
use crate::config::Config;

/// Indices into the records, rising.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    pub train: Vec<usize>,
    /// Chooses the best checkpoint, and is what temperatures and thresholds are fitted on.
    pub validation: Vec<usize>,
    /// Where a new model is compared with the present one.
    pub gate: Vec<usize>,
    /// The sources named in `split.leave_out`.
    pub test: Vec<usize>,
    /// The group of every record, by index.
    pub groups: Vec<usize>,
}

/// Each group goes where a hash of the seed and its first member's fingerprint says: the same seed
/// gives the same split wherever the photos lie, and more photos leave the others where they were,
/// unless they join their group and go before its first member.
///
/// # Errors
/// Returns an error if a source that is to be left out does not exist, or training or validation would be empty.
pub fn split(records: &[Record], config: &Config) -> Result<Split> {
    for source in &config.split.leave_out {
        if !records.iter().any(|record| record.source == *source) {
            bail!("split.leave_out names the source {source:?}, of which there are no photos");
        }
    }
    let groups = groups(records, config)?;
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (idx, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(idx);
    }
    let left_out = |idx: &usize| config.split.leave_out.contains(&records[*idx].source);
    let mut split = Split { groups, ..Split::default() };
    for members in members.into_values() {
        let prints = members.iter().map(|idx| records[*idx].fingerprint.as_str());
        let Some(first) = prints.min() else {
            continue;
        };
        let side = share(config.seed, "side", first);
        // A photo that is also in a source left out would give that source away.
        if members.iter().any(left_out) {
            split.test.extend(members.into_iter().filter(|idx| left_out(idx)));
        } else if side < config.split.validation {
            split.validation.extend(members);
        } else if side < config.split.validation + config.split.gate {
            split.gate.extend(members);
        } else if share(config.seed, "train", first) < config.split.train_share {
            split.train.extend(members);
        }
    }
    for part in [&mut split.train, &mut split.validation, &mut split.gate, &mut split.test] {
        part.sort_unstable();
    }
    ensure!(
        !split.train.is_empty() && !split.validation.is_empty(),
        "{} photos in {} groups are too few to part into training and validation",
        records.len(),
        split.groups.iter().collect::<std::collections::BTreeSet<_>>().len()
    );
    Ok(split)
}

/// A number from 0 to 1 out of a hash.
fn share(seed: u64, purpose: &str, key: &str) -> f64 {
    let hash = blake3::hash(format!("{seed} {purpose} {key}").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first) as f64 / 2f64.powi(64)
}

/// The group of every record: bursts and near-duplicates joined, transitively.
fn groups(records: &[Record], config: &Config) -> Result<Vec<usize>> {
    let mut joined = Joined::new(records.len());
    let fingerprints: Vec<u128> = records.iter().map(Record::fingerprint).collect::<Result<_>>()?;
    for (a, b) in near_pairs(&fingerprints, config.prepare.duplicate_bits) {
        joined.join(a, b);
    }
    let gap = (config.prepare.burst_minutes * 60.0) as i64;
    let mut timed: Vec<(&str, i64, usize)> = records
        .iter()
        .enumerate()
        .filter_map(|(idx, record)| Some((record.folder.as_str(), record.taken?, idx)))
        .collect();
    timed.sort_unstable();
    for pair in timed.windows(2) {
        let (folder, before, a) = pair[0];
        let (next_folder, after, b) = pair[1];
        if folder == next_folder && after - before <= gap {
            joined.join(a, b);
        }
    }
    Ok((0..records.len()).map(|idx| joined.find(idx)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cache::Origin;

    fn record(n: u64) -> Record {
        Record {
            id: format!("{n:016x}"),
            path: format!("{n}.jpg"),
            source: ["home", "sea", "hills"][n as usize % 3].into(),
            folder: "album".into(),
            taken: None,
            origin: Origin::Folder,
            weight: 1.0,
            size: 0,
            mtime_ns: 0,
            turn: 0,
            shown: None,
            fingerprint: format!(
                "{:032x}",
                u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            ),
            width: 1,
            height: 1,
            offset: 0,
            length: 0,
        }
    }

    fn config() -> Config {
        Config::load(None, &[]).expect("the defaults are valid")
    }

    #[test]
    fn the_seed_decides_and_more_photos_change_nothing() -> Result<()> {
        let few: Vec<_> = (0..200).map(record).collect();
        let many: Vec<_> = (0..300).map(record).collect();
        let first = split(&few, &config())?;
        assert_eq!(first, split(&few, &config())?);
        assert_ne!(first, split(&few, &Config { seed: 2, ..config() })?);
        let before: Vec<_> = split(&many, &config())?.train;
        assert!(first.train.iter().all(|idx| before.contains(idx)));
        let share = first.validation.len() as f64 / 200.0;
        assert!((0.12..0.28).contains(&share), "{share} held back");
        Ok(())
    }

    #[test]
    fn the_gate_takes_nothing_from_validation() -> Result<()> {
        let records: Vec<_> = (0..300).map(record).collect();
        let plain = split(&records, &config())?;
        let mut with_gate = config();
        with_gate.split.gate = 0.2;
        let with_gate = split(&records, &with_gate)?;
        assert!(plain.gate.is_empty() && with_gate.gate.len() > 30);
        assert_eq!(plain.validation, with_gate.validation);
        let mut rest = [with_gate.train, with_gate.gate].concat();
        rest.sort_unstable();
        assert_eq!(plain.train, rest);
        Ok(())
    }

    #[test]
    fn bursts_and_near_duplicates_stay_together() -> Result<()> {
        let mut records: Vec<_> = (0..400).map(record).collect();
        for (idx, record) in records.iter_mut().enumerate() {
            // Bursts of eight, two minutes apart, an hour between them.
            record.taken = Some((idx as i64 / 8) * 3600 + (idx as i64 % 8) * 120);
        }
        // The last of one burst is the first of the next, saved again.
        records[8].fingerprint = records[7].fingerprint.clone();
        let split = split(&records, &config())?;
        for (a, b) in [(0, 7), (8, 15), (7, 8), (392, 399)] {
            assert_eq!(split.groups[a], split.groups[b], "{a} and {b}");
            assert_eq!(split.train.contains(&a), split.train.contains(&b));
        }
        assert_ne!(split.groups[15], split.groups[16]);
        Ok(())
    }

    #[test]
    fn sources_left_out_are_in_the_test_part_only() -> Result<()> {
        let mut records: Vec<_> = (0..90).map(record).collect();
        // The same photo at home and at sea.
        records[3].fingerprint = records[4].fingerprint.clone();
        let mut config = config();
        config.split.leave_out = vec!["sea".into()];
        let split = split(&records, &config)?;
        assert_eq!(split.test.len(), 30);
        assert!(split.test.iter().all(|idx| records[*idx].source == "sea"));
        assert!(!split.train.contains(&3) && !split.validation.contains(&3));
        config.split.leave_out = vec!["moon".into()];
        assert!(super::split(&records, &config).is_err());
        Ok(())
    }

    #[test]
    fn too_few_photos_are_an_error() {
        for n in [0, 1] {
            let records: Vec<_> = (0..n).map(record).collect();
            let err = split(&records, &config()).expect_err("too few");
            assert!(err.to_string().contains("too few"), "{err}");
        }
    }
}
