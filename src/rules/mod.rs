//! The pure core: no files, threads, clocks or database. A test checks that it stays so.

pub mod binomial;
pub mod chunks;
pub mod decision;
pub mod embedded_xmp;
pub mod exif;
pub mod exif_edit;
pub mod isobmff;
pub mod jpeg;
pub mod metadata;
pub mod mode;
pub mod model_spec;
pub mod orientation;
pub mod patch;
pub mod pixels;
pub mod png;
pub mod raw;
pub mod refit;
pub mod refusal;
pub mod sidecar;
pub mod sniff;
pub mod tag;
pub mod tensor;
pub mod tiff;
pub mod turned;
pub mod webp;
pub mod xmp;
