//! What to change in a file so that it is shown turned: a plan as a value, and its inverse.

use crate::edit::refusal::Refusal;
use crate::orientation::Orientation;

/// At `offset` of the old file, `old` becomes `new`. An insertion has an empty `old`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub offset: usize,
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

impl Edit {
    /// Without the bytes that are the same before and after, at either end.
    #[must_use]
    pub fn trimmed(self) -> Self {
        let Self { offset, old, new } = self;
        let n_same = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| {
            pairs.take_while(|(old, new)| old == new).count()
        };
        let n_start = n_same(&mut old.iter().zip(&new));
        let n_end = n_same(&mut old[n_start..].iter().rev().zip(new[n_start..].iter().rev()));
        let inner = |bytes: &[u8]| bytes[n_start..bytes.len() - n_end].to_vec();
        Self { offset: offset + n_start, old: inner(&old), new: inner(&new) }
    }

    /// The same edit in a file where what it counts from begins at `start`.
    #[must_use]
    pub fn behind(self, start: usize) -> Self {
        Self { offset: self.offset + start, ..self }
    }
}

/// By how many bytes the edits make a file longer.
pub fn growth(edits: &[Edit]) -> usize {
    let added: usize = edits.iter().map(|edit| edit.new.len()).sum();
    let removed: usize = edits.iter().map(|edit| edit.old.len()).sum();
    added.saturating_sub(removed)
}

/// Edits in file order, not overlapping, offsets in the old file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    pub edits: Vec<Edit>,
    pub from: Orientation,
    pub to: Orientation,
}

impl Patch {
    /// Can it be performed by overwriting a single byte, which no crash can tear?
    pub fn is_one_byte(&self) -> bool {
        matches!(self.edits.as_slice(), [edit] if edit.old.len() == 1 && edit.new.len() == 1)
    }

    /// The new file.
    ///
    /// # Errors
    /// Returns an error if `bytes` does not hold the old bytes at their places.
    pub fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        apply(&self.edits, bytes)
    }

    /// The patch that takes the new file back to the old one.
    pub fn inverse(&self) -> Self {
        let mut removed = 0;
        let mut added = 0;
        let edits = self.edits.iter().map(|edit| {
            let offset = edit.offset + added - removed;
            added += edit.new.len();
            removed += edit.old.len();
            Edit { offset, old: edit.new.clone(), new: edit.old.clone() }
        });
        Self { edits: edits.collect(), from: self.to, to: self.from }
    }
}

/// `bytes` with `edits` made, which are in order and do not overlap.
///
/// # Errors
/// Returns an error if `bytes` does not hold the old bytes at their places.
pub fn apply(edits: &[Edit], bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut done = 0;
    for edit in edits {
        let kept = bytes.get(done..edit.offset).ok_or(Refusal::NotAsJournaled)?;
        let end = edit.offset + edit.old.len();
        if bytes.get(edit.offset..end) != Some(edit.old.as_slice()) {
            return Err(Refusal::NotAsJournaled);
        }
        out.extend_from_slice(kept);
        out.extend_from_slice(&edit.new);
        done = end;
    }
    out.extend_from_slice(&bytes[done..]);
    Ok(out)
}
