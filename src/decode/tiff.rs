//! TIFF: by the `image` crate where it knows the colours, and else by the `tiff` crate beneath it, with the colours
//! made of its samples here (TIFF 6.0 sections 5, 8, 21 and 23; TIFF technical note 4).

use std::io::Cursor;

use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};

use super::budget::Budget;
use super::limits::Limits;
use super::picture::DecodedPicture;
use super::raster;
use crate::error::SkipReason;
use orientd_core::format::sniff::Format;
use orientd_core::format::tiff::{Directory, Tiff};
use orientd_core::image::colours::{Colours, Samples};
use orientd_core::image::rgb::Rgb8;

const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const SAMPLES: u16 = 277;
const PLANAR: u16 = 284;
const COLOUR_MAP: u16 = 320;
const SUBSAMPLING: u16 = 530;

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    budget: &Budget,
) -> Result<DecodedPicture, SkipReason> {
    let tiff = Tiff::new(bytes);
    let first = tiff.and_then(|tiff| tiff.directories().into_iter().next());
    let (Some(tiff), Some(first)) = (tiff, first) else {
        return raster::decode(bytes, Format::Tiff, limits, budget);
    };
    if let Some(what) = unread(tiff.number_in(&first, COMPRESSION).unwrap_or(1)) {
        return Err(SkipReason::UnsupportedFormat(format!("a TIFF file with {what} is not read")));
    }
    match Layout::of(tiff, &first) {
        Some(layout) => layout.decode(bytes, limits, budget),
        None if tiff.number_in(&first, PHOTOMETRIC) == Some(3) => {
            let text = "its table of colours is missing, or lies behind the end of the file";
            Err(SkipReason::Corrupt(text.into()))
        }
        None => raster::decode(bytes, Format::Tiff, limits, budget),
    }
}

/// What the coding of the pixels is called, where no decoder is built in (libtiff, `tiff.h`).
fn unread(compression: u32) -> Option<String> {
    let what = match compression {
        1 | 4 | 5 | 7 | 8 | 32773 | 32946 | 50001 => return None,
        2 => "CCITT modified Huffman (fax) compression",
        3 => "CCITT Group 3 (fax) compression",
        6 => "JPEG compression of the old kind",
        34661 => "JBIG compression",
        34712 => "JPEG 2000 compression",
        34887 => "LERC compression",
        34925 => "LZMA compression",
        50000 => "Zstandard compression",
        50002 | 52546 => "JPEG XL compression",
        other => return Some(format!("compression of unknown kind ({other})")),
    };
    Some(what.to_owned())
}

/// What is to be made of samples that `image` has no colours for.
struct Layout {
    colours: Colours,
    bits: usize,
    n_samples: usize,
    /// Where the number of the colours' kind stands, and what the decoder is to find there instead.
    as_if: Option<(usize, u8)>,
}

/// Has YCbCr fewer samples of colour than of light? JPEG's decoder makes up for that.
fn is_coarse(tiff: Tiff<'_>, first: &Directory) -> bool {
    let every = first.field(SUBSAMPLING).map_or(vec![2, 2], |field| tiff.numbers(field, 2));
    tiff.number_in(first, COMPRESSION) != Some(7) && every != [1, 1]
}

