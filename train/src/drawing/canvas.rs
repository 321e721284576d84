//! A picture to draw on: rectangles, other pictures and small text.

use std::io::Cursor;
use std::path::Path;

use anyhow::Result;
use font8x8::UnicodeFonts;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use orientd_core::image::rgb::Rgb8;

pub type Colour = [u8; 3];

pub const WHITE: Colour = [255; 3];
pub const BLACK: Colour = [0; 3];

/// Side of a letter.
pub const LETTER: usize = 8;

pub struct Canvas {
    pub picture: Rgb8,
}

impl Canvas {
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        let pixels = colour.repeat(width * height);
        Self { picture: Rgb8 { width, height, pixels } }
    }

    /// What lies outside is left out.
    pub fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.picture.width && y < self.picture.height {
            let at = 3 * (y * self.picture.width + x);
            self.picture.pixels[at..at + 3].copy_from_slice(&colour);
        }
    }

    pub fn rectangle(&mut self, (x, y): (usize, usize), (w, h): (usize, usize), colour: Colour) {
        for row in y..y + h {
            for column in x..x + w {
                self.set(column, row, colour);
            }
        }
    }

    pub fn paste(&mut self, x: usize, y: usize, picture: &Rgb8) {
        for (row, line) in picture.pixels.chunks_exact(3 * picture.width).enumerate() {
            for (column, pixel) in line.chunks_exact(3).enumerate() {
                self.set(x + column, y + row, [pixel[0], pixel[1], pixel[2]]);
            }
        }
    }

    /// Black letters of 8×8 pixels; those the font lacks are left blank.
    pub fn text(&mut self, x: usize, y: usize, text: &str) {
        for (idx, letter) in text.chars().enumerate() {
            let Some(rows) = font8x8::BASIC_FONTS.get(letter) else { continue };
            for (row, bits) in rows.into_iter().enumerate() {
                for column in (0..LETTER).filter(|column| bits & 1 << column != 0) {
                    self.set(x + idx * LETTER + column, y + row, BLACK);
                }
            }
        }
    }
}

pub fn png(picture: &Rgb8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let width = u32::try_from(picture.width)?;
    let height = u32::try_from(picture.height)?;
    let encoder = PngEncoder::new(Cursor::new(&mut bytes));
    encoder.write_image(&picture.pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

pub fn save_png(picture: &Rgb8, path: &Path) -> Result<()> {
    crate::files::write_whole(path, &png(picture)?)
}
