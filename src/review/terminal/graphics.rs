//! Pictures in a terminal: which way it can show one, and the bytes that do.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::sixel::{cube, pixel, sixel};
use crate::review::encode;
use orientd_core::image::rgb::Rgb8;

/// Asks for kitty's graphics, the terminal's name, and (what every terminal answers, so it ends the
/// wait) its attributes: kitty's "Terminal graphics protocol", xterm's XTVERSION and DA1.
pub(super) const QUERY: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c";

/// Bytes of base64 in one of kitty's commands.
const KITTY_CHUNK: usize = 4096;

const JPEG_QUALITY: i32 = 90;

/// How pictures are shown.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    Kitty,
    Iterm,
    Sixel,
    /// Two coloured halves a character.
    Blocks,
    None,
}

/// A picture's place, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    pub columns: usize,
    pub rows: usize,
}

impl Graphics {
    /// From what the terminal answered to `QUERY` and what the environment says.
    pub fn of(reply: &[u8], environment: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, value: &str| environment(name).as_deref() == Some(value);
        // A multiplexer passes the outer terminal's variables on, but not its pictures.
        let is_inside = environment("TMUX").is_some() || environment("STY").is_some();
        let is_iterm = contains(reply, b"\x1bP>|iTerm2")
            || contains(reply, b"\x1bP>|WezTerm")
            || (!is_inside && (is("TERM_PROGRAM", "iTerm.app") || is("LC_TERMINAL", "iTerm2")));
        if contains(reply, b"\x1b_Gi=31;OK") {
            Self::Kitty
        } else if is_iterm {
            Self::Iterm
        } else if attributes(reply).any(|attribute| attribute == b"4") {
            Self::Sixel
        } else if is("TERM", "dumb") {
            Self::None
        } else {
            Self::Blocks
        }
    }

    /// The pixels that a picture in these cells should have. `cell`: of one character, in pixels.
    pub fn pixels_in(self, cells: Cells, cell: (usize, usize)) -> (usize, usize) {
        match self {
            Self::Blocks => (cells.columns, 2 * cells.rows),
            _ => (cells.columns * cell.0, cells.rows * cell.1),
        }
    }

    /// Shows the picture from `at` (row and column, from 1) on, in these cells.
    ///
    /// # Errors
    /// Returns an error if the picture cannot be encoded.
    pub fn draw(
        self,
        picture: &Rgb8,
        cells: Cells,
        at: (usize, usize),
        true_colour: bool,
    ) -> Result<Vec<u8>> {
        let mut out = format!("\x1b[{};{}H", at.0, at.1).into_bytes();
        match self {
            Self::Kitty => out.extend(kitty(picture, cells)?),
            Self::Iterm => out.extend(iterm(picture, cells)?),
            Self::Sixel => out.extend(sixel(picture)),
            Self::Blocks => out = blocks(picture, at, true_colour),
            Self::None => {}
        }
        Ok(out)
    }

    /// Takes all pictures away where clearing the screen does not.
    pub fn clear(self) -> &'static [u8] {
        match self {
            Self::Kitty => b"\x1b_Ga=d,q=2\x1b\\",
            _ => b"",
        }
    }
}

fn contains(reply: &[u8], text: &[u8]) -> bool {
    reply.windows(text.len()).any(|part| part == text)
}

/// Of DA1's answer, `ESC [ ? 62 ; 4 c`: 4 stands for sixel.
fn attributes(reply: &[u8]) -> impl Iterator<Item = &[u8]> {
    let start =
        reply.windows(3).rposition(|part| part == b"\x1b[?").map_or(reply.len(), |at| at + 3);
    let answer = reply.get(start..).unwrap_or_default();
    let end = answer.iter().position(|byte| *byte == b'c').unwrap_or(0);
    answer.get(..end).unwrap_or_default().split(|byte| *byte == b';')
}

/// Has DA1's answer come? It is the last one.
pub(super) fn is_answered(reply: &[u8]) -> bool {
    let start = reply.windows(3).rposition(|part| part == b"\x1b[?");
    start.is_some_and(|at| reply.get(at..).unwrap_or_default().contains(&b'c'))
}

fn kitty(picture: &Rgb8, cells: Cells) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    let width = u32::try_from(picture.width)?;
    let height = u32::try_from(picture.height)?;
    PngEncoder::new(&mut png)
        .write_image(&picture.pixels, width, height, ExtendedColorType::Rgb8)
        .context("cannot encode the picture")?;
    let text = BASE64.encode(png);
    let mut chunks = text.as_bytes().chunks(KITTY_CHUNK).peekable();
    let mut out = Vec::with_capacity(text.len() + 64);
    let Cells { columns, rows } = cells;
    let mut keys = format!("a=T,f=100,q=2,C=1,c={columns},r={rows},");
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        out.extend(format!("\x1b_G{keys}m={more};").bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\x1b\\");
        keys.clear();
    }
    Ok(out)
}

