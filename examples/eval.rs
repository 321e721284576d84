//! `make eval DIR=…`: how often the model is right about upright photos turned by 0, 90, 180 and 270
//! degrees in memory, with one view and with four.
//!
//! `eval DIR [LIST]`: LIST names the files to use, one a line or as the `files` array of a JSON file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use orientd::decode::{Budget, Candidate, Decoded, Limits, decode_in_process};
use orientd::engine::{Device, Engine, ModelFile, Views};
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::decide;

const LIMITS: Limits = Limits { max_file_bytes: 1 << 30, max_pixels: 1 << 30 };

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let folder = PathBuf::from(args.next().context("usage: eval DIR [LIST]")?);
    let wanted = args.next().map(|list| read_list(Path::new(&list))).transpose()?;
    let model = match std::env::var_os("ORIENTD_MODEL") {
        Some(path) => ModelFile::read(Path::new(&path))?,
        None => ModelFile::built_in(),
    };
    let n_threads = std::thread::available_parallelism()?.get();
    let mut engine = Engine::load(None, &model, Device::Auto, n_threads)?;
    let mut tally = Tally::default();
    for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(&name));
        if !entry.file_type().is_file() || !is_wanted {
            continue;
        }
        let identity = (&entry.metadata()?).into();
        let candidate = Candidate { path: entry.into_path(), identity };
        match decode_in_process(
            &candidate,
            &LIMITS,
            &Budget::new(usize::MAX),
            engine.loaded().spec.input.size,
        ) {
            Decoded::Photo(photo) => tally.add(&mut engine, &photo.picture)?,
            Decoded::Skipped { skip, .. } => eprintln!("{}: {skip}", candidate.path.display()),
            Decoded::NotAPhoto => {}
        }
    }
    ensure!(tally.n_photos > 0, "there are no photos in {}", folder.display());
    tally.print(&model.name);
    Ok(())
}

fn read_list(path: &Path) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    if !text.trim_start().starts_with('{') {
        return Ok(text.lines().map(str::to_owned).collect());
    }
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let Some(files) = json["files"].as_array() else { bail!("no array `files` in the list") };
    Ok(files.iter().filter_map(|file| file.as_str().map(str::to_owned)).collect())
}

#[derive(Default)]
struct Tally {
    n_photos: usize,
    /// Right answers of 4·n, for one view, four views and the cascade.
    right: [usize; 3],
    /// Upright photos that the cascade would turn by itself, and wrong ones that it would turn rightly.
    n_harmed: usize,
    n_turned_rightly: usize,
}

const VIEWS: [(&str, Views); 3] =
    [("one view", Views::One), ("four views", Views::Four), ("cascade", Views::Cascade)];

impl Tally {
    fn add(&mut self, engine: &mut Engine, upright: &Rgb8) -> Result<()> {
        let turned = Turn::ALL.map(|turn| upright.clone().oriented(turn.inverse().orientation()));
        let pictures: Vec<&Rgb8> = turned.iter().collect();
        self.n_photos += 1;
        for (idx, (_, views)) in VIEWS.iter().enumerate() {
            let answers = engine.answer(&pictures, *views)?;
            for (turn, answer) in Turn::ALL.into_iter().zip(answers) {
                let answer = answer.context("the network gave no usable answer")?;
                self.right[idx] += usize::from(answer.probabilities.best().0 == turn);
                let decision = decide(&answer.probabilities, engine.loaded().spec.thresholds);
                if *views == Views::Cascade && decision.verdict.as_str() == "fix" {
                    self.n_harmed += usize::from(turn == Turn::NONE);
                    self.n_turned_rightly +=
                        usize::from(turn != Turn::NONE && decision.turn == turn);
                }
            }
        }
        Ok(())
    }

    fn print(&self, model: &str) {
        let n = self.n_photos as f64;
        println!("{} upright photos, each turned four ways, model {model}", self.n_photos);
        for ((name, _), right) in VIEWS.iter().zip(self.right) {
            println!("  right with {name:<12} {:6.2} %", 100.0 * right as f64 / (4.0 * n));
        }
        println!(
            "  upright ones turned by themselves {:6.2} in 1,000",
            1000.0 * self.n_harmed as f64 / n
        );
        println!(
            "  wrong ones turned by themselves   {:6.2} %",
            100.0 * self.n_turned_rightly as f64 / (3.0 * n)
        );
    }
}
