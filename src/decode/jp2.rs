//! JPEG 2000 by hayro-jpeg2000, at the smallest resolution that the network needs. The format has no orientation.

use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image};

use super::budget::Budget;
use super::limits::Limits;
use super::picture::DecodedPicture;
use super::raster::on_white;
use crate::error::SkipReason;
use orientd_core::format::jp2;
use orientd_core::image::rgb::Rgb8;

/// Samples are of four bytes, and the wavelet's coefficients are as many; the process may use twice of it.
const BYTES_PER_SAMPLE: usize = 8;

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    budget: &Budget,
    side: usize,
) -> Result<DecodedPicture, SkipReason> {
    if !jp2::is_whole(bytes) {
        return Err(SkipReason::Truncated);
    }
    let whole = Image::new(bytes, &DecodeSettings::default()).map_err(explain)?;
    let width = whole.width();
    let height = whole.height();
    let n_pixels = u64::from(width) * u64::from(height);
    if n_pixels > limits.max_pixels {
        let cap = limits.max_pixels;
        let text = format!("{width}×{height} pixels, more than max_pixels = {cap}");
        return Err(SkipReason::TooLarge(text));
    }
    let least = u32::try_from(side).unwrap_or(u32::MAX);
    let settings = DecodeSettings { target_resolution: Some((least, least)), ..Default::default() };
    let image = Image::new(bytes, &settings).map_err(explain)?;
    let n_colours = usize::from(image.color_space().num_channels());
    let n_channels = n_colours + usize::from(image.has_alpha());
    let n_pixels = image.width() as usize * image.height() as usize;
    let _share = budget.take(n_pixels.saturating_mul(n_channels * BYTES_PER_SAMPLE));
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(explain)?;
    let n_channels = decoded.components().len();
    let same = decoded.components().iter().all(|channel| channel.samples().len() == n_pixels);
    if n_pixels == 0 || !same {
        return Err(SkipReason::Corrupt("its channels differ in size".into()));
    }
    let pixels = to_rgb(decoded.data_u8(), n_channels, &image)?;
    let picture = Rgb8 { width: image.width() as usize, height: image.height() as usize, pixels };
    Ok(DecodedPicture { picture, width, height })
}

fn to_rgb(samples: Vec<u8>, n_channels: usize, image: &Image<'_>) -> Result<Vec<u8>, SkipReason> {
    let pixels = samples.chunks_exact(n_channels);
    Ok(match (n_channels, image.has_alpha()) {
        (1, _) => pixels.flat_map(|pixel| [pixel[0]; 3]).collect(),
        (2, _) => {
            on_white(pixels.flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect())
        }
        (3, _) => samples,
        (4, true) => on_white(samples),
        (4 | 5, _) => pixels.flat_map(of_ink).collect(),
        (n, _) => {
            let text = format!("JPEG 2000 with {n} channels is not read");
            return Err(SkipReason::UnsupportedFormat(text));
        }
    })
}

fn of_ink(pixel: &[u8]) -> [u8; 3] {
    let light = 255 - u32::from(pixel[3]);
    [0, 1, 2].map(|channel| ((255 - u32::from(pixel[channel])) * light / 255) as u8)
}

fn explain(err: DecodeError) -> SkipReason {
    SkipReason::Corrupt(err.to_string())
}
