//! Where things are in a file, and what it says of itself. Reads, changes nothing.

pub mod chunks;
pub mod cr3;
pub mod embedded_xmp;
pub mod exif;
pub mod heif;
pub mod isobmff;
pub mod jpeg;
pub mod metadata;
pub mod mpf;
pub mod passed_over;
pub mod png;
pub mod png_text;
pub mod raw;
pub mod sidecar_name;
pub mod sniff;
pub mod tiff;
pub mod webp;
pub mod xmp;
