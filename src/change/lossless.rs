//! Turns the pixels of a JPEG without loss: libjpeg-turbo rearranges the DCT coefficients, and
//! before anything is written it is proved that they are the old ones, turned the right way.

use turbojpeg::{
    Colorspace, Decompressor, Image, PixelFormat, ScalingFactor, Transform, TransformOp,
    Transformer,
};

use orientd_core::edit::lossless::{self, TurnSource};
use orientd_core::edit::patch::Patch;
use orientd_core::edit::refusal::Refusal;
use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::{Orientation, Turn};

/// Most that the two decodings may differ, in the mean over all samples: they are rounded before and
/// after the turn. Another turn of the same photo is off by far more, unless they look the same.
const MAX_MEAN_DIFFERENCE: f64 = 2.0;

/// The whole new file, and what it stands for; `None` if the pixels are to stay as they are.
///
/// # Errors
/// Returns an error if the pixels cannot be turned without loss, or this file is not written at all.
pub(super) fn plan(bytes: &[u8], turn: Turn) -> Result<Option<(Patch, Vec<u8>)>, Refusal> {
    let source = lossless::source(bytes, turn)?;
    if source.apply == Orientation::UPRIGHT {
        return Ok(None);
    }
    let turned = transform(bytes, source.apply, source.is_progressive)
        .map_err(|()| why_not(bytes, &source))?;
    let thumbnail = |old: &[u8]| turn_thumbnail(old, &source);
    let new = lossless::assemble(bytes, &source, &turned, thumbnail)?;
    prove(bytes, &new, source.apply).ok_or(Refusal::NotProved)?;
    let patch = Patch { edits: Vec::new(), from: source.from, to: Orientation::UPRIGHT };
    Ok(Some((patch, new)))
}

fn why_not(bytes: &[u8], source: &TurnSource) -> Refusal {
    let header = Decompressor::new().and_then(|mut d| d.read_header(bytes));
    let Ok(header) = header else { return Refusal::Kind("its data is damaged") };
    let (across, down) = header.subsamp.mcu_size();
    let is_whole = usize::from(source.width).is_multiple_of(across)
        && usize::from(source.height).is_multiple_of(down);
    if is_whole { Refusal::Kind("its data is damaged") } else { Refusal::NotWholeBlocks }
}

fn op(orientation: Orientation) -> TransformOp {
    match (orientation.is_mirrored(), orientation.quarter_turns()) {
        (false, 1) => TransformOp::Rot90,
        (false, 2) => TransformOp::Rot180,
        (false, 3) => TransformOp::Rot270,
        (true, 0) => TransformOp::Hflip,
        (true, 1) => TransformOp::Transverse,
        (true, 2) => TransformOp::Vflip,
        (true, 3) => TransformOp::Transpose,
        _ => TransformOp::None,
    }
}

/// Turns the picture without its metadata; fails if its sides are not whole blocks.
fn transform(bytes: &[u8], apply: Orientation, progressive: bool) -> Result<Vec<u8>, ()> {
    let mut transform = Transform::op(op(apply));
    (transform.perfect, transform.copy_none) = (true, true);
    (transform.progressive, transform.optimize) = (progressive, true);
    Transformer::new().and_then(|mut t| t.transform_to_vec(&transform, bytes)).map_err(|_| ())
}

/// Turns a thumbnail whose pixels lie as the photo's do.
fn turn_thumbnail(old: &[u8], source: &TurnSource) -> Option<Vec<u8>> {
    let header = Decompressor::new().ok()?.read_header(old).ok()?;
    let photo = source.width.cmp(&source.height);
    if header.width.cmp(&header.height) != photo {
        return None;
    }
    transform(old, source.apply, false).ok()
}

/// Two proofs. Turned back and coded anew, the new file gives the same bytes as the old one coded
/// anew: coding is a function of the coefficients and tables that can be inverted, so these agree.
/// And decoded, it looks like the old one turned by this program's own algebra: so the turn is the
/// one that was meant.
fn prove(old: &[u8], new: &[u8], apply: Orientation) -> Option<()> {
    let back = transform(new, apply.inverse(), false).ok()?;
    let same = transform(old, Orientation::UPRIGHT, false).ok()?;
    if back != same {
        return None;
    }
    let old = small(old)?.oriented(apply);
    let new = small(new)?;
    if (old.width, old.height) != (new.width, new.height) || old.pixels.is_empty() {
        return None;
    }
    let differences = old.pixels.iter().zip(&new.pixels).map(|(a, b)| u64::from(a.abs_diff(*b)));
    let mean = differences.sum::<u64>() as f64 / old.pixels.len() as f64;
    (mean <= MAX_MEAN_DIFFERENCE).then_some(())
}

/// The picture at an eighth of its size; of four inks, the last two are mixed.
fn small(bytes: &[u8]) -> Option<Rgb8> {
    let mut decompressor = Decompressor::new().ok()?;
    let header = decompressor.read_header(bytes).ok()?;
    decompressor.set_scaling_factor(ScalingFactor::ONE_EIGHTH).ok()?;
    let scaled = header.scaled(ScalingFactor::ONE_EIGHTH);
    let is_cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let width = scaled.width;
    let height = scaled.height;
    let pitch = scaled.width * format.size();
    let mut pixels = vec![0; pitch * height];
    let image = Image { pixels: &mut pixels[..], width, pitch, height, format };
    decompressor.decompress(bytes, image).ok()?;
    if is_cmyk {
        let mix = |ink: &[u8]| match *ink {
            [c, m, y, k] => [c, m, y / 2 + k / 2],
            _ => [0; 3],
        };
        pixels = pixels.chunks_exact(4).flat_map(mix).collect();
    }
    Some(Rgb8 { width, height, pixels })
}
