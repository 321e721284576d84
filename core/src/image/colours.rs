//! From samples as TIFF has them to red, green and blue.

/// What samples mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Colours {
    /// More is darker.
    Ink,
    Grey,
    /// The sample is a place in this table.
    Palette(Vec<[u8; 3]>),
    /// More is darker.
    Cmyk,
    /// ITU-R BT.601, of the full range.
    YCbCr,
    /// CIE L*a*b* under D50; a and b may be signed, or counted from the middle.
    Lab {
        is_signed: bool,
    },
}

/// Samples of at most eight bits, packed from the high bits of each byte on with each row at a whole byte; or of 16.
pub enum Samples<'a> {
    Bytes(&'a [u8]),
    Words(&'a [u16]),
}

impl Colours {
    /// From TIFF's table: all reds, all greens, all blues, of 16 bits, or of eight by programs that know no better.
    /// `None`: it is incomplete.
    pub fn palette(values: &[u32]) -> Option<Self> {
        let shift = if values.iter().any(|value| *value > 255) { 8 } else { 0 };
        let n_colours = values.len() / 3;
        let value = |at: usize| (values[at] >> shift).min(255) as u8;
        let colour = |at| [0, 1, 2].map(|channel| value(channel * n_colours + at));
        let is_whole = n_colours > 0 && values.len().is_multiple_of(3);
        is_whole.then(|| Self::Palette((0..n_colours).map(colour).collect()))
    }

    /// Three bytes for each whole pixel. `bits` are those of a sample, of which each pixel has `n_samples`; those
    /// that have no meaning here follow the others.
    pub fn of(
        &self,
        samples: &Samples<'_>,
        width: usize,
        bits: usize,
        n_samples: usize,
    ) -> Vec<u8> {
        match samples {
            Samples::Bytes(bytes) if bits < 8 => {
                let n_row_bytes = (width * n_samples * bits).div_ceil(8).max(1);
                let rows = bytes.chunks_exact(n_row_bytes);
                let pixels = rows.flat_map(|row| {
                    (0..width).map(move |x| u32::from(packed(row, x * n_samples * bits, bits)))
                });
                pixels.flat_map(|sample| self.of_one(sample, bits)).collect()
            }
            Samples::Bytes(bytes) => {
                let pixels = bytes.chunks_exact(n_samples);
                pixels.flat_map(|pixel| self.of_bytes(pixel)).collect()
            }
            Samples::Words(words) => {
                let pixels = words.chunks_exact(n_samples);
                pixels.flat_map(|pixel| self.of_words(pixel)).collect()
            }
        }
    }

    fn of_words(&self, pixel: &[u16]) -> [u8; 3] {
        if let Self::Palette(_) = self {
            return self.of_one(pixel[0].into(), 16);
        }
        let mut bytes = [0; 5];
        for (byte, word) in bytes.iter_mut().zip(pixel) {
            *byte = (word >> 8) as u8;
        }
        self.of_bytes(&bytes[..pixel.len().min(bytes.len())])
    }

    fn of_bytes(&self, pixel: &[u8]) -> [u8; 3] {
        match (self, pixel) {
            (Self::Cmyk, [cyan, magenta, yellow, black, ..]) => {
                let light = 255 - u32::from(*black);
                [cyan, magenta, yellow].map(|ink| ((255 - u32::from(*ink)) * light / 255) as u8)
            }
            (Self::YCbCr, [y, blue, red, ..]) => of_ycbcr(*y, *blue, *red),
            (Self::Lab { is_signed }, [light, a, b, ..]) => {
                let signed = |value: u8| {
                    if *is_signed { f32::from(value as i8) } else { f32::from(value) - 128.0 }
                };
                of_lab(f32::from(*light) * 100.0 / 255.0, signed(*a), signed(*b))
            }
            (_, [sample, ..]) => self.of_one(u32::from(*sample), 8),
            (_, []) => [0; 3],
        }
    }

    /// Of the only sample that counts.
    fn of_one(&self, sample: u32, bits: usize) -> [u8; 3] {
        let most = (1u32 << bits) - 1;
        let grey = (sample.min(most) * 255 / most) as u8;
        match self {
            Self::Palette(table) => table.get(sample as usize).copied().unwrap_or_default(),
            Self::Ink => [255 - grey; 3],
            _ => [grey; 3],
        }
    }
}

/// The sample of `bits`, which divide eight, at this bit of a row.
fn packed(row: &[u8], at: usize, bits: usize) -> u8 {
    let byte = row.get(at / 8).copied().unwrap_or_default();
    byte >> (8 - bits - at % 8) & ((1 << bits) - 1)
}

fn of_ycbcr(y: u8, blue: u8, red: u8) -> [u8; 3] {
    let y = f32::from(y);
    let blue = f32::from(blue) - 128.0;
    let red = f32::from(red) - 128.0;
    [y + 1.402 * red, y - 0.344_14 * blue - 0.714_14 * red, y + 1.772 * blue]
        .map(|value| value as u8)
}

/// By CIE 15 and IEC 61966-2-1, with the matrix from D50 to sRGB.
fn of_lab(light: f32, a: f32, b: f32) -> [u8; 3] {
    let y = (light + 16.0) / 116.0;
    let linear = |t: f32| if t > 6.0 / 29.0 { t * t * t } else { (t - 16.0 / 116.0) / 7.787 };
    let x = 0.9642 * linear(y + a / 500.0);
    let z = 0.8249 * linear(y - b / 200.0);
    let y = linear(y);
    let red = 3.1339 * x - 1.6169 * y - 0.4906 * z;
    let green = -0.9788 * x + 1.9161 * y + 0.0335 * z;
    let blue = 0.0719 * x - 0.2290 * y + 1.4052 * z;
    [red, green, blue].map(|value| {
        let value = value.clamp(0.0, 1.0);
        let coded = if value <= 0.003_130_8 {
            12.92 * value
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        (coded * 255.0 + 0.5) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn samples_become_colours() {
        let table = Colours::palette(&[0, 0xFFFF, 0, 0x8000, 0, 0x1234]).expect("two colours");
        for (name, colours, bits, n_samples, bytes, expected) in [
            ("four bits of grey",  Colours::Grey, 4, 1, &[0xF0, 0x80][..], [[255; 3], [0; 3], [136; 3]]),
            ("two bits of ink",    Colours::Ink,  2, 1, &[0b00_11_01_00], [[255; 3], [0; 3], [170; 3]]),
            ("grey and alpha",     Colours::Grey, 8, 2, &[1, 9, 2, 9, 3, 9], [[1; 3], [2; 3], [3; 3]]),
            ("one bit of palette", table,         1, 1, &[0b010_00000], [[0, 0, 0], [255, 128, 18], [0, 0, 0]]),
            ("ink and alpha",      Colours::Cmyk, 8, 5, &[0, 0, 0, 0, 7, 255, 0, 0, 0, 7, 0, 0, 0, 255, 7], [[255; 3], [0, 255, 255], [0; 3]]),
            ("luma and chroma",    Colours::YCbCr, 8, 3, &[255, 128, 128, 76, 85, 255, 0, 128, 128], [[255; 3], [254, 0, 0], [0; 3]]),
            ("signed Lab",         Colours::Lab { is_signed: true }, 8, 3, &[255, 0, 0, 0, 0, 0, 138, 81, 70], [[255; 3], [0; 3], [255, 0, 0]]),
            ("Lab of ICC",         Colours::Lab { is_signed: false }, 8, 3, &[255, 128, 128, 0, 128, 128, 138, 209, 198], [[255; 3], [0; 3], [255, 0, 0]]),
        ] {
            let pixels = colours.of(&Samples::Bytes(bytes), 3, bits, n_samples);
            let close = pixels.iter().zip(expected.as_flattened()).all(|(a, b)| a.abs_diff(*b) <= 2);
            assert!(close && pixels.len() == 9, "{name}: {pixels:?}");
        }
    }

    #[test]
    fn tables_of_eight_bits_are_taken_as_such() {
        let table = Colours::palette(&[0, 200, 0, 100, 0, 50]);
        assert_eq!(table, Some(Colours::Palette(vec![[0, 0, 0], [200, 100, 50]])));
        assert_eq!(Colours::palette(&[1, 2]), None);
        assert_eq!(Colours::palette(&[]), None);
    }
}
