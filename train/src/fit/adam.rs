//! Adam (Kingma & Ba 2015), with decoupled weight decay where asked for. libtorch's own keeps its
//! state where a checkpoint cannot reach it.

use anyhow::{Context, Result, ensure};
use tch::Tensor;

use crate::config::Fit;
use crate::net::Network;
use crate::net::parameters::{Parameter, Role};
use crate::weights::Tensors;

const BETA_1: f64 = 0.9;
const EPSILON: f64 = 1e-8;

/// The state of one stage's optimiser.
pub struct Adam {
    pub steps: i64,
    beta_2: f64,
    weight_decay: f64,
    moments: Vec<Moments>,
}

struct Moments {
    name: String,
    /// Weights, rather than biases and batch-norms.
    decays: bool,
    /// Its learning rate, as a share of the one that the schedule gives.
    rate: f64,
    mean: Tensor,
    square: Tensor,
}

impl Adam {
    /// For the tensors of `network` that learn at present.
    pub fn new(network: &Network, fit: &Fit) -> Self {
        let n_stages = network.arch.stages.len();
        let moments = network
            .parameters()
            .iter()
            .filter(|parameter| network.tensor(&parameter.name).requires_grad())
            .map(|parameter| Moments {
                name: parameter.name.clone(),
                decays: matches!(parameter.role, Role::ConvWeight | Role::LinearWeight),
                rate: rate(parameter, n_stages, fit),
                mean: network.tensor(&parameter.name).zeros_like().set_requires_grad(false),
                square: network.tensor(&parameter.name).zeros_like().set_requires_grad(false),
            })
            .collect();
        Self { steps: 0, beta_2: fit.beta_2, weight_decay: fit.weight_decay, moments }
    }

    /// Steps down the gradients of `loss`, shortened to `clip_norm` where above 0. Gives the length of
    /// the gradient.
    ///
    /// # Errors
    /// Returns an error if that is not a number: the weights are then left as they were.
    pub fn step(
        &mut self,
        network: &Network,
        loss: &Tensor,
        learning_rate: f64,
        clip_norm: f64,
    ) -> Result<f64> {
        let tensors: Vec<&Tensor> = self.moments.iter().map(|m| network.tensor(&m.name)).collect();
        // Asked for by name, gradients need neither be added to old ones nor cleared.
        let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
        let length = tch::no_grad(|| length(&gradients));
        ensure!(length.is_finite(), "the gradient's length is {length}");
        let scale = if clip_norm > 0.0 && length > clip_norm { clip_norm / length } else { 1.0 };
        self.steps += 1;
        let power = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let correction_1 = 1.0 - BETA_1.powi(power);
        let correction_2 = (1.0 - self.beta_2.powi(power)).sqrt();
        tch::no_grad(|| {
            for (moments, gradient) in self.moments.iter_mut().zip(gradients) {
                if !gradient.defined() {
                    continue;
                }
                let rate = learning_rate * moments.rate;
                // Never in place: autograd may hand out one tensor twice.
                let gradient = if scale < 1.0 { gradient * scale } else { gradient };
                let mut tensor = network.tensor(&moments.name).shallow_clone();
                let _ = moments.mean.lerp_(&gradient, 1.0 - BETA_1);
                let _ = moments.square.lerp_(&gradient.square(), 1.0 - self.beta_2);
                if moments.decays && self.weight_decay > 0.0 {
                    tensor *= 1.0 - rate * self.weight_decay;
                }
                let mut spread = moments.square.sqrt();
                spread += EPSILON * correction_2;
                let step = &moments.mean * (-rate * correction_2 / correction_1);
                let _ = tensor.addcdiv_(&step, &spread);
            }
        });
        Ok(length)
    }

    /// For a checkpoint.
    pub fn save(&self, into: &mut Tensors) {
        for moments in &self.moments {
            into.insert(format!("adam.mean.{}", moments.name), moments.mean.shallow_clone());
            into.insert(format!("adam.square.{}", moments.name), moments.square.shallow_clone());
        }
    }

    /// # Errors
    /// Returns an error if the checkpoint lacks a tensor or it has another shape.
    pub fn load(&mut self, from: &Tensors, steps: i64) -> Result<()> {
        self.steps = steps;
        for moments in &mut self.moments {
            for (key, target) in [("mean", &mut moments.mean), ("square", &mut moments.square)] {
                let key = format!("adam.{key}.{}", moments.name);
                let tensor =
                    from.get(&key).with_context(|| format!("the checkpoint lacks {key}"))?;
                ensure!(
                    tensor.size() == target.size(),
                    "{key} of the checkpoint has another shape"
                );
                target.copy_(tensor);
            }
        }
        Ok(())
    }
}

