//! Many photos on one sheet, with captions.

use anyhow::Result;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;

use super::canvas::{Canvas, LETTER, WHITE};

/// A photo and up to three lines below it.
pub struct Tile {
    pub picture: Rgb8,
    pub lines: Vec<String>,
}

const TILE: usize = 144;
const GAP: usize = 6;
const LINES: usize = 3;

/// Tiles in rows of `columns`, each at its own aspect.
///
/// # Errors
/// Returns an error if a picture is empty.
pub fn contact_sheet(tiles: &[Tile], columns: usize) -> Result<Rgb8> {
    let step = (TILE + GAP, TILE + LINES * (LETTER + 2) + GAP);
    let columns = columns.clamp(1, tiles.len().max(1));
    let n_rows = tiles.len().div_ceil(columns).max(1);
    let mut canvas = Canvas::new(columns * step.0 + GAP, n_rows * step.1 + GAP, WHITE);
    for (idx, tile) in tiles.iter().enumerate() {
        let left = GAP + idx % columns * step.0;
        let top = GAP + idx / columns * step.1;
        let long = tile.picture.width.max(tile.picture.height).max(1);
        let scaled = |n: usize| (n * TILE / long).max(1);
        let width = scaled(tile.picture.width);
        let height = scaled(tile.picture.height);
        let small = resize(&tile.picture, width, height)?;
        canvas.paste(left + (TILE - width) / 2, top + (TILE - height) / 2, &small);
        for (number, line) in tile.lines.iter().take(LINES).enumerate() {
            let line: String = line.chars().take(TILE / LETTER).collect();
            canvas.text(left, top + TILE + 2 + number * (LETTER + 2), &line);
        }
    }
    Ok(canvas.picture)
}
