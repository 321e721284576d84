//! What the decoder of one format gives back.

use orientd_core::image::rgb::Rgb8;

/// A decoder's result: the picture at a reduced scale and the size it is stored with.
pub(super) struct DecodedPicture {
    pub picture: Rgb8,
    pub width: u32,
    pub height: u32,
}
