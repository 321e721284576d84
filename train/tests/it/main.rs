//! Tests of the whole: networks against their references, and the program on drawn photos.

#![allow(unreachable_pub, reason = "modules of one test program share what is pub")]

mod augment;
mod bad_input;
mod cache;
mod harness;
mod library;
mod parity;
mod resume;
mod training;
mod transformer;
