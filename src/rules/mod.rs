//! The pure core: no files, threads, clocks or database. A test checks that it stays so.

pub mod decision;
pub mod exif;
pub mod ifd;
pub mod jpeg;
pub mod mode;
pub mod model_spec;
pub mod orientation;
pub mod patch;
pub mod pixels;
pub mod png;
pub mod sidecar;
pub mod tensor;
pub mod tiff;
pub mod turned;
pub mod webp;
pub mod xmp;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]
mod container_tests;
