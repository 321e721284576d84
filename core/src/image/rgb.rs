//! An 8-bit RGB picture in memory, and what an orientation does to it.

use crate::orientation::Orientation;

/// Rows from the top, three bytes a pixel, no padding: `pixels.len() == width * height * 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb8 {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Rgb8 {
    /// What a viewer shows: the picture mirrored, then turned clockwise, as `orientation` says.
    pub fn oriented(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let (width, height) = if orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..height {
            for x in 0..width {
                let at = 3 * self.source_index(orientation, x, y);
                pixels.extend_from_slice(&self.pixels[at..at + 3]);
            }
        }
        Self { width, height, pixels }
    }

    /// Which stored pixel is seen at column `x`, row `y` of the oriented picture.
    fn source_index(&self, orientation: Orientation, x: usize, y: usize) -> usize {
        let right = self.width - 1;
        let bottom = self.height - 1;
        let (column, row) = match orientation.quarter_turns() {
            0 => (x, y),
            1 => (y, bottom - x),
            2 => (right - x, bottom - y),
            _ => (right - y, x),
        };
        let column = if orientation.is_mirrored() { right - column } else { column };
        row * self.width + column
    }
}
