//! Colours of TIFF's samples: never a panic, three bytes for every whole pixel.

#![no_main]

use libfuzzer_sys::fuzz_target;
use orientd_core::image::colours::{Colours, Samples};

fuzz_target!(|bytes: &[u8]| {
    let [kind, bits, n_samples, width, rest @ ..] = bytes else { return };
    let bits = [1, 2, 4, 8, 16][usize::from(bits % 5)];
    let n_samples = usize::from(n_samples % 5) + 1;
    let width = usize::from(*width);
    let table: Vec<u32> = rest.iter().take(48).map(|byte| u32::from(*byte) * 3).collect();
    let colours = match kind % 7 {
        0 => Some(Colours::Ink),
        1 => Some(Colours::Grey),
        2 => Colours::palette(&table),
        3 => Some(Colours::Cmyk),
        4 => Some(Colours::YCbCr),
        5 => Some(Colours::Lab { is_signed: true }),
        _ => Some(Colours::Lab { is_signed: false }),
    };
    let Some(colours) = colours else { return };
    let words: Vec<u16> = rest.iter().map(|byte| u16::from(*byte) * 257).collect();
    let samples = if bits == 16 { Samples::Words(&words) } else { Samples::Bytes(rest) };
    let pixels = colours.of(&samples, width, bits, n_samples);
    let n_pixels = if bits < 8 {
        rest.len() / (width * n_samples * bits).div_ceil(8).max(1) * width
    } else {
        rest.len() / n_samples
    };
    assert_eq!(pixels.len(), 3 * n_pixels);
});
