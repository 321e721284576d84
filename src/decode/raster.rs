//! PNG, WebP, BMP, GIF and most of TIFF by the `image` crate, with limits.

use std::io::{self, Cursor};

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::budget::Budget;
use super::limits::Limits;
use super::picture::DecodedPicture;
use crate::error::SkipReason;
use orientd_core::format::sniff::Format;
use orientd_core::image::rgb::Rgb8;

/// Decoders may allocate this many bytes a pixel, and a little for small pictures.
const BYTES_PER_PIXEL: u64 = 20;

pub(super) fn decode(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    budget: &Budget,
) -> Result<DecodedPicture, SkipReason> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format)?);
    let mut allowed = image::Limits::default();
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(BYTES_PER_PIXEL));
    reader.limits(allowed);
    let decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        let cap = limits.max_pixels;
        let text = format!("{width}×{height} pixels, more than max_pixels = {cap}");
        return Err(SkipReason::TooLarge(text));
    }
    let needed = memory_needed(decoder.total_bytes(), width, height, decoder.color_type());
    let _share = budget.take(needed);
    let picture = to_rgb8(DynamicImage::from_decoder(decoder).map_err(explain)?);
    Ok(DecodedPicture { picture, width, height })
}

fn image_format(format: Format) -> Result<ImageFormat, SkipReason> {
    Ok(match format {
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Tiff => ImageFormat::Tiff,
        Format::Bmp => ImageFormat::Bmp,
        Format::Gif => ImageFormat::Gif,
        Format::Jpeg | Format::Heif | Format::Avif | Format::Jp2 | Format::Jxl | Format::Raw(_) => {
            let text = format!("{} has a decoder of its own", format.name());
            return Err(SkipReason::UnsupportedFormat(text));
        }
    })
}

/// Pixels with alpha shrink in place; other kinds are converted beside the original.
fn memory_needed(decoded: u64, width: u32, height: u32, color: ColorType) -> usize {
    let is_in_place = matches!(color, ColorType::Rgb8 | ColorType::Rgba8);
    let converted = if is_in_place { 0 } else { 4 * u64::from(width) * u64::from(height) };
    usize::try_from(decoded + converted).unwrap_or(usize::MAX)
}

fn to_rgb8(decoded: DynamicImage) -> Rgb8 {
    let width = decoded.width() as usize;
    let height = decoded.height() as usize;
    let pixels = if decoded.color().has_alpha() {
        on_white(decoded.into_rgba8().into_raw())
    } else {
        decoded.into_rgb8().into_raw()
    };
    Rgb8 { width, height, pixels }
}

/// What is behind a transparent pixel is up to the encoder; viewers mostly show white. RGBA in, RGB
/// out, in the same memory.
pub(super) fn on_white(mut pixels: Vec<u8>) -> Vec<u8> {
    let n_pixels = pixels.len() / 4;
    for at in 0..n_pixels {
        let alpha = u32::from(pixels[4 * at + 3]);
        for channel in 0..3 {
            let value = u32::from(pixels[4 * at + channel]);
            pixels[3 * at + channel] = ((value * alpha + 255 * (255 - alpha)) / 255) as u8;
        }
    }
    pixels.truncate(3 * n_pixels);
    pixels
}

fn explain(err: ImageError) -> SkipReason {
    if is_cut_short(&err) {
        return SkipReason::Truncated;
    }
    match err {
        ImageError::Limits(err) => SkipReason::TooLarge(err.to_string()),
        ImageError::Unsupported(err) => SkipReason::UnsupportedFormat(err.to_string()),
        other => SkipReason::Corrupt(other.to_string()),
    }
}

fn is_cut_short(err: &ImageError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(err);
    while let Some(err) = next {
        if let Some(io) = err.downcast_ref::<io::Error>() {
            if io.kind() == io::ErrorKind::UnexpectedEof {
                return true;
            }
            // The real error may be wrapped in an `io::Error`, which `source` passes over.
            next = io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
            continue;
        }
        next = err.source();
    }
    let text = err.to_string().to_ascii_lowercase();
    text.contains("unexpected end of file") || text.contains("unexpectedeof")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_shows_white_and_keeps_order() {
        let rgba = vec![10, 20, 30, 255, 40, 50, 60, 0, 100, 100, 100, 51, 1, 2, 3, 255];
        assert_eq!(on_white(rgba), [10, 20, 30, 255, 255, 255, 224, 224, 224, 1, 2, 3]);
    }
}
