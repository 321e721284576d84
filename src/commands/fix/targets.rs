//! Which photos `orientd fix` is about, and which of those that were named it leaves alone. Nothing is changed here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::FixArgs;
use crate::commands::list::known_path;
use crate::error::{FixError, Reason};
use crate::store::{KnownPhoto, LabelSource, ModelId, PhotoId, PhotoState, Store};
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Verdict;

/// What was named, in that order.
pub(super) enum Target {
    /// As the model proposes.
    Proposed(Box<KnownPhoto>, Turn),
    /// As the person says.
    Said(Box<KnownPhoto>, Turn),
    /// The same for a file that the database does not know.
    Stranger(PathBuf, Turn),
    LeftAlone(PathBuf, Option<Box<KnownPhoto>>, Reason),
}

pub(super) struct Targets {
    pub all: Vec<Target>,
    /// In folders, not asked for.
    pub n_doubtful_left: u64,
    /// In folders; turned before and put back, so that only a person's answer turns them.
    pub n_put_back_left: u64,
    /// Asked for, but to be confirmed.
    pub n_doubtful: u64,
    /// Found in folders by --all.
    pub n_in_folders: u64,
    met: HashSet<PhotoId>,
}

impl Targets {
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub(super) fn find(store: &Store, model: Option<ModelId>, args: &FixArgs) -> Result<Self> {
        let mut targets = Self {
            all: Vec::new(),
            n_doubtful_left: 0,
            n_put_back_left: 0,
            n_doubtful: 0,
            n_in_folders: 0,
            met: HashSet::new(),
        };
        for path in &args.paths {
            let path = known_path(path);
            let mut photos = Vec::new();
            store.photos_below(&path, model, |photo| {
                photos.push(photo);
                Ok(())
            })?;
            let n_found = photos.len();
            photos.retain(|photo| targets.met.insert(photo.id));
            if photos.is_empty() && n_found > 0 {
                continue; // Named twice.
            }
            match args.turn {
                Some(turn) => targets.say(path, photos, turn, args.all),
                None => targets.propose(path, photos, args.doubtful),
            }
        }
        Ok(targets)
    }

    /// How many photos will be turned, or at least tried.
    pub(super) fn n_meant(&self) -> u64 {
        let is_meant = |target: &&Target| !matches!(target, Target::LeftAlone(..));
        self.all.iter().filter(is_meant).count() as u64
    }

    fn say(&mut self, path: PathBuf, photos: Vec<KnownPhoto>, turn: Turn, all: bool) {
        if path.is_dir() && !all {
            let what = "is a folder; --all takes every photo below it";
            return self.leave(path, None, Reason::new("is_folder", what));
        }
        if path.is_dir() && photos.is_empty() {
            return self.leave(path, None, not_known("`orientd scan` looks at it first"));
        }
        if !path.is_dir() && photos.is_empty() {
            return match path.is_file() {
                true => self.all.push(Target::Stranger(path, turn)),
                false => {
                    let why = missing(&path);
                    self.leave(path, None, why);
                }
            };
        }
        for photo in photos {
            match &photo.skipped {
                Some(why) if is_no_picture(why) => {
                    let why = why.clone();
                    self.leave(photo.path.clone(), Some(photo), why);
                }
                _ => {
                    self.n_in_folders += u64::from(path.is_dir());
                    self.all.push(Target::Said(Box::new(photo), turn));
                }
            }
        }
    }

    fn propose(&mut self, path: PathBuf, photos: Vec<KnownPhoto>, doubtful: bool) {
        if photos.is_empty() {
            let hint = "`orientd scan` looks at it first; --turn says what is right";
            let why = if path.exists() { not_known(hint) } else { missing(&path) };
            return self.leave(path, None, why);
        }
        let is_named = !path.is_dir();
        for photo in photos {
            match photo.proposal() {
                Some(_) if photo.state == PhotoState::PutBack && !is_named => {
                    self.n_put_back_left += 1;
                }
                Some(decision) if decision.verdict == Verdict::Fix => {
                    self.all.push(Target::Proposed(Box::new(photo), decision.turn));
                }
                Some(decision) if doubtful => {
                    self.n_doubtful += 1;
                    self.all.push(Target::Proposed(Box::new(photo), decision.turn));
                }
                Some(_) if is_named => {
                    let what = "is in doubt; --doubtful turns it as proposed, --turn as you say";
                    self.leave(path.clone(), Some(photo), Reason::new("in_doubt", what));
                }
                Some(_) => self.n_doubtful_left += 1,
                None if is_named => {
                    let why = no_proposal(&photo);
                    self.leave(path.clone(), Some(photo), why);
                }
                None => {}
            }
        }
    }

    fn leave(&mut self, path: PathBuf, photo: Option<KnownPhoto>, why: Reason) {
        self.all.push(Target::LeftAlone(path, photo.map(Box::new), why));
    }
}

/// A sidecar would turn even these.
fn is_no_picture(why: &Reason) -> bool {
    matches!(&*why.code, "empty" | "unsupported_format" | "not_a_regular_file")
}

fn not_known(hint: &str) -> Reason {
    Reason::new("not_known", format!("nothing is known about it; {hint}"))
}

fn missing(path: &Path) -> Reason {
    match path.exists() {
        true => Reason::new("not_a_regular_file", "is not a regular file"),
        false => Reason::new("vanished", "there is no such file"),
    }
}

/// Why nothing is proposed for a photo that was named.
fn no_proposal(photo: &KnownPhoto) -> Reason {
    let what = match photo.state {
        PhotoState::Fine if photo.said == Some((LabelSource::Outside, Turn::NONE)) => {
            return Reason::from(&FixError::PutBackOutside);
        }
        PhotoState::Fine => {
            return Reason::new("said_upright", "you said that it is fine; --turn turns it");
        }
        PhotoState::Turned => "is turned already",
        PhotoState::Skipped => match &photo.skipped {
            Some(why) => return why.clone(),
            None => "was skipped",
        },
        PhotoState::Unseen => "was not looked at yet; `orientd scan` does",
        _ => "looks upright",
    };
    Reason::new(
        "no_proposal",
        format!("{what}; no proposal is pending, --turn turns it all the same"),
    )
}
