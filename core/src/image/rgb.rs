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

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> Rgb8 {
        let width = 3;
        let height = 2;
        Rgb8 { width, height, pixels: (0..(width * height * 3) as u8).collect() }
    }

    /// All 64 products against real pixels: turning twice is turning by the product.
    #[test]
    fn then_is_what_pixels_do() {
        for first in Orientation::all() {
            for next in Orientation::all() {
                assert_eq!(
                    photo().oriented(first).oriented(next),
                    photo().oriented(first.then(next)),
                    "{first:?} then {next:?}"
                );
            }
            assert_eq!(first.then(first.inverse()), Orientation::UPRIGHT);
            assert_eq!(first.inverse().then(first), Orientation::UPRIGHT);
        }
    }

    /// EXIF 2.32 defines each number by where the stored 0th row and 0th column are seen.
    #[test]
    #[rustfmt::skip]
    fn exif_numbers_are_those_of_the_standard() {
        // The stored photo is 0 1 2 / 3 4 5.
        for (tag, width, shown) in [
            (1, 3, [0, 1, 2, 3, 4, 5]), // top, left
            (2, 3, [2, 1, 0, 5, 4, 3]), // top, right
            (3, 3, [5, 4, 3, 2, 1, 0]), // bottom, right
            (4, 3, [3, 4, 5, 0, 1, 2]), // bottom, left
            (5, 2, [0, 3, 1, 4, 2, 5]), // left, top
            (6, 2, [3, 0, 4, 1, 5, 2]), // right, top
            (7, 2, [5, 2, 4, 1, 3, 0]), // right, bottom
            (8, 2, [2, 5, 1, 4, 0, 3]), // left, bottom
        ] {
            let seen = photo().oriented(Orientation::from_exif(tag).expect("1-8 are valid"));
            let order: Vec<u8> = seen.pixels.chunks_exact(3).map(|pixel| pixel[0] / 3).collect();
            assert_eq!((seen.width, order.as_slice()), (width, &shown[..]), "tag {tag}");
        }
    }
}
