//! JPEG files: where their segments are, what follows the picture, and how a decoder gets along with
//! oddities that people's files have.

mod layout;
mod readable;
mod trailer;

pub use layout::{
    APP0, APP1, APP2, EXTENDED_XMP_START, JpegError, Layout, Segment, XMP_START, header, layout,
};
pub use readable::readable;
pub use trailer::{is_padding, parts_behind};
