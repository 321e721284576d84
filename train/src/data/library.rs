//! Labels out of orientd's own database: a person's answers first, then tags a sensor wrote, then
//! photos the model in use saw as upright and was sure of.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use orientd::files::identity::ContentHash;
use orientd::store::training::{AppliedTurn, LabelledAnswer, Photo, Prediction, TrainingData};
use orientd::store::{LabelSource, PhotoId, Store};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::decision::Verdict;

use super::cache::Origin;
use super::sources::Item;
use crate::config::Prepare;

/// A photo of the library that has no usable label, and why.
#[derive(Debug, PartialEq)]
pub struct Unlabelled {
    pub path: PathBuf,
    pub reason: &'static str,
}

/// What the library offers for training.
#[derive(Debug, Default)]
pub struct Library {
    pub items: Vec<Item>,
    pub unlabelled: Vec<Unlabelled>,
}

/// Reads the database at `path`, which a running orientd may go on using.
///
/// # Errors
/// Returns an error if it cannot be opened, or belongs to another version of orientd.
pub fn read(path: &Path, settings: &Prepare) -> Result<Library> {
    let data = Store::open_read_only(path)?
        .training_data()
        .with_context(|| format!("cannot read the library {}", path.display()))?;
    Ok(choose_all(&data, settings))
}

fn choose_all(data: &TrainingData, settings: &Prepare) -> Library {
    let known = Known::new(data, settings.confident_from);
    let mut library = Library::default();
    for photo in &data.photos {
        let path = photo.path.clone();
        match choose(photo, &known, settings) {
            Ok((origin, stored, turn)) => {
                let source = "library".into();
                let weight = weight(origin, settings);
                library.items.push(Item { path, source, origin, weight, stored, turn });
            }
            Err(reason) => library.unlabelled.push(Unlabelled { path, reason }),
        }
    }
    library
}

/// What is known of the photos, by their numbers.
struct Known<'a> {
    /// The latest; a person's answer before a sensor's.
    answers: HashMap<PhotoId, &'a LabelledAnswer>,
    /// Of the photo's own bytes, in order. A sidecar leaves these and their tag as they were.
    turns: HashMap<PhotoId, Vec<&'a AppliedTurn>>,
    /// Those that orientd turned, in whichever way.
    turned: HashSet<PhotoId>,
    /// Seen as upright, surely enough.
    sure: HashMap<PhotoId, &'a Prediction>,
}

impl<'a> Known<'a> {
    fn new(data: &'a TrainingData, confident_from: f64) -> Self {
        let by_sensor = data.answers.iter().filter(|answer| is_by_sensor(answer));
        let by_person = data.answers.iter().filter(|answer| !is_by_sensor(answer));
        let mut turns: HashMap<_, Vec<_>> = HashMap::new();
        for turn in data.turns.iter().filter(|turn| turn.mode != Mode::Sidecar) {
            turns.entry(turn.photo).or_default().push(turn);
        }
        // What an earlier model said counts no longer.
        let mut sure: HashMap<_, _> =
            data.predictions.iter().map(|prediction| (prediction.photo, prediction)).collect();
        sure.retain(|_, prediction| {
            prediction.verdict == Verdict::Upright
                && f64::from(prediction.upright) >= confident_from
        });
        Self {
            answers: by_sensor.chain(by_person).map(|answer| (answer.photo, answer)).collect(),
            turns,
            turned: data.turns.iter().map(|turn| turn.photo).collect(),
            sure,
        }
    }

    /// Is `photo` as it was when it was seen as upright?
    fn is_sure(&self, photo: &Photo) -> bool {
        let seen = self.sure.get(&photo.id);
        seen.is_some_and(|prediction| {
            prediction.hash == photo.hash && prediction.stored == photo.stored
        })
    }
}

fn is_by_sensor(answer: &LabelledAnswer) -> bool {
    answer.source == LabelSource::Sensor
}

/// The best label there is, how the photo is displayed where that is not its own file's affair, and
/// the turn the label asks for; or why there is none.
fn choose(
    photo: &Photo,
    known: &Known<'_>,
    settings: &Prepare,
) -> Result<(Origin, Option<Orientation>, Turn), &'static str> {
    if let Some(answer) = known.answers.get(&photo.id) {
        let by_sensor = is_by_sensor(answer);
        let wanted = if by_sensor { settings.sensor } else { settings.person };
        let origin = if by_sensor { Origin::Sensor } else { Origin::Person };
        if wanted {
            // What was turned since has the turn in its own bytes.
            let stored = (answer.hash == photo.hash).then_some(answer.stored);
            let turns = known.turns.get(&photo.id).map_or(&[][..], Vec::as_slice);
            let turn = turn_now(answer, turns, photo.hash);
            return turn.map(|turn| (origin, stored, turn)).ok_or("changed since it was labelled");
        }
    }
    let stored = Some(photo.stored);
    let is_turned = known.turned.contains(&photo.id);
    if settings.sensor && photo.stored != Orientation::UPRIGHT && !is_turned {
        return Ok((Origin::Sensor, stored, Turn::NONE));
    }
    if settings.confident && known.is_sure(photo) {
        return Ok((Origin::Confident, stored, Turn::NONE));
    }
    Err("no label")
}

fn weight(origin: Origin, settings: &Prepare) -> f32 {
    match origin {
        Origin::Sensor => settings.sensor_weight,
        Origin::Confident => settings.confident_weight,
        Origin::Person | Origin::Folder => settings.person_weight,
    }
}

/// The answer's turn, less what was turned since: the turns made lead from the content that was
/// labelled to the present one, or `None` if they do not.
fn turn_now(answer: &LabelledAnswer, made: &[&AppliedTurn], present: ContentHash) -> Option<Turn> {
    let mut turn = answer.turn;
    let mut content = answer.hash;
    // Each is used at most once, so a cycle of undone fixes ends.
    let mut left = made.to_vec();
    while content != present {
        let at = left.iter().position(|made| made.before == Some(content))?;
        let made = left.remove(at);
        let still = (4 + turn.class() - made.turn.class()) % 4;
        turn = Turn::ALL[still];
        content = made.after;
    }
    Some(turn)
}

#[cfg(test)]
mod tests;
