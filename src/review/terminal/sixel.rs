//! Sixels, and the 216 colours that they and character cells are drawn with.

use std::collections::BTreeMap;

use orientd_core::image::rgb::Rgb8;

/// Black below the last row.
pub(super) fn pixel(picture: &Rgb8, x: usize, y: usize) -> [u8; 3] {
    let at = 3 * (y * picture.width + x);
    let pixel = picture.pixels.get(at..at + 3).and_then(|bytes| bytes.try_into().ok());
    pixel.unwrap_or_default()
}

/// Steps of red, green and blue in the 216 colours that terminals have beside the sixteen.
const STEPS: usize = 6;

/// Which of the 216 is nearest, after `nudge` (for dithering) is added.
pub(super) fn cube(pixel: [u8; 3], nudge: [i16; 3]) -> usize {
    let step = |channel: u8, nudge: i16| {
        let value = (i16::from(channel) + nudge).clamp(0, 255);
        (usize::try_from(value).unwrap_or(0) * (STEPS - 1) + 127) / 255
    };
    let [red, green, blue] = [0, 1, 2].map(|at| step(pixel[at], nudge[at]));
    (red * STEPS + green) * STEPS + blue
}

/// Bayer's matrix: thresholds of an ordered dither.
const BAYER: [[i16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// DEC's sixels (VT330/VT340 Programmer Reference, chapter 14): bands of six rows, one pass a colour,
/// with 216 fixed colours, dithered.
pub(super) fn sixel(picture: &Rgb8) -> Vec<u8> {
    let width = picture.width;
    let height = picture.height;
    let mut out = format!("\x1bP0;1;0q\"1;1;{width};{height}").into_bytes();
    for colour in 0..STEPS.pow(3) {
        let percent = |step: usize| step * 100 / (STEPS - 1);
        let red = colour / 36;
        let green = colour / 6 % 6;
        let blue = colour % 6;
        let [red, green, blue] = [red, green, blue].map(percent);
        out.extend(format!("#{colour};2;{red};{green};{blue}").bytes());
    }
    for top in (0..height).step_by(6) {
        for (colour, pass) in passes(picture, top) {
            out.extend(format!("#{colour}").bytes());
            for run in pass.chunk_by(|a, b| a == b) {
                let sixel = char::from(b'?' + run.first().copied().unwrap_or(0));
                match run.len() {
                    n @ 4.. => out.extend(format!("!{n}{sixel}").bytes()),
                    n => out.extend(std::iter::repeat_n(sixel as u8, n)),
                }
            }
            out.push(b'$');
        }
        out.push(b'-');
    }
    out.extend_from_slice(b"\x1b\\");
    out
}

/// The band from row `top` on: for each of its colours a bit mask of rows per column.
fn passes(picture: &Rgb8, top: usize) -> BTreeMap<usize, Vec<u8>> {
    let mut passes = BTreeMap::new();
    for y in top..picture.height.min(top + 6) {
        for x in 0..picture.width {
            // A step is 51 wide: half of that to either side.
            let nudge = (BAYER[y % 4][x % 4] * 2 - 15) * 51 / 32;
            let colour = cube(pixel(picture, x, y), [nudge; 3]);
            let pass: &mut Vec<u8> = passes.entry(colour).or_insert_with(|| vec![0; picture.width]);
            if let Some(column) = pass.get_mut(x) {
                *column |= 1 << (y - top);
            }
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixels back to pixels, as far as this encoder goes.
    fn decoded(bytes: &[u8], width: usize, height: usize) -> Vec<Option<usize>> {
        let text = std::str::from_utf8(bytes).unwrap();
        let data = &text[text.find("#0;2").unwrap()..text.len() - 2];
        let mut pixels = vec![None; width * height];
        let mut x = 0;
        let mut top = 0;
        let mut colour = 0;
        let mut n = 1;
        let mut rest = data;
        while let Some(first) = rest.chars().next() {
            rest = &rest[1..];
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(rest.len());
            match first {
                '#' => {
                    colour = rest[..digits].split(';').next().unwrap().parse().unwrap();
                    rest = &rest[digits..];
                }
                '!' => {
                    n = rest[..digits].parse().unwrap();
                    rest = &rest[digits..];
                }
                '$' => x = 0,
                '-' => (x, top) = (0, top + 6),
                sixel => {
                    let bits = sixel as u8 - b'?';
                    for _ in 0..n {
                        for bit in (0..6).filter(|bit| bits >> bit & 1 == 1) {
                            let at = (top + bit) * width + x;
                            assert_eq!(pixels[at].replace(colour), None, "painted twice");
                        }
                        x += 1;
                    }
                    n = 1;
                }
            }
        }
        pixels
    }

    #[test]
    fn every_pixel_is_painted_once_in_a_near_colour() {
        let width = 37;
        let height = 23;
        let value = |x: usize, y: usize| [(x * 6) as u8, (y * 11) as u8, 128];
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| value(x, y)));
        let picture = Rgb8 { width, height, pixels: pixels.collect() };
        for (at, colour) in decoded(&sixel(&picture), width, height).into_iter().enumerate() {
            let colour = colour.expect("painted");
            let shown = [colour / 36, colour / 6 % 6, colour % 6].map(|step| 51 * step as i32);
            for (shown, wanted) in shown.into_iter().zip(value(at % width, at / width)) {
                assert!((shown - i32::from(wanted)).abs() <= 51, "at {at}");
            }
        }
    }
}
