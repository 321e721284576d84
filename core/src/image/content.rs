//! Is there anything to see in a picture? One colour, or one that changes evenly from side to side, shows nothing
//! that could lie on its side, whatever the network makes of it.

use crate::image::rgb::Rgb8;

/// Means of so many cells each way are compared, so that noise and the grid of JPEG's blocks do not count.
const CELLS: usize = 28;

/// The standard deviation around a plane, in steps of 0 to 255, from which there is something to see. Single
/// colours, even gradients and such with noise stay below 1, the dullest of 4,355 photos has 9;
/// docs/decisions/0011-nothing-to-see.md has the figures.
const LEAST: f64 = 3.0;

/// Does any colour deviate from the plane that fits it best?
pub fn has_content(picture: &Rgb8) -> bool {
    if picture.width == 0 || picture.height == 0 {
        return false;
    }
    let cells = Cells::of(picture);
    (0..3).any(|colour| cells.deviation(colour) >= LEAST)
}

/// Mean colours of a grid of cells, row by row.
struct Cells {
    width: usize,
    height: usize,
    means: Vec<[f64; 3]>,
}

impl Cells {
    fn of(picture: &Rgb8) -> Self {
        let width = picture.width.min(CELLS);
        let height = picture.height.min(CELLS);
        let mut sums = vec![[0.0; 3]; width * height];
        let mut counts = vec![0u32; width * height];
        for (at, pixel) in picture.pixels.chunks_exact(3).enumerate() {
            let x = at % picture.width * width / picture.width;
            let y = (at / picture.width * height / picture.height).min(height - 1);
            counts[y * width + x] += 1;
            for (sum, value) in sums[y * width + x].iter_mut().zip(pixel) {
                *sum += f64::from(*value);
            }
        }
        let mean = |(sum, n): ([f64; 3], u32)| sum.map(|sum| sum / f64::from(n.max(1)));
        let means = sums.into_iter().zip(counts).map(mean).collect();
        Self { width, height, means }
    }

    /// The standard deviation of a colour around its best plane. Columns and rows of a grid are independent, so
    /// each slope is fitted alone.
    fn deviation(&self, colour: usize) -> f64 {
        let n = self.means.len() as f64;
        let mean = self.means.iter().map(|cell| cell[colour]).sum::<f64>() / n;
        let middle_x = (self.width as f64 - 1.0) / 2.0;
        let middle_y = (self.height as f64 - 1.0) / 2.0;
        let mut squares = 0.0;
        let mut along_x = Slope::default();
        let mut along_y = Slope::default();
        for (at, cell) in self.means.iter().enumerate() {
            let value = cell[colour] - mean;
            squares += value * value;
            along_x.add((at % self.width) as f64 - middle_x, value);
            along_y.add((at / self.width) as f64 - middle_y, value);
        }
        let rest = squares - along_x.explained() - along_y.explained();
        (rest.max(0.0) / n).sqrt()
    }
}

/// A straight line through the mean, fitted by least squares.
#[derive(Default)]
struct Slope {
    squares: f64,
    products: f64,
}

impl Slope {
    fn add(&mut self, place: f64, value: f64) {
        self.squares += place * place;
        self.products += place * value;
    }

    /// The sum of squares that the line accounts for.
    fn explained(&self) -> f64 {
        if self.squares > 0.0 { self.products * self.products / self.squares } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(side: usize, colour: impl Fn(usize, usize) -> [u8; 3]) -> Rgb8 {
        let places = (0..side * side).map(|at| (at % side, at / side));
        let pixels = places.flat_map(|(x, y)| colour(x, y)).collect();
        Rgb8 { width: side, height: side, pixels }
    }

    fn noise(x: usize, y: usize) -> u8 {
        ((x * 7919 + y * 104_729) * 2_654_435_761 % 4_294_967_296 / 268_435_456) as u8
    }

    #[test]
    #[rustfmt::skip]
    fn colours_and_even_gradients_show_nothing() {
        let step = |n: usize| n as u8;
        for (name, has, picture) in [
            ("one colour",           false, picture(224, |_, _| [200, 180, 140])),
            ("noise of 16 steps",    false, picture(224, |x, y| [100 + noise(x, y); 3])),
            ("brighter below",       false, picture(224, |_, y| [step(y), 128, 128])),
            ("brighter to the side", false, picture(224, |x, _| [128, step(x), 255 - step(x)])),
            ("slanting",             false, picture(224, |x, y| [step((x + y) / 2); 3])),
            ("a step across",        true,  picture(224, |_, y| [if y < 112 { 120 } else { 140 }; 3])),
            ("a small bright spot",  true,  picture(224, |x, y| [if x < 16 && y < 16 { 255 } else { 90 }; 3])),
            ("a curve",              true,  picture(224, |_, y| [step(y * y / 224); 3])),
            ("smaller than the grid", false, picture(2, |_, _| [9; 3])),
            ("one pixel",            false, picture(1, |_, _| [9, 0, 200])),
            ("none",                 false, picture(0, |_, _| [0; 3])),
        ] {
            assert_eq!(has_content(&picture), has, "{name}");
        }
    }
}