impl Layout {
    /// `None`: `image` has its colours, or says what it is that nobody has.
    fn of(tiff: Tiff<'_>, first: &Directory) -> Option<Self> {
        let bits = tiff.number_in(first, BITS).unwrap_or(1);
        let n_samples = tiff.number_in(first, SAMPLES).unwrap_or(1);
        let is_planar = tiff.number_in(first, PLANAR) == Some(2) && n_samples > 1;
        let field = first.field(PHOTOMETRIC)?;
        let photometric = tiff.number_in(first, PHOTOMETRIC)?;
        let (colours, seen_as) = match (photometric, bits, n_samples) {
            // White comes first; the decoder would turn the samples over of one kind only.
            (0, 2 | 4, 1) | (0, 8 | 16, 2..=4) => (Colours::Ink, 1),
            (1, 2 | 4, 1) | (1, 8 | 16, 2..=4) => (Colours::Grey, 1),
            (3, 1 | 2 | 4 | 8 | 16, 1..=2) => {
                let values = tiff.numbers(first.field(COLOUR_MAP)?, 3 << bits);
                (Colours::palette(&values)?, 1)
            }
            (5, 8 | 16, 5) => (Colours::Cmyk, 5),
            // Left to `image`, which says that it cannot, where colours are coarser than light.
            (6, 8, 3) if !is_coarse(tiff, first) => (Colours::YCbCr, 2),
            (8, 8 | 16, 3) => (Colours::Lab { is_signed: true }, 2),
            (9, 8 | 16, 3) => (Colours::Lab { is_signed: false }, 2),
            _ => return None,
        };
        let value = tiff.bytes().get(field.at..field.at + 2)?;
        let place = value.iter().position(|byte| u32::from(*byte) == photometric)?;
        // Zero is in both of the bytes.
        let place =
            if photometric == 0 { usize::from(tiff.bytes().starts_with(b"MM")) } else { place };
        let as_if = (u32::from(seen_as) != photometric).then_some((field.at + place, seen_as));
        let is_read = !is_planar && bits > 0;
        is_read.then_some(Self {
            colours,
            bits: usize::try_from(bits).ok()?,
            n_samples: usize::try_from(n_samples).ok()?,
            as_if,
        })
    }

    fn decode(
        &self,
        bytes: &[u8],
        limits: &Limits,
        budget: &Budget,
    ) -> Result<DecodedPicture, SkipReason> {
        let mut copy = Vec::new();
        let bytes = match self.as_if {
            Some((at, seen_as)) => {
                copy.extend_from_slice(bytes);
                copy[at] = seen_as;
                &copy
            }
            None => bytes,
        };
        let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(explain)?;
        let (width, height) = decoder.dimensions().map_err(explain)?;
        let n_pixels = u64::from(width) * u64::from(height);
        if n_pixels > limits.max_pixels {
            let cap = limits.max_pixels;
            let text = format!("{width}×{height} pixels, more than max_pixels = {cap}");
            return Err(SkipReason::TooLarge(text));
        }
        let n_pixels = usize::try_from(n_pixels).unwrap_or(usize::MAX);
        let n_sample_bytes = n_pixels.saturating_mul(self.n_samples * self.bits.div_ceil(8));
        let _share = budget.take(n_sample_bytes.saturating_add(n_pixels.saturating_mul(3)));
        let mut allowed = TiffLimits::default();
        allowed.decoding_buffer_size = n_sample_bytes.saturating_add(1 << 20);
        allowed.intermediate_buffer_size = n_sample_bytes.saturating_add(16 << 20);
        let decoded = decoder.with_limits(allowed).read_image().map_err(explain)?;
        let pixels = self.pixels(&decoded, width as usize)?;
        if pixels.len() != n_pixels.saturating_mul(3) {
            return Err(SkipReason::Truncated);
        }
        let picture = Rgb8 { width: width as usize, height: height as usize, pixels };
        Ok(DecodedPicture { picture, width, height })
    }

    fn pixels(&self, decoded: &DecodingResult, width: usize) -> Result<Vec<u8>, SkipReason> {
        let samples = match decoded {
            DecodingResult::U8(samples) => Samples::Bytes(samples),
            DecodingResult::U16(samples) => Samples::Words(samples),
            _ => {
                let text = "a TIFF file with samples of this kind is not read".to_owned();
                return Err(SkipReason::UnsupportedFormat(text));
            }
        };
        Ok(self.colours.of(&samples, width, self.bits, self.n_samples))
    }
}

fn explain(err: TiffError) -> SkipReason {
    match err {
        TiffError::IoError(err) if err.kind() == std::io::ErrorKind::UnexpectedEof => {
            SkipReason::Truncated
        }
        TiffError::UnsupportedError(what) => {
            SkipReason::UnsupportedFormat(format!("a TIFF file that is not read: {what}"))
        }
        TiffError::LimitsExceeded => SkipReason::TooLarge("it unpacks to too much".into()),
        other => SkipReason::Corrupt(other.to_string()),
    }
}
