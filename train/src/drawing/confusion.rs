//! The confusion matrix as a picture.

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
