//! What is on the screen: a photo as it is and as it would be, its name, and the keys.

use std::path::Path;

use anyhow::{Context, Result};
use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::style::{Print, ResetColor};
use crossterm::terminal::{Clear, ClearType};
use turbojpeg::PixelFormat;

use super::graphics::{Cells, Graphics};
use crate::output::human::printable;
use crate::review::thumbnails::{Missing, Size, Thumbnails};
use crate::store::{Card, KnownPhoto};
use orientd_core::image::preprocess::resize;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};

/// Rows for name, folder and caption above the pictures, and for message and keys below.
const ROWS_ABOVE: usize = 3;
const ROWS_BELOW: usize = 3;

/// Where the terminal does not say: smaller than most, so that nothing reaches beyond its place.
const CELL: (usize, usize) = (8, 16);

/// The keys in one line: the longest that fits the window.
const KEYS: [&str; 3] = [
    "y turn as shown   n fine as it is   1 2 3 4 its top is up, right, down, left now   u undo   space later   ? help   q quit",
    "y turn  n fine  1-4 top  u undo  space later  ? help  q quit",
    "? help  q quit",
];

/// What they do, one a line of less than 60 columns.
const EXPLAINED: [&str; 10] = [
    "What the keys do",
    "",
    "y, Enter      turn it as shown on the right",
    "n, Backspace  it is fine as it is",
    "1 2 3 4       its top is up, right, down, left now",
    "u             take the last answer back",
    "s, space      later: it stays in the queue",
    "?             this page",
    "q, Ctrl-C     end",
    "An answer changes the photo at once; u undoes it.",
];

/// Columns, rows, and a character's pixels where they are known.
type Window = (usize, usize, Option<(usize, usize)>);

pub(super) struct View {
    pub thumbnails: Thumbnails,
    pub graphics: Graphics,
}

/// What there is to tell.
pub(super) struct Shown<'a> {
    /// `None`: nothing waits.
    pub card: Option<&'a Card>,
    pub n_answered: usize,
    pub n_total: u64,
    pub message: &'a str,
}

/// A photo as it is and the turn proposed for it, or why there is no picture.
pub(super) enum Pictures {
    Shown(Rgb8, Turn),
    Missing(String),
}

/// The whole screen, anew: first everything else, then the line of keys.
pub(super) struct Drawn {
    pub picture: Vec<u8>,
    pub keys: Vec<u8>,
}

impl View {
    /// Decoded once, drawn again for every size of the window.
    pub(super) fn pictures(&self, photo: Option<(Turn, &KnownPhoto)>) -> Pictures {
        let (Some((turn, photo)), true) = (photo, self.graphics != Graphics::None) else {
            return Pictures::Missing(String::new());
        };
        let size = if self.graphics == Graphics::Blocks { Size::Grid } else { Size::Large };
        let decoded = self.thumbnails.made(photo, size).and_then(|jpeg| {
            turbojpeg::decompress(&jpeg, PixelFormat::RGB)
                .context("the thumbnail")
                .map_err(Missing::Failed)
        });
        match decoded {
            Ok(image) => {
                let width = image.width;
                let height = image.height;
                let pixels = image.pixels;
                Pictures::Shown(Rgb8 { width, height, pixels }, turn)
            }
            Err(Missing::Photo(why)) => Pictures::Missing(printable(&why)),
            Err(Missing::Busy) => Pictures::Missing("no picture just now".into()),
            Err(Missing::Failed(err)) => Pictures::Missing(printable(&format!("{err:#}"))),
        }
    }

