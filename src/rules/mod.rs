//! The pure core: no files, threads, clocks or database. A test checks that it stays so.

pub mod decision;
pub mod model_spec;
pub mod orientation;
pub mod pixels;
pub mod tensor;
