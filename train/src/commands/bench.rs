//! `bench`: training steps on random pictures, as `train/bench/pytorch.py` makes them in PyTorch.

use std::time::Instant;

use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

use super::load;
use crate::cli::Bench;
use crate::fit::device;
use crate::fit::loss::losses;
use crate::net::Mode;
use crate::net::layers::channels_last;

const WARM_UP: usize = 3;

/// Prints one line of JSON.
pub(super) fn run(args: &Bench) -> Result<()> {
    let mut config = load(&args.settings)?;
    config.fit.views = 1;
    ensure!(args.steps > 0 && args.pictures > 1, "nothing to measure");
    let (_, kind) = device::choose(&config)?;
    let network = device::network(&config)?;
    let mut adam = crate::fit::optimiser(&network, &config);
    let size = config.network.input as i64;
    let on = (Kind::Float, network.device);
    let images = channels_last(&Tensor::randn([args.pictures, 3, size, size], on));
    let classes = Tensor::randint(4, [args.pictures], (Kind::Int64, network.device));
    let weights = Tensor::ones([args.pictures], on);
    let mode = Mode::Train { dropout: config.fit.dropout, drop_path: config.fit.drop_path };
    let mut begun = Instant::now();
    for step in 0..WARM_UP + args.steps {
        if step == WARM_UP {
            begun = Instant::now();
        }
        let logits = network.forward(&images, &mode);
        let losses = losses(&logits, &classes, &weights, &config.fit);
        adam.step(&network, &losses.total, 1e-3, 0.0)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let row = serde_json::json!({
        "program": "orientd-train",
        "backbone": config.network.backbone.as_str(),
        "input": size,
        "precision": format!("{kind:?}").to_lowercase(),
        "threads": tch::get_num_threads(),
        "images_per_second": (args.steps as f64 * args.pictures as f64 / seconds * 100.0).round() / 100.0,
    });
    println!("{row}");
    Ok(())
}
