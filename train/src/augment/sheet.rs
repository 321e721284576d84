//! Sample sheets: what an augmentation does to a few photos, to be looked at by a person.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Augment;
use crate::drawing::canvas::{Canvas, WHITE, save_png};

const TILE: usize = 128;
const GAP: usize = 4;
const CAPTION: usize = 12;
const SAMPLES: usize = 7;

/// Writes one PNG for each augmentation and `all.png` for all together: a row for each photo, the
/// plain photo first.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub fn sheets(
    settings: &Augment,
    photos: &[Rgb8],
    seed: u64,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut written = Vec::new();
    for name in settings.names()? {
        written.push(sheet(&name, &settings.only(&name)?, photos, seed, folder)?);
    }
    written.push(sheet("all", settings, photos, seed, folder)?);
    Ok(written)
}

fn sheet(
    name: &str,
    settings: &Augment,
    photos: &[Rgb8],
    seed: u64,
    folder: &Path,
) -> Result<PathBuf> {
    let step = TILE + GAP;
    let width = (SAMPLES + 1) * step;
    let height = CAPTION + photos.len() * step;
    let mut canvas = Canvas::new(width, height, WHITE);
    canvas.text(2, 2, &format!("plain    {name}"));
    for (row, photo) in photos.iter().enumerate() {
        let top = CAPTION + row * step;
        canvas.paste(0, top, &resize(photo, TILE, TILE)?);
        for sample in 0..SAMPLES {
            let key = seed ^ ((row * SAMPLES + sample) as u64) << 8;
            let mut rng = ChaCha8Rng::seed_from_u64(key);
            let photo = settings.turn(photo.clone(), Turn::NONE, &mut rng);
            let seen = settings.apply(&photo, TILE, &mut rng)?;
            canvas.paste((sample + 1) * step, top, &seen);
        }
    }
    let path = folder.join(format!("{name}.png"));
    save_png(&canvas.picture, &path)?;
    Ok(path)
}
