//! JPEG through libjpeg-turbo: the one codec that photos were saved with, and are saved again with.

use anyhow::{Context, Result};
use orientd_core::image::rgb::Rgb8;
use turbojpeg::{Image, PixelFormat, Subsamp};

/// # Errors
/// Returns an error if the picture is empty or larger than JPEG allows.
pub fn encode(picture: &Rgb8, quality: i32) -> Result<Vec<u8>> {
    let image = Image {
        pixels: picture.pixels.as_slice(),
        width: picture.width,
        pitch: 3 * picture.width,
        height: picture.height,
        format: PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(image, quality.clamp(1, 100), Subsamp::Sub2x2)
        .context("cannot encode a JPEG")?;
    Ok(jpeg.to_vec())
}

/// # Errors
/// Returns an error if the bytes are not a whole JPEG.
pub fn decode(bytes: &[u8]) -> Result<Rgb8, turbojpeg::Error> {
    let image = turbojpeg::decompress(bytes, PixelFormat::RGB)?;
    let row = 3 * image.width;
    let pixels = if image.pitch == row {
        image.pixels
    } else {
        image.pixels.chunks(image.pitch).flat_map(|line| line[..row].iter().copied()).collect()
    };
    Ok(Rgb8 { width: image.width, height: image.height, pixels })
}

/// The picture as it comes back from being saved with this quality.
pub fn resave(picture: &Rgb8, quality: i32) -> Result<Rgb8> {
    decode(&encode(picture, quality)?).context("cannot decode a JPEG just encoded")
}
