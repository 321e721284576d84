//! The table of who may use whom, held against what is imported.

use std::collections::BTreeSet;

use super::modules::{Import, Tree};

/// What a crate's rooms, its modules at the top, may use.
pub struct Table {
    pub crate_name: &'static str,
    pub folder: &'static str,
    /// From the bottom up: a room may use only rooms of rows before its own, and rooms of other
    /// crates, named `other_crate::room`, or `other_crate::*` for all of them.
    pub rooms: &'static [(&'static str, &'static [&'static str])],
    /// Ties that climb, for now: user, used, what to do about it.
    pub climbing: &'static [(&'static str, &'static str, &'static str)],
    /// Circles of files, for now: the files from `folder` on, what to do about it.
    pub circles: &'static [(&'static [&'static str], &'static str)],
}

/// An import of one room from another.
pub struct Tie {
    pub user: String,
    pub used: String,
    pub place: String,
}

pub fn ties(tree: &Tree, imports: &[Import]) -> Vec<Tie> {
    let rooms = tree.rooms();
    let ties = imports.iter().filter_map(|import| {
        let user = import.from.first()?.clone();
        let named = import.target.first()?;
        let used = match &import.of_crate {
            Some(other) => format!("{other}::{named}"),
            None if rooms.contains(named.as_str()) => named.clone(),
            // A name that `lib.rs` hands on from one of its rooms.
            None => tree.owner(&import.target).first()?.clone(),
        };
        let place = format!("{}:{}", import.file.display(), import.line);
        (user != used).then_some(Tie { user, used, place })
    });
    ties.collect()
}

impl Table {
    fn allows(&self, tie: &Tie) -> bool {
        let row = self.rooms.iter().find(|(room, _)| *room == tie.user);
        let whole_crate = tie.used.split_once("::").map(|(other, _)| format!("{other}::*"));
        let is_named = |used: &&str| *used == tie.used || whole_crate.as_deref() == Some(*used);
        row.is_some_and(|(_, allowed)| allowed.iter().any(is_named))
    }

    pub fn is_known_to_climb(&self, tie: &Tie) -> bool {
        self.climbing.iter().any(|(user, used, _)| *user == tie.user && *used == tie.used)
    }

    /// A line for each import that neither the rows nor the known ties that climb allow.
    pub fn forbidden(&self, ties: &[Tie]) -> Vec<String> {
        let refused = ties.iter().filter(|tie| !self.allows(tie) && !self.is_known_to_climb(tie));
        refused.map(|tie| format!("{}: {} may not use {}", tie.place, tie.user, tie.used)).collect()
    }

    /// A line for whatever in the table is not, or no longer, so.
    pub fn untrue_rows(&self, tree: &Tree, ties: &[Tie]) -> Vec<String> {
        let mut untrue = Vec::new();
        let named: BTreeSet<&str> = self.rooms.iter().map(|(room, _)| *room).collect();
        let there = tree.rooms();
        untrue.extend(there.difference(&named).map(|room| format!("{room} has no row")));
        untrue.extend(named.difference(&there).map(|room| format!("there is no room {room}")));
        let mut lower = BTreeSet::new();
        for (room, allowed) in self.rooms {
            let own = allowed.iter().filter(|used| !used.contains("::"));
            let climbing = own.filter(|used| !lower.contains(*used));
            untrue.extend(climbing.map(|used| format!("{room}'s row lets it climb to {used}")));
            lower.insert(room);
        }
        for (user, used, _) in self.climbing {
            if !ties.iter().any(|tie| tie.user == *user && tie.used == *used) {
                untrue.push(format!("{user} climbs to {used} no more: take the line out"));
            }
        }
        untrue
    }
}
