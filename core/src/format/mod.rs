//! Where things are in a file, and what it says of itself. Reads, changes nothing.

pub mod chunks;
pub mod cr3;
pub mod embedded_xmp;
pub mod exif;
pub mod fujifilm;
pub mod heif;
pub mod isobmff;
pub mod jp2;
pub mod jpeg;
pub mod jxl;
pub mod metadata;
pub mod mpf;
pub mod panorama;
pub mod passed_over;
pub mod png;
pub mod png_text;
pub mod raw;
pub mod raw_preview;
pub mod sidecar_name;
pub mod sniff;
pub mod tiff;
pub mod webp;
pub mod xmp;
