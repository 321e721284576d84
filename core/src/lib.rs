//! The rules of orientd, as functions of bytes and numbers: no files, threads, clocks or database.
//!
//! `orientation` is the group of the eight EXIF orientations. `format` reads files, `image` turns a
//! picture into the network's input, `verdict` turns its answer into a decision, and `edit` plans what
//! to change in a file, as a value with an inverse.

pub mod edit;
pub mod format;
pub mod image;
pub mod model_spec;
pub mod orientation;
pub mod verdict;