/// Below the top the rate falls with every stage that lies between (Clark et al. 2020): what was learnt
/// first is the most general.
fn rate(parameter: &Parameter, n_stages: usize, fit: &Fit) -> f64 {
    match parameter.stage {
        Some(stage) => fit.layer_decay.powf((n_stages - 1 - stage) as f64),
        None => fit.top_rate,
    }
}

/// Of all gradients as one vector.
fn length(gradients: &[Tensor]) -> f64 {
    let lengths: Vec<Tensor> =
        gradients.iter().filter(|gradient| gradient.defined()).map(Tensor::norm).collect();
    if lengths.is_empty() {
        return 0.0;
    }
    Tensor::stack(&lengths, 0).norm().double_value(&[])
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::config::Config;
    use crate::net::{Architecture, Backbone, Mode, Top};

    fn fit(settings: &[&str]) -> Fit {
        let settings: Vec<String> = settings.iter().map(|text| (*text).to_owned()).collect();
        Config::load(None, &settings).expect("valid settings").fit
    }

    /// The first steps of torch.optim.Adam, worked by hand: with a constant gradient every step is
    /// the learning rate against its sign.
    #[test]
    fn steps_are_adams() {
        let arch = Architecture::new(Backbone::Lite0, Top::None);
        let network = Network::new(arch, Device::Cpu, Kind::Float, 1);
        let mut adam = Adam::new(&network, &fit(&[]));
        let bias =
            || Vec::<f32>::try_from(network.tensor("top.linear.bias").detach()).expect("f32");
        let direction = Tensor::from_slice(&[1.0f32, -2.0, 0.5, 4.0]);
        let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
        for step in 1..=3 {
            let logits = network.forward(&images, &Mode::Infer);
            let loss = (logits * &direction).sum(Kind::Float);
            let length = adam.step(&network, &loss, 0.01, 0.0).expect("a finite gradient");
            assert!(length > 4.0);
            for (value, sign) in bias().iter().zip([-1.0, 1.0, -1.0, -1.0]) {
                let expected = 0.01 * step as f32 * sign;
                assert!((value - expected).abs() < 1e-5, "{value} after {step} steps");
            }
        }
    }
    #[test]
    fn rates_fall_from_the_top_downwards() {
        let arch = Architecture::new(Backbone::VitS14, Top::None);
        let fit = fit(&["fit.layer_decay=0.8", "fit.top_rate=15"]);
        let parameters = arch.parameters();
        for (name, expected) in [
            ("top.linear.weight", 15.0),
            ("norm.weight", 1.0),
            ("blocks.11.expand.weight", 1.0),
            ("blocks.0.scale1", 0.8f64.powi(11)),
            ("patches.positions", 0.8f64.powi(12)),
        ] {
            let parameter = parameters.iter().find(|parameter| parameter.name == name);
            let seen = rate(parameter.expect("a parameter"), arch.stages.len(), &fit);
            assert!((seen - expected).abs() < 1e-12, "{name}: {seen}");
        }
    }

    /// Worked by hand: a gradient of 1, then none. Matrices shrink, biases do not.
    #[test]
    fn decay_and_the_second_moment_are_adamws() {
        let arch = Architecture::new(Backbone::Lite0, Top::None);
        let network = Network::new(arch, Device::Cpu, Kind::Float, 1);
        let settings = ["fit.beta_2=0.5", "fit.weight_decay=0.1", "fit.top_rate=2"];
        let mut adam = Adam::new(&network, &fit(&settings));
        let bias = || f64::try_from(network.tensor("top.linear.bias").get(0)).expect("a number");
        let matrix = || network.tensor("top.linear.weight").detach().copy();
        let before = matrix();
        for (gradient, expected) in [
            (1.0, -0.02),
            // The mean is 0.09 / 0.19, the square 0.25 / 0.75.
            (0.0, -0.02 - 0.02 * (0.09 / 0.19) / (1.0f64 / 3.0).sqrt()),
        ] {
            let loss = network.tensor("top.linear.bias").sum(Kind::Float) * gradient
                + network.tensor("top.linear.weight").sum(Kind::Float) * 0.0;
            adam.step(&network, &loss, 0.01, 0.0).expect("a finite gradient");
            assert!((bias() - expected).abs() < 1e-6, "{} not {expected}", bias());
        }
        let shrunk = before * (1.0f64 - 0.02 * 0.1).powi(2);
        assert!((matrix() - shrunk).abs().max().double_value(&[]) < 1e-7);
    }
}
