//! What was answered since the page or the terminal was opened, in groups that are taken back together.

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::store::PhotoId;
use orientd_core::orientation::Turn;

/// Older groups can still be put back from the tabs.
const REMEMBERED: usize = 1000;

/// Photos answered together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub id: u64,
    /// Unix seconds of its first answer.
    pub at: i64,
    pub answered: Vec<(PhotoId, Turn)>,
    /// One of its photos, to name it by.
    pub first: PathBuf,
}

/// Groups, latest last.
#[derive(Debug, Default)]
pub(crate) struct Session {
    groups: VecDeque<Group>,
    n_begun: u64,
}

impl Session {
    pub(crate) fn groups(&self) -> impl DoubleEndedIterator<Item = &Group> {
        self.groups.iter().filter(|group| !group.answered.is_empty())
    }

    /// Begins a group, which is forgotten again if nothing comes into it.
    pub(crate) fn begin(&mut self, at: i64) -> u64 {
        if self.groups.len() == REMEMBERED {
            self.groups.pop_front();
        }
        self.groups.retain(|group| !group.answered.is_empty());
        self.n_begun += 1;
        let id = self.n_begun;
        self.groups.push_back(Group { id, at, answered: Vec::new(), first: PathBuf::new() });
        id
    }

    /// Is nothing in this group yet?
    pub(crate) fn is_empty(&self, id: u64) -> bool {
        !self.groups.iter().any(|group| group.id == id && !group.answered.is_empty())
    }

    /// Adds a photo to a group. One that is not remembered is left alone.
    pub(crate) fn add(&mut self, id: u64, photo: PhotoId, turn: Turn, path: PathBuf) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.id == id) {
            if group.answered.is_empty() {
                group.first = path;
            }
            group.answered.push((photo, turn));
        }
    }

    /// A group, the latest if none is named, and its photos, latest first.
    pub(crate) fn photos(&self, id: Option<u64>) -> Option<(u64, Vec<PhotoId>)> {
        let wanted = |group: &&Group| match id {
            Some(id) => group.id == id,
            None => !group.answered.is_empty(),
        };
        let group = self.groups.iter().rev().find(wanted)?;
        Some((group.id, group.answered.iter().rev().map(|(photo, _)| *photo).collect()))
    }

    /// A photo's latest answer was taken back, or cannot be.
    pub(crate) fn forget(&mut self, photo: PhotoId) {
        for group in self.groups.iter_mut().rev() {
            if let Some(at) = group.answered.iter().rposition(|(known, _)| *known == photo) {
                group.answered.remove(at);
                break;
            }
        }
        self.groups.retain(|group| !group.answered.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(session: &Session) -> Vec<(u64, Vec<i64>)> {
        let numbers = |group: &Group| group.answered.iter().map(|(id, _)| id.number()).collect();
        session.groups().map(|group| (group.id, numbers(group))).collect()
    }

    #[test]
    fn the_latest_answer_of_a_photo_is_taken_back_first() {
        let mut session = Session::default();
        let first = session.begin(10);
        for photo in [1, 2] {
            session.add(first, PhotoId::new(photo), Turn::NONE, format!("/{photo}.jpg").into());
        }
        let second = session.begin(20);
        session.add(second, PhotoId::new(1), Turn::NONE, "/1.jpg".into());
        session.add(99, PhotoId::new(3), Turn::NONE, "/3.jpg".into());
        assert_eq!(session.photos(None), Some((second, vec![PhotoId::new(1)])));
        session.forget(PhotoId::new(1));
        assert_eq!(answered(&session), [(first, vec![1, 2])]);
        let both = vec![PhotoId::new(2), PhotoId::new(1)];
        assert_eq!(session.photos(Some(first)), Some((first, both)));
        session.forget(PhotoId::new(1));
        session.forget(PhotoId::new(2));
        assert_eq!(answered(&session), []);
        assert_eq!(session.photos(None), None);
    }

    #[test]
    fn an_empty_group_is_not_kept() {
        let mut session = Session::default();
        session.begin(1);
        let second = session.begin(2);
        session.add(second, PhotoId::new(1), Turn::NONE, "/1.jpg".into());
        for n in 0..REMEMBERED as i64 {
            let group = session.begin(n);
            session.add(group, PhotoId::new(n), Turn::NONE, "/n.jpg".into());
        }
        assert_eq!(session.groups().count(), REMEMBERED);
    }
}
