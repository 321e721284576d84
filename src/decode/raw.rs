//! Camera raw files: their embedded picture is looked at, never the raw pixels.

use super::budget::Budget;
use super::jpeg;
use super::limits::Limits;
use super::picture::{DecodedPicture, Shown};
use crate::error::SkipReason;
use orientd_core::format::raw;
use orientd_core::orientation::Orientation;
use orientd_core::verdict::caution::Caution;

/// Decodes the largest embedded picture that can be. The stored orientation is the raw picture's; the preview is
/// turned by it only where it lies in the same way.
pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    budget: &Budget,
    side: usize,
) -> Result<Shown, SkipReason> {
    let file = raw::parse(bytes).ok_or_else(no_preview)?;
    let stored = Orientation::from_stored(file.stored);
    let mut failed = None;
    for preview in &file.previews {
        // A thumbnail may be letterboxed or from before an edit, and shows too little.
        if usize::from(preview.width.min(preview.height)) < side {
            let size =
                format!("{}×{} is less than the network sees", preview.width, preview.height);
            failed = failed.or(Some(SkipReason::NoPreview(size)));
            continue;
        }
        let jpeg = bytes.get(preview.bytes.clone()).unwrap_or_default();
        match jpeg::decode(jpeg, limits, budget, side) {
            Ok(decoded) => {
                let (width, height) = file.size.unwrap_or((decoded.width, decoded.height));
                let concluded = file.conclude(preview);
                return Ok(Shown {
                    decoded: DecodedPicture { width, height, ..decoded },
                    stored,
                    turned_by: concluded.orientation,
                    caution: (!concluded.is_clear).then_some(Caution::PreviewUnclear),
                });
            }
            // A raw file that is still being copied: its smaller previews may be whole, its larger not.
            Err(skip @ SkipReason::Truncated) => return Err(skip),
            Err(skip) => failed = failed.or(Some(SkipReason::NoPreview(skip.to_string()))),
        }
    }
    Err(failed.unwrap_or_else(no_preview))
}

fn no_preview() -> SkipReason {
    SkipReason::NoPreview("the file holds none".into())
}
