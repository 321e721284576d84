//! From rows of bytes to the network's input, on its device, and the four views of it.

use orientd_core::image::preprocess::InputSpec;
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::Probabilities;
use tch::{Device, Kind, Tensor};

use crate::config::Config;
use crate::net::{Mode, Network};

/// The preprocessing that goes with the configured network.
pub fn input_spec(config: &Config) -> InputSpec {
    let (mean, std) = config.network.backbone.normalisation();
    InputSpec { size: config.network.input, mean, std }
}

/// Normalised pictures, N×3×S×S with the channels innermost in memory, out of N×S×S×3 bytes.
pub fn to_tensor(pixels: &[u8], spec: &InputSpec, device: Device) -> Tensor {
    let size = spec.size as i64;
    let rgb = |values: [f32; 3]| Tensor::from_slice(&values).to_device(device);
    let bytes = Tensor::from_slice(pixels).to_device(device).view([-1, size, size, 3]);
    let values = (bytes.to_kind(Kind::Float) - rgb(spec.mean)) * rgb(spec.std.map(|x| 1.0 / x));
    values.permute([0, 3, 1, 2])
}

/// The pictures turned 0, 1, 2 and 3 quarters counter-clockwise, one set after the other.
pub fn four_views(images: &Tensor) -> Tensor {
    let rows = images.permute([0, 2, 3, 1]);
    let views: Vec<Tensor> = (0..4).map(|k| rows.rot90(k, [1, 2]).contiguous()).collect();
    Tensor::cat(&views, 0).permute([0, 3, 1, 2])
}

/// The scores of all four views of each picture, as `Probabilities::from_four_views` wants them.
pub fn view_logits(network: &Network, images: &Tensor) -> Vec<[[f32; 4]; 4]> {
    let n = images.size()[0];
    let logits = tch::no_grad(|| network.forward(&four_views(images), &Mode::Infer));
    let by_photo = logits.view([4, n, 4]).transpose(0, 1).contiguous().to_device(Device::Cpu);
    let mut values = vec![0f32; (n * 16) as usize];
    let n_values = values.len();
    by_photo.copy_data(&mut values, n_values);
    values
        .chunks_exact(16)
        .map(|photo| std::array::from_fn(|k| std::array::from_fn(|class| photo[4 * k + class])))
        .collect()
}

/// Mean of the shifted-back log-probabilities, without a temperature.
pub fn average(views: &[[f32; 4]; 4]) -> Probabilities {
    Probabilities::from_four_views(views, 1.0)
}

/// Do four views of an upright photo say so? Where they cannot tell, the answer is no: turned, the
/// same photo would not be recognised.
pub fn says_upright(views: &[[f32; 4]; 4]) -> bool {
    let seen = average(views);
    Turn::ALL[1..].iter().all(|turn| seen.of(*turn) < seen.of(Turn::NONE))
}

#[cfg(test)]
mod tests {
    use orientd_core::image::rgb::Rgb8;

    use super::*;

    #[test]
    fn a_network_that_says_nothing_is_not_right() {
        assert!(!says_upright(&[[0.0; 4]; 4]));
        let upright =
            std::array::from_fn(|k| std::array::from_fn(|c| if c == k { 1.0 } else { 0.0 }));
        assert!(says_upright(&upright));
    }

    /// What training sees is what orientd sees: the same numbers, and the same turns.
    #[test]
    fn tensors_and_views_are_those_of_the_rules() -> anyhow::Result<()> {
        let config = Config::load(None, &["network.input=32".into()])?;
        let spec = input_spec(&config);
        let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let picture = Rgb8 { width: 32, height: 32, pixels };
        let views = four_views(&to_tensor(&picture.pixels, &spec, Device::Cpu));
        assert_eq!(views.size(), [4, 3, 32, 32]);
        for turn in Turn::ALL {
            let mut expected = vec![0.0; spec.len()];
            spec.normalise(&picture.clone().oriented(turn.inverse().orientation()), &mut expected);
            let seen = views.get(turn.class() as i64).contiguous().view(-1);
            let seen = Vec::<f32>::try_from(seen)?;
            let worst = seen.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{turn:?}: {worst}");
        }
        Ok(())
    }
}