/// iTerm2's "Inline images protocol".
fn iterm(picture: &Rgb8, cells: Cells) -> Result<Vec<u8>> {
    let jpeg = encode::compress(picture, JPEG_QUALITY)?;
    let size = jpeg.len();
    let Cells { columns, rows } = cells;
    let keys = format!("inline=1;size={size};width={columns};height={rows};preserveAspectRatio=0");
    Ok(format!("\x1b]1337;File={keys}:{}\x07", BASE64.encode(jpeg)).into_bytes())
}

/// The lower half of each character in the foreground would need another glyph; "▀" is the upper one.
fn blocks(picture: &Rgb8, at: (usize, usize), true_colour: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for y in (0..picture.height).step_by(2) {
        out.extend(format!("\x1b[{};{}H", at.0 + y / 2, at.1).bytes());
        for x in 0..picture.width {
            let upper = pixel(picture, x, y);
            let lower = pixel(picture, x, y + 1);
            let upper = colour(upper, true_colour);
            let lower = colour(lower, true_colour);
            out.extend(format!("\x1b[38;{upper};48;{lower}m▀").bytes());
        }
        out.extend_from_slice(b"\x1b[0m");
    }
    out
}

/// As the parameters of "Select Graphic Rendition" name it, in 24 bits or of 256.
fn colour(pixel: [u8; 3], true_colour: bool) -> String {
    match true_colour {
        true => format!("2;{};{};{}", pixel[0], pixel[1], pixel[2]),
        false => format!("5;{}", 16 + cube(pixel, [0; 3])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn terminals_are_told_apart() {
        let kitty = &b"\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.32.2)\x1b\\\x1b[?62;c"[..];
        for (name, reply, environment, expected) in [
            ("kitty",              kitty,                                  [("TERM", "xterm-kitty"); 2], Graphics::Kitty),
            ("ghostty by ssh",     b"\x1b_Gi=31;OK\x1b\\\x1b[?62;22c",     [("TERM", "xterm"); 2], Graphics::Kitty),
            ("refused by kitty",   b"\x1b_Gi=31;EINVAL\x1b\\\x1b[?62c",    [("TERM", "xterm"); 2], Graphics::Blocks),
            ("iTerm2 by ssh",      b"\x1bP>|iTerm2 3.5.0\x1b\\\x1b[?64;4c",[("TERM", "xterm"); 2], Graphics::Iterm),
            ("iTerm2, silent",     b"",                                    [("TERM_PROGRAM", "iTerm.app"); 2], Graphics::Iterm),
            ("iTerm2 in tmux",     b"\x1bP>|tmux 3.4\x1b\\\x1b[?1;2c",     [("LC_TERMINAL", "iTerm2"), ("TMUX", "/tmp/x")], Graphics::Blocks),
            ("xterm with sixel",   b"\x1b[?64;1;4;22c",                    [("TERM", "xterm"); 2], Graphics::Sixel),
            ("foot",               b"\x1bP>|foot(1.16)\x1b\\\x1b[?62;4;22c",[("TERM", "foot"); 2], Graphics::Sixel),
            ("level 64, no sixel", b"\x1b[?64;1;2;22c",                    [("TERM", "xterm"); 2], Graphics::Blocks),
            ("linux console",      b"\x1b[?6c",                            [("TERM", "linux"); 2], Graphics::Blocks),
            ("cut short",          b"\x1b[?62;4",                          [("TERM", "xterm"); 2], Graphics::Blocks),
            ("dumb",               b"",                                    [("TERM", "dumb"); 2], Graphics::None),
        ] {
            let variable = |wanted: &str| {
                environment.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Graphics::of(reply, variable), expected, "{name}");
        }
        assert!(is_answered(kitty) && !is_answered(b"\x1b[?62;4") && !is_answered(b"c"));
    }

    #[test]
    fn as_many_blocks_as_the_terminal_fits() {
        let picture = Rgb8 { width: 4, height: 5, pixels: [255, 0, 10].repeat(20) };
        let text = String::from_utf8(blocks(&picture, (3, 7), true)).unwrap();
        assert_eq!(text.matches('▀').count(), 4 * 3);
        assert!(text.starts_with("\x1b[3;7H\x1b[38;2;255;0;10;48;2;255;0;10m▀"), "{text}");
        assert!(text.contains("\x1b[5;7H") && text.ends_with("\x1b[0m"));
        let plain = String::from_utf8(blocks(&picture, (1, 1), false)).unwrap();
        assert!(plain.contains("\x1b[38;5;196;48;5;196m▀"), "{plain}");
    }
}