    /// # Errors
    /// Returns an error if a picture cannot be encoded.
    pub(super) fn draw(
        &self,
        shown: &Shown<'_>,
        pictures: &Pictures,
        (columns, rows, cell): Window,
    ) -> Result<Drawn> {
        let mut out = self.graphics.clear().to_vec();
        queue!(out, ResetColor, Clear(ClearType::All))?;
        let Some(card) = shown.card else {
            out.extend(text_at(1, 1, "Nothing more waits for you here.")?);
            out.extend(text_at(2, 1, &start_of(shown.message, columns))?);
            return Ok(Drawn { picture: out, keys: text_at(rows, 1, "u undo   q quit")? });
        };
        let confidence = card.confidence.unwrap_or(0.0) * 100.0;
        let n = shown.n_answered + 1;
        let title = format!("{n} of {}   {}", shown.n_total, name(card));
        out.extend(text_at(1, 1, &start_of(&title, columns))?);
        let folder = clean(&card.path.parent().unwrap_or(Path::new("")).to_string_lossy());
        out.extend(text_at(2, 1, &end_of(&folder, columns))?);
        let half = columns / 2;
        let turned = format!("turned {}°, {} % sure", card.turn.degrees(), confidence.floor());
        out.extend(text_at(3, 1, "now")?);
        out.extend(text_at(3, half + 1, &start_of(&turned, columns - half))?);
        match pictures {
            Pictures::Missing(why) => {
                out.extend(text_at(ROWS_ABOVE + 1, 1, &start_of(why, columns))?);
            }
            Pictures::Shown(now, turn) => {
                let most = Cells {
                    columns: half.saturating_sub(1).max(1),
                    rows: rows.saturating_sub(ROWS_ABOVE + ROWS_BELOW).max(1),
                };
                for (turn, column) in [(Turn::NONE, 1), (*turn, half + 1)] {
                    let at = (ROWS_ABOVE + 1, column);
                    out.extend(self.picture(now, turn, most, cell.unwrap_or(CELL), at)?);
                }
            }
        }
        let message = start_of(shown.message, columns);
        out.extend(text_at(rows.saturating_sub(1), 1, &message)?);
        Ok(Drawn { picture: out, keys: text_at(rows, 1, keys_within(columns))? })
    }

    /// What the keys do, in place of the photo.
    ///
    /// # Errors
    /// Does not fail, as far as writing to memory does not.
    pub(super) fn explain(&self, (columns, rows, _): Window) -> Result<Drawn> {
        let mut out = self.graphics.clear().to_vec();
        queue!(out, ResetColor, Clear(ClearType::All))?;
        for (row, line) in EXPLAINED.iter().enumerate() {
            out.extend(text_at(row + 1, 1, &start_of(line, columns))?);
        }
        Ok(Drawn { picture: out, keys: text_at(rows, 1, "space back   q quit")? })
    }

    fn picture(
        &self,
        picture: &Rgb8,
        turn: Turn,
        most: Cells,
        cell: (usize, usize),
        at: (usize, usize),
    ) -> Result<Vec<u8>> {
        let orientation = turn.orientation();
        let cells = fitting(turned((picture.width, picture.height), orientation), most, cell);
        // First small, then turned.
        let (width, height) = turned(self.graphics.pixels_in(cells, cell), orientation);
        let picture = resize(picture, width, height).context("the picture has no pixels")?;
        let picture = picture.oriented(orientation);
        let true_colour = std::env::var("COLORTERM")
            .is_ok_and(|colours| colours == "truecolor" || colours == "24bit");
        self.graphics.draw(&picture, cells, at, true_colour)
    }
}

fn keys_within(columns: usize) -> &'static str {
    KEYS.into_iter().find(|keys| keys.chars().count() <= columns).unwrap_or("q quit")
}

