//! How the preview in a raw file is to be shown. A raw file states the orientation of its raw pixels. Its preview lies
//! either as they do, as cameras and Adobe's converter leave it, or upright already, as some phones and programs
//! make it; nothing in the file says which, so it is concluded.

use crate::orientation::Orientation;

/// What tells how a preview lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The orientation of the raw picture.
    pub raw: Orientation,
    /// Width and height of the raw picture as it is stored, where that is told.
    pub raw_size: Option<(u32, u32)>,
    /// What the preview's own EXIF states.
    pub own: Option<Orientation>,
    /// Width and height of the preview as it is stored.
    pub size: (u32, u32),
}

/// How a preview is shown upright where the raw picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub orientation: Orientation,
    /// Else it is the likeliest.
    pub is_clear: bool,
}

/// Sides that differ by less are of no shape.
const LEAST_PERCENT: u64 = 105;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Wide,
    High,
}

/// Concludes from the preview's own EXIF, and from the shapes: shown rightly, raw picture and preview are both wide or
/// both high. Where the two contradict each other, or neither tells, it is unclear. A preview that states something
/// else than the raw file, which the shapes cannot confirm, is so too: somebody may have corrected the one only.
pub fn conclude(evidence: Evidence) -> Conclusion {
    let Evidence { raw, own, .. } = evidence;
    let fits = |orientation| fits(evidence, orientation);
    match own {
        Some(own) if own == raw && fits(own) != Some(false) => clear(own),
        Some(own) if fits(own) == Some(true) && fits(raw) == Some(false) => clear(own),
        Some(own) if fits(own) != Some(false) => unclear(own),
        None if raw == Orientation::UPRIGHT && fits(raw) != Some(false) => clear(raw),
        None if fits(raw) == Some(true) && fits(Orientation::UPRIGHT) == Some(false) => clear(raw),
        None if fits(raw) == Some(false) && fits(Orientation::UPRIGHT) == Some(true) => {
            clear(Orientation::UPRIGHT)
        }
        _ if fits(raw) == Some(false) => unclear(Orientation::UPRIGHT),
        _ => unclear(raw),
    }
}

fn clear(orientation: Orientation) -> Conclusion {
    Conclusion { orientation, is_clear: true }
}

fn unclear(orientation: Orientation) -> Conclusion {
    Conclusion { orientation, is_clear: false }
}

/// Is the preview, shown so, of the shape that the raw picture has as it is shown? `None`: there is no telling.
fn fits(evidence: Evidence, orientation: Orientation) -> Option<bool> {
    let raw = shape(evidence.raw_size?, evidence.raw)?;
    Some(raw == shape(evidence.size, orientation)?)
}

/// Shown with this orientation.
fn shape((width, height): (u32, u32), orientation: Orientation) -> Option<Shape> {
    let is_wide = match orientation.swaps_sides() {
        false => width > height,
        true => height > width,
    };
    let longer = u64::from(width.max(height));
    let shorter = u64::from(width.min(height));
    let has_shape = longer * 100 >= shorter * LEAST_PERCENT && shorter > 0;
    has_shape.then_some(if is_wide { Shape::Wide } else { Shape::High })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn previews_are_shown_as_their_evidence_has_it() {
        let wide = (6000, 4000);
        let high = (4000, 6000);
        let square = (4000, 4000);
        for (name, raw, raw_size, own, size, expected, is_clear) in [
            // Without EXIF of its own.
            ("upright",                            1, Some(wide),   None,    (1616, 1080), 1, true),
            ("upright, nothing told",              1, None,         None,    (1616, 1080), 1, true),
            ("upright, and the preview is not",    1, Some(wide),   None,    (1080, 1616), 1, false),
            ("on its side, as the raw",            6, Some(wide),   None,    (1616, 1080), 6, true),
            ("on its side, upright already",       6, Some(wide),   None,    (1080, 1616), 1, true),
            ("the other way",                      8, Some(wide),   None,    (1080, 1616), 1, true),
            ("a sensor that stands, as the raw",   6, Some(high),   None,    (1080, 1616), 6, true),
            ("a sensor that stands, upright",      6, Some(high),   None,    (1616, 1080), 1, true),
            ("on its side, nothing told",          6, None,         None,    (1616, 1080), 6, false),
            ("on its side, a square preview",      6, Some(wide),   None,    (1000, 1000), 6, false),
            ("on its side, nearly a square",       6, Some(wide),   None,    (1030, 1000), 6, false),
            ("on its side, a square raw",          8, Some(square), None,    (1000, 800),  8, false),
            ("on its head",                        3, Some(wide),   None,    (1616, 1080), 3, false),
            ("mirrored",                           2, Some(wide),   None,    (1616, 1080), 2, false),
            ("transposed, as the raw",             5, Some(wide),   None,    (1616, 1080), 5, true),
            // With it.
            ("both say the same",                  6, Some(wide),   Some(6), (1616, 1080), 6, true),
            ("the same, nothing told",             6, None,         Some(6), (1616, 1080), 6, true),
            ("both on the head",                   3, Some(wide),   Some(3), (1616, 1080), 3, true),
            ("upright already, and says so",       6, Some(wide),   Some(1), (1080, 1616), 1, true),
            ("says upright, and lies as the raw",  6, Some(wide),   Some(1), (1616, 1080), 6, false),
            ("says the same, and lies upright",    6, Some(wide),   Some(6), (1080, 1616), 1, false),
            ("the raw one was corrected",          1, Some(wide),   Some(6), (1616, 1080), 1, false),
            ("the raw one was put on its head",    3, Some(wide),   Some(1), (1616, 1080), 1, false),
            ("upright already, nothing told",      6, None,         Some(1), (1080, 1616), 1, false),
            ("another way round",                  6, Some(wide),   Some(8), (1616, 1080), 8, false),
            ("the preview alone lies",             1, Some(wide),   Some(6), (1080, 1616), 6, true),
            ("a preview of no size",               6, Some(wide),   None,    (0, 0),       6, false),
        ] {
            let of = |number| Orientation::from_stored(Some(number));
            let evidence = Evidence { raw: of(raw), raw_size, own: own.map(of), size };
            let expected = Conclusion { orientation: of(expected), is_clear };
            assert_eq!(conclude(evidence), expected, "{name}");
        }
    }
}
