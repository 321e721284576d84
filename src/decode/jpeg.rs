//! JPEG by libjpeg-turbo, at the smallest DCT scale that still covers the network's input.

use std::ffi::CStr;

use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, raw,
};

use super::budget::Budget;
use super::limits::Limits;
use super::picture::DecodedPicture;
use crate::error::SkipReason;
use orientd_core::format::jpeg::{self, JpegError};
use orientd_core::image::rgb::Rgb8;

/// More scans than any encoder writes; a file of thousands is an attack on our time.
const MAX_SCANS: u32 = 500;

/// Decodes so that both sides are at least `side` pixels, where the photo has that many.
pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    budget: &Budget,
    side: usize,
) -> Result<DecodedPicture, SkipReason> {
    let original = bytes;
    let bytes = &*jpeg::readable(original);
    let mut decompressor = Decompressor::new().map_err(failed)?;
    decompressor.set_scan_limit(MAX_SCANS).map_err(failed)?;
    let header = decompressor.read_header(bytes).map_err(|err| explain(original, &err))?;
    let n_pixels = header.width as u64 * header.height as u64;
    if n_pixels > limits.max_pixels {
        let width = header.width;
        let height = header.height;
        let cap = limits.max_pixels;
        let text = format!("{width}×{height} pixels, more than max_pixels = {cap}");
        return Err(SkipReason::TooLarge(text));
    }
    let scale = scale_for(&header, side);
    decompressor.set_scaling_factor(scale).map_err(failed)?;
    let is_cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let _share = budget.take(memory_needed(&header, scale));
    let mut image = blank(&header.scaled(scale), format);
    match decompressor.decompress(bytes, image.as_deref_mut()) {
        Ok(()) => {}
        Err(err) if is_harmless(bytes, &err, &mut spare(&image)) => {}
        Err(err) => return Err(explain(original, &err)),
    }
    let pixels = if is_cmyk { rgb_from_cmyk(&image.pixels) } else { image.pixels };
    Ok(DecodedPicture {
        picture: Rgb8 { width: image.width, height: image.height, pixels },
        width: header.width as u32,
        height: header.height as u32,
    })
}

/// A second picture of the same shape, so that a search for damage does not touch the first.
fn spare(image: &Image<Vec<u8>>) -> Image<Vec<u8>> {
    Image { pixels: vec![0; image.pixels.len()], ..*image }
}

fn blank(header: &DecompressHeader, format: PixelFormat) -> Image<Vec<u8>> {
    let pitch = header.width * format.size();
    let pixels = vec![0; pitch * header.height];
    Image { pixels, width: header.width, pitch, height: header.height, format }
}

fn scale_for(header: &DecompressHeader, side: usize) -> ScalingFactor {
    if header.is_lossless {
        return ScalingFactor::ONE; // Lossless JPEG has no DCT to scale by.
    }
    let covers = |scale: &ScalingFactor| {
        scale.scale(header.width) >= side && scale.scale(header.height) >= side
    };
    let scales = (1..=8).map(|eighths| ScalingFactor::new(eighths, 8));
    scales.into_iter().find(covers).unwrap_or(ScalingFactor::ONE)
}

/// Progressive files keep all coefficients, two bytes each, until the last scan.
fn memory_needed(header: &DecompressHeader, scale: ScalingFactor) -> usize {
    let n_pixels = header.width * header.height;
    let coefficients = if header.is_progressive { 6 * n_pixels } else { 0 };
    coefficients + 4 * scale.scale(header.width) * scale.scale(header.height)
}

/// libjpeg-turbo reports the last of its warnings as an error although it has decoded the picture.
/// Bytes between two markers are the one thing that real cameras do and that costs no pixel; the
/// first warning is asked for too, since it is the one that would tell of damage before them.
fn is_harmless(bytes: &[u8], err: &turbojpeg::Error, image: &mut Image<Vec<u8>>) -> bool {
    is_about_extra_bytes(&err.to_string())
        && first_warning(bytes, image).is_some_and(|first| is_about_extra_bytes(&first))
}

fn is_about_extra_bytes(warning: &str) -> bool {
    warning.contains("extraneous bytes before marker")
}

/// Decodes up to the first warning, at 1/8. The crate has no name for this switch.
fn first_warning(bytes: &[u8], image: &mut Image<Vec<u8>>) -> Option<String> {
    let n_bytes = bytes.len().try_into().ok()?;
    let pitch = i32::try_from(image.pitch).ok()?;
    let num = 1;
    let denom = 8;
    // SAFETY: the handle is used by this thread only and destroyed below; `bytes` and
    // `image.pixels` outlive the calls, and the latter holds a picture at any scale from 1/8 up,
    // so it is large enough for 1/8.
    unsafe {
        let handle = raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as i32);
        if handle.is_null() {
            return None;
        }
        raw::tj3Set(handle, raw::TJPARAM_TJPARAM_STOPONWARNING as i32, 1);
        let mut result = raw::tj3DecompressHeader(handle, bytes.as_ptr(), n_bytes);
        if result == 0 {
            result = raw::tj3SetScalingFactor(handle, raw::tjscalingfactor { num, denom });
        }
        if result == 0 {
            let pixels = image.pixels.as_mut_ptr();
            let format = image.format as i32;
            result = raw::tj3Decompress8(handle, bytes.as_ptr(), n_bytes, pixels, pitch, format);
        }
        let text = CStr::from_ptr(raw::tj3GetErrorStr(handle)).to_string_lossy().into_owned();
        raw::tj3Destroy(handle);
        (result != 0).then_some(text)
    }
}

fn failed(err: turbojpeg::Error) -> SkipReason {
    SkipReason::Corrupt(err.to_string())
}

/// A file without its end marker is truncated, whatever the decoder reports; other errors are damage or a kind of
/// JPEG that libjpeg-turbo does not read.
fn explain(bytes: &[u8], err: &turbojpeg::Error) -> SkipReason {
    let text = err.to_string();
    let is_cut = match jpeg::layout(bytes) {
        Err(JpegError::Truncated(_)) => true,
        Err(JpegError::NotJpeg) => false,
        Ok(layout) => layout.end.is_none(),
    };
    if is_cut || text.contains("Premature end of JPEG file") {
        SkipReason::Truncated
    } else if text.contains("nsupported") {
        SkipReason::UnsupportedFormat(format!("this kind of JPEG is not read: {text}"))
    } else {
        SkipReason::Corrupt(text)
    }
}

/// Adobe writes CMYK inverted, 255 for no ink, and libjpeg-turbo hands it on as it is.
fn rgb_from_cmyk(cmyk: &[u8]) -> Vec<u8> {
    let (pixels, _) = cmyk.as_chunks::<4>();
    pixels
        .iter()
        .flat_map(|[c, m, y, k]| [scaled(*c, *k), scaled(*m, *k), scaled(*y, *k)])
        .collect()
}

/// How bright the paper stays under this ink and black together.
fn scaled(ink: u8, black: u8) -> u8 {
    (u16::from(ink) * u16::from(black) / 255) as u8
}
