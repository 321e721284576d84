//! Tests of the whole: networks against their references, and the program on drawn photos.

mod harness;
mod parity;
