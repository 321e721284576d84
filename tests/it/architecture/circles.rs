//! Files of one room that use each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use super::modules::{Import, Tree};
use super::rooms::Table;

/// From one file to another, with the line of the first import that makes the tie.
type Ties<'a> = BTreeMap<(&'a Path, &'a Path), usize>;

pub struct Circle {
    pub files: BTreeSet<PathBuf>,
    /// `a.rs:3 uses b.rs`
    pub ties: Vec<String>,
}

/// The circles among the files, tests left out: a test may compare a thing with what uses it.
///
/// A file may use what stands in the file of a module around it, as Rust builds a module so: its
/// types in `mod.rs`, its parts below. Such ties are left out, too.
pub fn find(tree: &Tree, imports: &[Import]) -> Vec<Circle> {
    let ties = ties(tree, imports);
    let graph: DiGraphMap<&Path, ()> = ties.keys().copied().collect();
    let groups = tarjan_scc(&graph).into_iter().filter(|group| group.len() > 1);
    groups.map(|group| circle(&group, &ties)).collect()
}

fn circle(files: &[&Path], ties: &Ties<'_>) -> Circle {
    let is_within = |from: &Path, to: &Path| files.contains(&from) && files.contains(&to);
    let ties = ties.iter().filter(|((from, to), _)| is_within(from, to));
    Circle {
        files: files.iter().map(|file| file.to_path_buf()).collect(),
        ties: ties
            .map(|((from, to), line)| format!("{}:{line} uses {}", from.display(), to.display()))
            .collect(),
    }
}

fn ties<'a>(tree: &'a Tree, imports: &'a [Import]) -> Ties<'a> {
    let mut ties = Ties::new();
    for import in imports.iter().filter(|import| import.of_crate.is_none() && !import.is_test) {
        let owner = tree.owner(&import.target);
        let is_around = import.from.starts_with(&owner);
        let is_same_room = import.from.first() == owner.first();
        let from = tree.file(&import.from);
        let to = tree.file(&owner);
        if is_same_room && !is_around && from != to {
            ties.entry((from, to)).or_insert(import.line);
        }
    }
    ties
}

impl Table {
    /// A line for each circle that is new, and for each known one that is gone.
    pub fn untrue_circles(&self, found: &[Circle]) -> Vec<String> {
        let known = self.circles.iter().map(|(files, _)| self.in_folder(files));
        let known: Vec<BTreeSet<PathBuf>> = known.collect();
        let new = found.iter().filter(|circle| !known.contains(&circle.files));
        let gone = known.iter().filter(|files| !found.iter().any(|circle| circle.files == **files));
        let new = new.map(|circle| format!("a circle:\n  {}", circle.ties.join("\n  ")));
        let gone = gone.map(|files| format!("no circle any more, take the line out: {files:?}"));
        new.chain(gone).collect()
    }

    fn in_folder(&self, files: &[&str]) -> BTreeSet<PathBuf> {
        files.iter().map(|file| Path::new(self.folder).join(file)).collect()
    }
}