/// As much of the start as fits, with `…` for what does not.
fn start_of(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// As much of the end as fits.
fn end_of(text: &str, columns: usize) -> String {
    let n_chars = text.chars().count();
    if n_chars <= columns {
        return text.to_owned();
    }
    let n_left_out = n_chars + 1 - columns.max(1);
    ['…'].into_iter().chain(text.chars().skip(n_left_out)).collect()
}

/// Width and height after the turn, or before it.
fn turned((width, height): (usize, usize), orientation: Orientation) -> (usize, usize) {
    if orientation.swaps_sides() { (height, width) } else { (width, height) }
}

/// Text from this place on, counted from 1 as terminals count.
fn text_at(row: usize, column: usize, text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    queue!(out, MoveTo(from_zero(column), from_zero(row)), Print(text))?;
    Ok(out)
}

fn from_zero(n: usize) -> u16 {
    u16::try_from(n.saturating_sub(1)).unwrap_or(u16::MAX)
}

/// As many cells as keep the picture's proportions, at least one.
fn fitting((width, height): (usize, usize), most: Cells, cell: (usize, usize)) -> Cells {
    let width = width.max(1);
    let height = height.max(1);
    let room_x = most.columns * cell.0;
    let room_y = most.rows * cell.1;
    // width : height, by the tighter side.
    let (wide, high) = if width * room_y >= height * room_x {
        (room_x, height * room_x / width)
    } else {
        (width * room_y / height, room_y)
    };
    let cell_x = cell.0.max(1);
    let cell_y = cell.1.max(1);
    Cells {
        columns: ((wide + cell_x / 2) / cell_x).clamp(1, most.columns),
        rows: ((high + cell_y / 2) / cell_y).clamp(1, most.rows),
    }
}

/// Fit for a terminal.
pub(super) fn name(card: &Card) -> String {
    file_name(&card.path)
}

pub(super) fn file_name(path: &Path) -> String {
    clean(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Without what controls a terminal, and without what turns the order of its letters (Unicode's
/// bidirectional controls), so that a name cannot dress up as another.
fn clean(text: &str) -> String {
    let turns_order = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    printable(text)
        .chars()
        .flat_map(|c| match turns_order(c) {
            true => c.escape_unicode().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn pictures_keep_their_proportions_in_any_window() {
        for (name, size, most, cell, expected) in [
            ("landscape",        (400, 300),  (39, 18), (10, 20), (39, 15)),
            ("portrait",         (300, 400),  (39, 18), (10, 20), (27, 18)),
            ("a strip",          (9000, 1),   (39, 18), (10, 20), (39, 1)),
            ("a needle",         (1, 9000),   (39, 18), (10, 20), (1, 18)),
            ("a tiny window",    (400, 300),  (1, 1),   (8, 16),  (1, 1)),
            ("nothing at all",   (0, 0),      (39, 18), (10, 20), (36, 18)),
        ] {
            let most = Cells { columns: most.0, rows: most.1 };
            let cells = fitting(size, most, cell);
            assert_eq!((cells.columns, cells.rows), expected, "{name}");
        }
    }

    #[test]
    fn every_line_fits_its_window() {
        for columns in [200, 100, 60, 59, 20, 14, 6] {
            let keys = keys_within(columns);
            assert!(keys.len() <= columns && keys.ends_with("q quit"), "{columns}: {keys}");
        }
        assert!(keys_within(60).contains("? help") && keys_within(60).contains("1-4 top"));
        assert!(EXPLAINED.iter().all(|line| line.len() < 60));
        assert_eq!(["abc", "abcd", "abcde"].map(|text| start_of(text, 4)), ["abc", "abcd", "abc…"]);
        assert_eq!(["abc", "abcd", "abcde"].map(|text| end_of(text, 4)), ["abc", "abcd", "…cde"]);
        assert_eq!((start_of("ab", 1), end_of("ab", 1)), ("…".into(), "…".into()));
    }

    #[test]
    fn names_are_only_letters() {
        let hostile = Path::new("/a/\x1b]0;x\x07\u{202e}gpj.\u{9b}31m\n.jpg");
        let name = file_name(hostile);
        assert!(name.chars().all(|c| !c.is_control() && c.is_ascii()), "{name:?}");
        assert!(name.ends_with(".jpg"));
    }
}
