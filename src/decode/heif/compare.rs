//! Whether a turned file shows the same picture, by decoding the old file and the new one.

use super::library::{LibHeif, Shown};
use crate::error::SkipReason;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Turn;

/// Most that two pictures with an odd side may differ, in the mean over all samples: libheif turns the
/// smaller planes of colour by themselves, and the half sample at one edge is then at the other.
const MAX_MEAN_DIFFERENCE: f64 = 2.0;

/// Decodes both as libheif shows them; ours is the algebra that turns the old one.
pub(super) fn shows_turned(
    library: &LibHeif,
    old: &[u8],
    new: &[u8],
    turn: Turn,
    max_pixels: u64,
) -> Result<bool, SkipReason> {
    let shown = |bytes: &[u8]| library.decode(bytes, max_pixels, Shown::AsStored);
    let expected = shown(old)?.oriented(turn.orientation());
    let found = shown(new)?;
    if is_same(&expected, &found) {
        return Ok(true);
    }
    let is_odd = !(expected.width.is_multiple_of(2) && expected.height.is_multiple_of(2));
    if !is_odd || !is_near(&expected, &found) {
        return Ok(false);
    }
    drop((expected, found));
    let coded = |bytes: &[u8]| library.decode(bytes, max_pixels, Shown::AsCoded);
    Ok(is_same(&coded(old)?, &coded(new)?))
}

fn is_same(one: &Rgb8, other: &Rgb8) -> bool {
    (one.width, one.height) == (other.width, other.height) && one.pixels == other.pixels
}

fn is_near(one: &Rgb8, other: &Rgb8) -> bool {
    if (one.width, one.height) != (other.width, other.height) || one.pixels.is_empty() {
        return false;
    }
    let differences = one.pixels.iter().zip(&other.pixels).map(|(a, b)| u64::from(a.abs_diff(*b)));
    differences.sum::<u64>() as f64 / one.pixels.len() as f64 <= MAX_MEAN_DIFFERENCE
}
