//! Trains the orientation network of orientd.
//!
//! `data` turns photos into a cache and the cache into batches; `augment` changes what is seen;
//! `net` describes and runs the networks; `weights` fills them; `fit` trains in two stages;
//! `calibrate` fits temperatures and thresholds; `eval` measures; `report` shows; `export` writes the
//! ONNX file; `gate` decides whether a new model is used. `commands` ties them together. Below them
//! are `jpeg`, `drawing`, `metrics` and `onnx`.

pub mod augment;
pub mod calibrate;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
pub mod drawing;
pub mod eval;
pub mod export;
pub mod files;
pub mod fit;
pub mod gate;
pub mod jpeg;
pub mod metrics;
pub mod net;
pub mod onnx;
pub mod progress;
pub mod report;
pub mod tensorboard;
pub mod weights;
