//! Pictures for a screen, as JPEG.

use anyhow::Result;
use turbojpeg::{Compressor, Image, PixelFormat};

use orientd_core::image::rgb::Rgb8;

/// `quality` from 1 to 100.
///
/// # Errors
/// Returns an error if the picture has no pixels or there is no memory for it.
pub(crate) fn compress(picture: &Rgb8, quality: i32) -> Result<Vec<u8>> {
    let mut compressor = Compressor::new()?;
    compressor.set_quality(quality)?;
    let image = Image {
        pixels: &picture.pixels[..],
        width: picture.width,
        pitch: 3 * picture.width,
        height: picture.height,
        format: PixelFormat::RGB,
    };
    Ok(compressor.compress_to_vec(image)?)
}
