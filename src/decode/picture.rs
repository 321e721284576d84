//! What the decoder of one format gives back.

use orientd_core::image::rgb::Rgb8;
use orientd_core::orientation::Orientation;
use orientd_core::verdict::caution::Caution;

/// A decoder's result: the picture at a reduced scale and the size it is stored with.
pub(super) struct DecodedPicture {
    pub picture: Rgb8,
    pub width: u32,
    pub height: u32,
}

/// The same, and how to show it.
pub(super) struct Shown {
    pub decoded: DecodedPicture,
    /// What the file states.
    pub stored: Orientation,
    /// What the decoded pixels need to be shown so. It differs where they come from a raw file's preview, or from a
    /// decoder that has applied it.
    pub turned_by: Orientation,
    pub caution: Option<Caution>,
}

impl Shown {
    /// Pixels as they are stored.
    pub(super) fn as_stored(decoded: DecodedPicture, stored: Orientation) -> Self {
        Self { decoded, stored, turned_by: stored, caution: None }
    }
}
