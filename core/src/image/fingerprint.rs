//! A coarse picture of a picture, by which a photo is known again after another program has rewritten its file.

use crate::image::rgb::Rgb8;
use crate::orientation::Orientation;

/// Cells a side.
const SIDE: usize = 16;

/// Two pictures of one photo correlate at least so well, whatever quality and brightness they were saved with.
const SAME: f32 = 0.95;

/// Orientations that fit so nearly as well as the best one cannot be told from it.
const NEARLY: f32 = 0.005;

/// Pictures with less variance (of brightness, 0 to 255) show nothing to compare.
const FLAT: f32 = 4.0;

/// The brightness of 16×16 cells of a displayed photo, in rows from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; SIDE * SIDE]);

/// How the same photo is displayed, compared with an earlier time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    AsThen,
    /// Turned or mirrored.
    Otherwise,
    /// It looks much the same in several orientations.
    Unclear,
    AnotherPhoto,
}

impl Fingerprint {
    /// `None` for a picture without pixels.
    pub fn of(picture: &Rgb8) -> Option<Self> {
        let Rgb8 { width, height, pixels } = picture;
        let is_whole = *width > 0 && *height > 0 && pixels.len() == 3 * width * height;
        if !is_whole {
            return None;
        }
        let mut cells = [0; SIDE * SIDE];
        for (at, cell) in cells.iter_mut().enumerate() {
            let rows = span(at / SIDE, *height);
            let columns = span(at % SIDE, *width);
            let n = 3 * rows.len() * columns.len();
            let row_sum = |y: usize| {
                let from = 3 * (y * width + columns.start);
                let row = &pixels[from..from + 3 * columns.len()];
                row.iter().map(|value| u64::from(*value)).sum::<u64>()
            };
            let sum: u64 = rows.map(row_sum).sum();
            *cell = u8::try_from(sum / n as u64).unwrap_or(u8::MAX);
        }
        Some(Self(cells))
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of the displayed photo after `orientation` was applied to it.
    pub fn oriented(&self, orientation: Orientation) -> Self {
        let grey = self.0.iter().flat_map(|value| [*value; 3]).collect();
        let picture = Rgb8 { width: SIDE, height: SIDE, pixels: grey }.oriented(orientation);
        let mut cells = [0; SIDE * SIDE];
        for (cell, pixel) in cells.iter_mut().zip(picture.pixels.chunks_exact(3)) {
            *cell = pixel[0];
        }
        Self(cells)
    }

    /// Compares the photo as it was displayed `then` with what is displayed now.
    pub fn compare(&self, then: &Self) -> Comparison {
        let fits = |orientation| self.correlation(&then.oriented(orientation));
        let unchanged = fits(Orientation::UPRIGHT);
        let others = Orientation::all().into_iter().filter(|other| *other != Orientation::UPRIGHT);
        let other = others.map(fits).fold(f32::MIN, f32::max);
        let best = unchanged.max(other);
        if best < SAME {
            Comparison::AnotherPhoto
        } else if unchanged > other + NEARLY {
            Comparison::AsThen
        } else if other > unchanged + NEARLY {
            Comparison::Otherwise
        } else {
            Comparison::Unclear
        }
    }

    /// Pearson's, −1 to 1. Flat pictures correlate with each other alone.
    fn correlation(&self, other: &Self) -> f32 {
        let own_mean = self.mean();
        let other_mean = other.mean();
        let mut covariance = 0.0;
        let mut own = 0.0;
        let mut others = 0.0;
        for (a, b) in self.0.iter().zip(other.0) {
            let a = f32::from(*a) - own_mean;
            let b = f32::from(b) - other_mean;
            covariance += a * b;
            own += a * a;
            others += b * b;
        }
        let flat = FLAT * (SIDE * SIDE) as f32;
        match (own < flat, others < flat) {
            (true, true) => 1.0,
            (false, false) => covariance / (own * others).sqrt(),
            _ => 0.0,
        }
    }

    fn mean(&self) -> f32 {
        let sum: u32 = self.0.iter().map(|value| u32::from(*value)).sum();
        sum as f32 / (SIDE * SIDE) as f32
    }
}

/// The pixels of cell `at`, of `n` on this side; at least one.
fn span(at: usize, n: usize) -> std::ops::Range<usize> {
    let from = (at * n / SIDE).min(n - 1);
    from..((at + 1) * n / SIDE).max(from + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that looks the same in no other orientation.
    fn photo(side: usize, shade: impl Fn(usize, usize) -> usize) -> Rgb8 {
        let values = (0..side * side).map(|at| shade(at % side, at / side).min(255) as u8);
        Rgb8 { width: side, height: side, pixels: values.flat_map(|value| [value; 3]).collect() }
    }

    fn of(picture: &Rgb8) -> Fingerprint {
        Fingerprint::of(picture).expect("it has pixels")
    }

    #[test]
    fn a_photo_is_known_again_and_how_it_is_displayed() {
        let corner = |x: usize, y: usize| if x < 30 && y < 50 { 220 } else { 20 + x / 4 + y };
        let original = photo(100, corner);
        let darker = photo(100, |x, y| corner(x, y) / 2);
        let smaller = photo(64, |x, y| corner(x * 100 / 64, y * 100 / 64));
        let striped = photo(100, |x, _| if x % 20 < 10 { 200 } else { 10 });
        let flat = photo(100, |_, _| 90);
        let turned = |number| {
            let orientation = Orientation::from_exif(number).expect("1-8");
            original.clone().oriented(orientation)
        };
        for (name, now, expected) in [
            ("the same", original.clone(), Comparison::AsThen),
            ("darker", darker, Comparison::AsThen),
            ("smaller", smaller, Comparison::AsThen),
            ("turned by 90", turned(6), Comparison::Otherwise),
            ("turned by 180", turned(3), Comparison::Otherwise),
            ("mirrored", turned(2), Comparison::Otherwise),
            ("another", striped.clone(), Comparison::AnotherPhoto),
            ("a flat one", flat.clone(), Comparison::AnotherPhoto),
        ] {
            assert_eq!(of(&now).compare(&of(&original)), expected, "{name}");
        }
        assert_eq!(of(&flat).compare(&of(&flat)), Comparison::Unclear);
        assert_eq!(of(&striped).compare(&of(&striped)), Comparison::Unclear, "symmetrical");
    }

    #[test]
    fn turning_the_fingerprint_is_turning_the_photo() {
        let original = photo(96, |x, y| x + y / 2);
        for orientation in Orientation::all() {
            let turned = of(&original.clone().oriented(orientation));
            assert_eq!(of(&original).oriented(orientation), turned, "{orientation:?}");
        }
    }

    #[test]
    fn tiny_and_empty_pictures_do_no_harm() {
        assert!(Fingerprint::of(&photo(1, |_, _| 7)).is_some());
        assert_eq!(Fingerprint::of(&Rgb8 { width: 0, height: 5, pixels: Vec::new() }), None);
        assert_eq!(Fingerprint::from_bytes(&[0; 5]), None);
    }
}
