//! What the tests share: numbers by a formula, and drawn photos.

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

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

pub fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Double).contiguous();
    Vec::<Vec<f64>>::try_from(tensor).expect("a matrix")
}

/// The largest difference of two matrices, as a share of the second's largest value.
pub fn relative_difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let worst = pairs.fold(0.0, |most: f64, (x, y)| most.max((x - y).abs()));
    worst / scale
}
