//! What a run leaves for people: `steps.csv`, `epochs.jsonl` and TensorBoard's event files.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Probabilities;
use serde::Serialize;

use super::images::average;
use super::validate::{Validation, Views};
use crate::data::cache::Cache;
use crate::drawing::confusion::{Confusion, confusion};
use crate::drawing::contact_sheet::{Tile, contact_sheet};
use crate::tensorboard::EventWriter;

const STEPS_HEADER: &str = "step,stage,epoch,learning_rate,loss,accuracy_4,accuracy_1,gradient\n";

/// Validation photos shown in TensorBoard after every epoch.
const N_SAMPLES: usize = 24;

/// The figures of one step.
pub(super) struct Step {
    pub number: usize,
    pub stage: usize,
    pub epoch: usize,
    pub learning_rate: f64,
    pub loss: f64,
    pub accuracy_4: f64,
    pub accuracy_1: f64,
    pub gradient: f64,
}

/// The figures of one epoch.
#[derive(Debug, Serialize)]
pub(super) struct Epoch {
    pub stage: usize,
    pub epoch: usize,
    pub step: usize,
    pub train_loss: f64,
    pub train_accuracy: f64,
    pub loss_4: f64,
    pub loss_1: f64,
    pub accuracy_4: f64,
    pub accuracy_1: f64,
    pub seconds: f64,
    pub images_per_second: f64,
    /// Share of the time that the training thread waited for photos.
    pub waiting: f64,
    pub best: bool,
}

pub(super) struct Journal {
    steps: PathBuf,
    epochs: PathBuf,
    pending: String,
    events: EventWriter,
}

impl Journal {
    /// Goes on after `step` steps: what a killed run wrote beyond its checkpoint is dropped.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be written.
    pub(super) fn open(folder: &Path, step: usize) -> Result<Self> {
        let steps = folder.join("steps.csv");
        let epochs = folder.join("epochs.jsonl");
        keep_lines(&steps, STEPS_HEADER, |line| {
            line.split(',')
                .next()
                .and_then(|number| number.parse::<usize>().ok())
                .is_some_and(|number| number < step)
        })?;
        keep_lines(&epochs, "", |line| {
            let row: Option<serde_json::Value> = serde_json::from_str(line).ok();
            row.and_then(|row| row["step"].as_u64()).is_some_and(|n| n <= step as u64)
        })?;
        let events = EventWriter::create(&folder.join("tensorboard"), step)?;
        Ok(Self { steps, epochs, pending: String::new(), events })
    }

    pub(super) fn step(&mut self, step: &Step) -> Result<()> {
        let Step { number, stage, epoch, learning_rate, loss, accuracy_4, accuracy_1, gradient } =
            step;
        self.pending.push_str(&format!(
            "{number},{},{},{learning_rate},{loss},{accuracy_4},{accuracy_1},{gradient}\n",
            stage + 1,
            epoch + 1
        ));
        let scalars = [
            ("step/loss", *loss),
            ("step/accuracy_four_views", *accuracy_4),
            ("step/accuracy_one_view", *accuracy_1),
            ("step/learning_rate", *learning_rate),
            ("step/gradient", *gradient),
        ];
        self.events.scalars(*number, &scalars)
    }

    /// To be called before a checkpoint, so that the file never lacks steps the checkpoint has.
    pub(super) fn flush(&mut self) -> Result<()> {
        append(&self.steps, &self.pending)?;
        self.pending.clear();
        Ok(())
    }

    pub(super) fn epoch(&mut self, row: &Epoch) -> Result<()> {
        let mut line = serde_json::to_string(row)?;
        line.push('\n');
        append(&self.epochs, &line)?;
        let scalars = [
            ("epoch/train_loss", row.train_loss),
            ("epoch/train_accuracy", row.train_accuracy),
            ("epoch/validation_loss_four_views", row.loss_4),
            ("epoch/validation_loss_one_view", row.loss_1),
            ("epoch/validation_accuracy_four_views", row.accuracy_4),
            ("epoch/validation_accuracy_one_view", row.accuracy_1),
            ("epoch/images_per_second", row.images_per_second),
            ("epoch/share_waiting", row.waiting),
        ];
        self.events.scalars(row.step, &scalars)
    }

    /// The confusion matrix of single views, and what is said of a few photos.
    pub(super) fn images(
        &mut self,
        step: usize,
        cache: &Cache,
        part: &[usize],
        views: &Views,
    ) -> Result<()> {
        let picture = confusion(&confusion_of_single_views(views));
        self.events.image(step, "confusion, one view", &picture)?;
        let mut tiles = Vec::new();
        for (idx, views) in part.iter().zip(views).take(N_SAMPLES) {
            let (turn, confidence) = average(views).best();
            let right = if turn == Turn::NONE { "right" } else { "WRONG" };
            let lines = vec![
                format!("{right} {:.1}%", 100.0 * confidence),
                format!("turn {}", turn.degrees()),
                cache.records[*idx].source.clone(),
            ];
            tiles.push(Tile { picture: cache.read(&cache.records[*idx])?, lines });
        }
        self.events.image(step, "samples, four views", &contact_sheet(&tiles, 8)?)
    }
}

pub(super) fn confusion_of_single_views(views: &[[[f32; 4]; 4]]) -> Confusion {
    let mut counts = Confusion::default();
    for photo in views {
        for (k, logits) in photo.iter().enumerate() {
            counts[k][Probabilities::from_logits(*logits, 1.0).best().0.class()] += 1;
        }
    }
    counts
}

pub(super) fn validation_row(validation: &Validation) -> String {
    format!(
        "validation: loss {:.4}, four views {:.2} %, one view {:.2} %",
        validation.loss_4,
        100.0 * validation.accuracy_4,
        100.0 * validation.accuracy_1
    )
}

/// Leaves only the lines wanted, below the header.
fn keep_lines(path: &Path, header: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let old = crate::files::read_if_there(path)?.unwrap_or_default();
    let kept = old.lines().filter(|line| wanted(line)).flat_map(|line| [line, "\n"]);
    let text: String = std::iter::once(header).chain(kept).collect();
    crate::files::write_whole(path, text.as_bytes())
}

fn append(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = OpenOptions::new().append(true).open(path).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)
}
