//! What the tests share: numbers by a formula, and drawn photos.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use orientd_core::image::rgb::Rgb8;
use orientd_train::config::Config;
use orientd_train::data::Cache;
use orientd_train::data::prepare::{Inputs, prepare};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

/// `train/` of the source tree.
pub fn train_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn reference(name: &str) -> PathBuf {
    train_folder().join("reference").join(name)
}

/// `n` values from −0.5 to 0.5: the same formula as in `reference/make_reference.py`.
pub fn noise(name: &str, n: usize) -> Vec<f64> {
    let key = u64::from(crc32fast::hash(name.as_bytes()));
    let low = |x: u64| x & 0xffff_ffff;
    (0..n as u64)
        .map(|index| {
            let mut mixed = low((index + key).wrapping_mul(2_654_435_761));
            mixed ^= mixed >> 15;
            mixed = low(mixed.wrapping_mul(2_246_822_519));
            mixed ^= mixed >> 13;
            mixed as f64 / 4_294_967_296.0 - 0.5
        })
        .collect()
}

/// Two pictures of noise from −2 to 2, N×3×S×S.
pub fn pictures(size: i64) -> Tensor {
    let values = noise("picture", (2 * 3 * size * size) as usize);
    let values: Vec<f32> = values.into_iter().map(|x| (4.0 * x) as f32).collect();
    Tensor::from_slice(&values).reshape([2, 3, size, size])
}

/// The rows of a matrix.
pub fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
    let columns = tensor.size()[1] as usize;
    let flat = tensor.to_device(Device::Cpu).to_kind(Kind::Double).contiguous();
    let mut values = vec![0.0; flat.numel()];
    let n_values = values.len();
    flat.copy_data(&mut values, n_values);
    values.chunks_exact(columns).map(<[f64]>::to_vec).collect()
}

/// The largest difference of two matrices, as a share of the second's largest value.
pub fn relative_difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let worst = pairs.fold(0.0, |most: f64, (x, y)| most.max((x - y).abs()));
    worst / scale
}

/// A photo whose upright direction can be seen: a bright sky with a sun, dark ground, trees.
pub fn landscape(seed: u64, width: usize, height: usize) -> Rgb8 {
    let draw = noise(&format!("landscape {seed}"), 64);
    let between = |at: usize, low: f64, high: f64| low + (draw[at] + 0.5) * (high - low);
    let horizon = between(0, 0.4, 0.7) * height as f64;
    let (sun_x, sun_y) =
        (between(1, 0.1, 0.9) * width as f64, between(2, 0.1, 0.3) * height as f64);
    let trees: Vec<f64> = (3..8).map(|at| between(at, 0.0, width as f64)).collect();
    let grain = noise(&format!("grain {seed}"), width * height);
    let mut pixels = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let fx = x as f64;
            let fy = y as f64;
            let is_tree = trees.iter().any(|tree| (fx - tree).abs() < 1.0 + (fy - horizon) / 8.0)
                && (horizon - 6.0..horizon + 8.0).contains(&fy);
            let base = if (fx - sun_x).hypot(fy - sun_y) < 4.0 {
                [255.0, 240.0, 150.0]
            } else if is_tree {
                [20.0, 60.0, 25.0]
            } else if fy < horizon {
                [110.0 + fy, 160.0 + fy, 235.0]
            } else {
                [90.0, 110.0 - (fy - horizon), 50.0]
            };
            let shake = 24.0 * grain[y * width + x];
            pixels.extend(base.map(|value: f64| (value + shake).clamp(0.0, 255.0) as u8));
        }
    }
    Rgb8 { width, height, pixels }
}

/// A folder of `n` such photos as JPEG, in two sources.
pub fn draw_photos(folder: &Path, n: u64) -> Result<()> {
    for seed in 0..n {
        let source = folder.join(["hills", "sea"][seed as usize % 2]);
        std::fs::create_dir_all(&source)?;
        let (width, height) = if seed % 3 == 0 { (48, 64) } else { (64, 48) };
        let jpeg = orientd_train::jpeg::encode(&landscape(seed, width, height), 92)?;
        std::fs::write(source.join(format!("{seed:03}.jpg")), jpeg)?;
    }
    Ok(())
}

/// A folder with photos and a cache of them.
pub fn cache_of(n: u64) -> Result<(TempDir, Cache)> {
    let folder = tempfile::tempdir()?;
    draw_photos(&folder.path().join("photos"), n)?;
    let config = Config::load(None, &["prepare.side=48".into()])?;
    let inputs = Inputs { photos: vec![folder.path().join("photos")], library: None };
    let (items, skipped) = inputs.list(&config.prepare)?;
    prepare(&folder.path().join("cache"), &items, skipped, &config.prepare, 2)?;
    let cache = Cache::open(&folder.path().join("cache"))?;
    Ok((folder, cache))
}

/// Settings of a run that takes seconds, with `more` laid over them.
pub fn quick(more: &[&str]) -> Result<Config> {
    let settings = [
        "prepare.side=48",
        "network.input=32",
        "fit.batch=4",
        "fit.epoch_photos=8",
        "fit.validation_photos=6",
        "fit.precision=float32",
        "fit.loaders=2",
        "fit.threads=1",
        "fit.stage1.epochs=1",
        "fit.stage2.epochs=1",
        "eval.bootstrap=50",
        "eval.resave_photos=4",
    ];
    let settings: Vec<String> = settings.iter().chain(more).map(|text| (*text).into()).collect();
    Config::load(None, &settings)
}

/// The published ImageNet weights of Lite0 (19 MB), fetched once.
pub fn imagenet_weights() -> Result<PathBuf> {
    fetch_weights("lite0")?;
    Ok(train_folder().join("../.runtime/weights/efficientnet_lite0.pth"))
}

/// DINOv2 ViT-S/14 as published (97 MB), fetched once.
pub fn dinov2_weights() -> Result<PathBuf> {
    fetch_weights("dinov2")?;
    Ok(train_folder().join("../.runtime/weights/dinov2_vits14.onnx"))
}

fn fetch_weights(name: &str) -> Result<()> {
    let fetch = Command::new(train_folder().join("fetch-weights.sh")).arg(name).output()?;
    ensure!(fetch.status.success(), "{}", String::from_utf8_lossy(&fetch.stderr));
    Ok(())
}

/// The program.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orientd-train"));
    command.env("RUST_BACKTRACE", "0");
    command
}
