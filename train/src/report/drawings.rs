//! Pictures made of figures: the confusion matrix, and contact sheets with captions.

use anyhow::Result;
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;

use super::canvas::{Canvas, LETTER, WHITE};

/// Counts by true class, then by answer.
pub type Confusion = [[usize; 4]; 4];

const CELL: usize = 72;
const MARGIN: usize = 60;

/// Darker blue the larger the share of the row.
pub fn confusion(counts: &Confusion) -> Rgb8 {
    let side = MARGIN + 4 * CELL;
    let mut canvas = Canvas::new(side, side, WHITE);
    canvas.text(2, 4, "turned \\ seen as");
    for (row, (turn, counts)) in Turn::ALL.iter().zip(counts).enumerate() {
        let top = MARGIN + row * CELL;
        let label = turn.degrees().to_string();
        canvas.text(8, top + CELL / 2 - LETTER / 2, &label);
        canvas.text(top + CELL / 2 - label.len() * LETTER / 2, MARGIN - 2 * LETTER, &label);
        let total = counts.iter().sum::<usize>().max(1);
        for (column, count) in counts.iter().enumerate() {
            let share = *count as f64 / total as f64;
            let light = |full: f64| (255.0 - share * (255.0 - full)) as u8;
            let left = MARGIN + column * CELL;
            let colour = [light(110.0), light(160.0), light(235.0)];
            canvas.rectangle((left, top), (CELL - 2, CELL - 2), colour);
            let text = format!("{:.1}%", 100.0 * share);
            canvas.text(left + 4, top + CELL / 2 - LETTER, &text);
            canvas.text(left + 4, top + CELL / 2 + 4, &count.to_string());
        }
    }
    canvas.picture
}

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
