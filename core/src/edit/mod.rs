//! What is to be changed in a file: plans as values, or the reason why there is none.

pub mod embedded_xmp;
pub mod exif_edit;
pub mod lossless;
pub mod mode;
pub mod mpf_edit;
pub mod patch;
pub mod refusal;
pub mod sidecar;
pub mod tag;
