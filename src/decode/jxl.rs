//! JPEG XL by jxl-oxide, which applies the orientation of the codestream.

use std::error::Error;
use std::io;

use jxl_oxide::{
    AllocTracker, EnumColourEncoding, JxlImage, JxlThreadPool, PixelFormat, RenderingIntent,
};

use super::budget::Budget;
use super::limits::Limits;
use super::picture::{DecodedPicture, Shown};
use super::raster::on_white;
use crate::error::SkipReason;
use orientd_core::format::jxl::{self, Header};
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;

/// What decoding takes: samples are of four bytes, and several steps hold a copy. The process may use twice of it.
const BYTES_PER_PIXEL: u64 = 24;

/// The decoder's own bound is below that of its process, so that it says so instead of dying.
const ALLOWED_PER_PIXEL: u64 = 40;

/// For tables and small pictures.
const ALLOWED_BESIDES: u64 = 48 << 20;

/// As jxl-oxide has it.
type Failure = Box<dyn Error + Send + Sync>;

pub(super) fn decode(bytes: &[u8], limits: &Limits, budget: &Budget) -> Result<Shown, SkipReason> {
    let header = jxl::header(bytes).ok_or(SkipReason::Truncated)?;
    let Header { width, height, orientation } = header;
    let n_pixels = u64::from(width) * u64::from(height);
    if n_pixels > limits.max_pixels {
        let cap = limits.max_pixels;
        let text = format!("{width}×{height} pixels, more than max_pixels = {cap}");
        return Err(SkipReason::TooLarge(text));
    }
    let of_pixels =
        |each: u64| usize::try_from(n_pixels.saturating_mul(each)).unwrap_or(usize::MAX);
    let _share = budget.take(of_pixels(BYTES_PER_PIXEL));
    let besides = usize::try_from(ALLOWED_BESIDES).unwrap_or(usize::MAX);
    let tracker = AllocTracker::with_limit(of_pixels(ALLOWED_PER_PIXEL).saturating_add(besides));
    let image = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(tracker);
    let failed = |err: Failure| match explain(&*err) {
        SkipReason::Corrupt(_) if jxl::is_cut_short(bytes) => SkipReason::Truncated,
        other => other,
    };
    let mut image = image.read(bytes).map_err(failed)?;
    if image.num_loaded_keyframes() == 0 {
        return Err(SkipReason::Truncated);
    }
    // Colours of an embedded profile stay as they are.
    let is_grey = matches!(image.pixel_format(), PixelFormat::Gray | PixelFormat::Graya);
    if image.original_icc().is_none() && !is_grey {
        image.request_color_encoding(EnumColourEncoding::srgb(RenderingIntent::Relative));
    }
    let picture = render(&image).map_err(failed)?;
    Ok(Shown {
        decoded: DecodedPicture { picture, width, height },
        stored: orientation,
        turned_by: Orientation::UPRIGHT,
        caution: None,
    })
}

/// The first frame.
fn render(image: &JxlImage) -> Result<Rgb8, Failure> {
    let rendered = image.render_frame(0)?;
    let mut stream = rendered.stream();
    let width = stream.width() as usize;
    let height = stream.height() as usize;
    let n_channels = stream.channels() as usize;
    let mut samples = vec![0u8; width * height * n_channels];
    stream.write_to_buffer(&mut samples);
    let pixels = match n_channels {
        1 => samples.into_iter().flat_map(|grey| [grey; 3]).collect(),
        2 => on_white(
            samples
                .chunks_exact(2)
                .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
                .collect(),
        ),
        3 => samples,
        4 if image.pixel_format() == PixelFormat::Rgba => on_white(samples),
        // Light, not ink, and black after the colours.
        _ => samples.chunks_exact(n_channels).flat_map(with_black).collect(),
    };
    Ok(Rgb8 { width, height, pixels })
}

fn with_black(pixel: &[u8]) -> [u8; 3] {
    let black = u32::from(pixel[3]);
    std::array::from_fn(|channel| (u32::from(pixel[channel]) * black / 255) as u8)
}

fn explain(err: &(dyn Error + 'static)) -> SkipReason {
    let mut next = Some(err);
    while let Some(cause) = next {
        let io = cause.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return SkipReason::Truncated;
        }
        next = cause.source();
    }
    let text = err.to_string();
    if text.contains("memory") {
        return SkipReason::TooLarge(format!("it unpacks to too much: {text}"));
    }
    SkipReason::Corrupt(text)
}
