//! Our networks give what torchvision's and the Lite package's give, and what onnxruntime makes of
//! the file we write.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use orientd_core::image::preprocess::InputSpec;
use orientd_core::model_spec::ModelSpec;
use orientd_core::verdict::decision::Thresholds;
use orientd_train::export::{self, Precision};
use orientd_train::net::parameters::Role;
use orientd_train::net::{Architecture, Backbone, Mode, Network, Top};
use orientd_train::onnx::Session;
use orientd_train::weights::{self, Scheme, foreign_name};
use prost::Message;
use tch::{Device, Kind, Tensor};

use crate::harness::{imagenet_weights, noise, pictures, reference, relative_difference, rows};

pub const TOLERANCE: f64 = 1e-4;

fn network(backbone: Backbone, top: Top) -> Network {
    Network::new(Architecture::new(backbone, top), Device::Cpu, Kind::Float, 1)
}

/// Fills every tensor as `fill` in `make_reference.py` does, by the reference's names.
pub fn fill(network: &Network, scheme: Scheme) -> Result<()> {
    for parameter in network.parameters() {
        // The dense top has no counterpart; any values will do for it.
        let name = foreign_name(&network.arch, &parameter.name, scheme)
            .unwrap_or_else(|| parameter.name.clone());
        let n: i64 = parameter.shape.iter().product();
        let spread = match parameter.role {
            Role::ConvWeight | Role::LinearWeight => {
                (24.0 / parameter.shape[1..].iter().product::<i64>() as f64).sqrt()
            }
            Role::RunningVar | Role::NormWeight | Role::Scale => 0.4,
            Role::RunningMean | Role::Bias | Role::NormBias | Role::Token => 0.2,
        };
        let middle = match parameter.role {
            Role::RunningVar | Role::NormWeight | Role::Scale => 1.0,
            _ => 0.0,
        };
        let values: Vec<f32> =
            noise(&name, n as usize).iter().map(|u| (middle + spread * u) as f32).collect();
        network.set(&parameter.name, &Tensor::from_slice(&values).reshape(&parameter.shape))?;
    }
    Ok(())
}

fn scheme(backbone: Backbone) -> Scheme {
    if backbone.is_lite() { Scheme::Lite } else { Scheme::Torchvision }
}

pub fn figures(name: &str, what: &str) -> Result<(i64, Vec<Vec<f64>>)> {
    let text = std::fs::read_to_string(reference("figures.json"))?;
    let all: serde_json::Value = serde_json::from_str(&text)?;
    let entry = all.get(name).with_context(|| format!("no figures for {name}"))?;
    let size = entry["size"].as_i64().context("no size")?;
    Ok((size, serde_json::from_value(entry[what].clone())?))
}

pub fn spec(backbone: Backbone, size: usize) -> ModelSpec {
    let (mean, std) = backbone.normalisation();
    ModelSpec {
        input: InputSpec { size, mean, std },
        temperature_1: 1.5,
        temperature_4: 0.7,
        thresholds: Thresholds { auto_confidence: 0.97, review_confidence: 0.4 },
        cascade_confidence: 0.99,
        backbone: backbone.as_str().into(),
        trained_at: "2026-11-24".into(),
        eval: serde_json::json!({ "four_way_4": 0.9 }),
    }
}

fn check_reference(backbone: Backbone) -> Result<()> {
    let (size, expected) = figures(backbone.as_str(), "logits")?;
    let network = network(backbone, Top::None);
    fill(&network, scheme(backbone))?;
    let logits = tch::no_grad(|| network.forward(&pictures(size), &Mode::Infer));
    let worst = relative_difference(&rows(&logits), &expected);
    ensure!(worst < TOLERANCE, "{} differs by {worst:e}", backbone.as_str());
    Ok(())
}

#[test]
fn b0_is_torchvisions() -> Result<()> {
    check_reference(Backbone::B0)
}

#[test]
fn b1_is_torchvisions() -> Result<()> {
    check_reference(Backbone::B1)
}

#[test]
fn b2_is_torchvisions() -> Result<()> {
    check_reference(Backbone::B2)
}

#[test]
fn b3_is_torchvisions() -> Result<()> {
    check_reference(Backbone::B3)
}

#[test]
fn resnet50_is_torchvisions() -> Result<()> {
    check_reference(Backbone::ResNet50)
}

#[test]
fn lite0_is_the_lite_packages() -> Result<()> {
    check_reference(Backbone::Lite0)
}

#[test]
fn lite1_is_the_lite_packages() -> Result<()> {
    check_reference(Backbone::Lite1)
}

#[test]
fn lite2_is_the_lite_packages() -> Result<()> {
    check_reference(Backbone::Lite2)
}

/// Exports `network`, and compares onnxruntime's answers with tch's for this many pictures at once.
fn check_export(
    network: &Network,
    size: usize,
    precision: Precision,
    tolerance: f64,
) -> Result<()> {
    let spec = spec(network.arch.backbone, size);
    let bytes = export::build(network, &spec, precision)?.encode_to_vec();
    let mut session = Session::from_bytes(&bytes, 1)?;
    assert_eq!(session.spec, spec);
    let two = pictures(size as i64);
    for images in [two.narrow(0, 0, 1), two] {
        let values = Vec::<f32>::try_from(images.contiguous().view(-1))?;
        let theirs: Vec<Vec<f64>> = session
            .logits(&values)?
            .iter()
            .map(|four| four.iter().map(|x| f64::from(*x)).collect())
            .collect();
        let ours = rows(&tch::no_grad(|| network.forward(&images, &Mode::Infer)));
        let worst = relative_difference(&theirs, &ours);
        let name = (network.arch.backbone.as_str(), network.arch.top.as_str());
        ensure!(worst < tolerance, "{name:?} differs by {worst:e} in onnxruntime");
    }
    Ok(())
}

/// Fresh matrices, and norms that are not the identity.
fn shaken(backbone: Backbone, top: Top, size: usize) -> Result<Network> {
    let arch = Architecture::new(backbone, top).for_input(size);
    let network = Network::new(arch, Device::Cpu, Kind::Float, 1);
    for parameter in network.parameters() {
        let (middle, spread) = match parameter.role {
            Role::RunningVar | Role::NormWeight | Role::Scale => (1.0, 0.2),
            Role::RunningMean | Role::Bias | Role::NormBias | Role::Token => (0.0, 0.1),
            Role::ConvWeight | Role::LinearWeight => continue,
        };
        let random = Tensor::rand(&parameter.shape, (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        network.set(&parameter.name, &(random * spread + middle))?;
    }
    Ok(network)
}

#[test]
fn every_backbone_is_the_same_in_onnxruntime() -> Result<()> {
    for backbone in Backbone::ALL {
        // 75 is odd at every stride: padding must be worked out, not assumed.
        for (top, size) in [(Top::None, 64), (Top::Dense256, 75)] {
            check_export(&shaken(backbone, top, size)?, size, Precision::Float32, TOLERANCE)?;
        }
    }
    Ok(())
}

#[test]
fn half_precision_is_half_the_size_and_nearly_the_same() -> Result<()> {
    let network = network(Backbone::Lite0, Top::None);
    fill(&network, Scheme::Lite)?;
    let size = |precision| -> Result<usize> {
        Ok(export::build(&network, &spec(Backbone::Lite0, 64), precision)?.encoded_len())
    };
    let full = size(Precision::Float32)?;
    let half = size(Precision::Float16)?;
    assert!(half < 8 << 20 && half * 100 < full * 53, "{half} bytes of {full}");
    check_export(&network, 64, Precision::Float16, 5e-3)
}

/// Training may start from a model of our own: its answers are the same, and stay so when its
/// batch-norms are given the statistics they see.
#[test]
fn an_exported_model_is_read_back_and_unfolded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (backbone, top) in [(Backbone::Lite0, Top::None), (Backbone::B0, Top::Dense256)] {
        let original = network(backbone, top);
        fill(&original, scheme(backbone))?;
        let path = folder.path().join("model.onnx");
        let model = export::build(&original, &spec(backbone, 64), Precision::Float32)?;
        std::fs::write(&path, model.encode_to_vec())?;

        let copy = network(backbone, top);
        let loaded = weights::load(&copy, &path)?;
        assert!(loaded.with_top && loaded.folded);
        let answer = |network: &Network, mode: &Mode| {
            rows(&tch::no_grad(|| network.forward(&pictures(64), mode)))
        };
        let expected = answer(&original, &Mode::Infer);
        assert!(relative_difference(&answer(&copy, &Mode::Infer), &expected) < TOLERANCE);

        let measure = Mode::Measure(Default::default());
        let measured = answer(&copy, &measure);
        assert!(relative_difference(&measured, &expected) < TOLERANCE);
        let Mode::Measure(moments) = measure else { unreachable!("made above") };
        copy.unfold_norms(&moments.into_inner())?;
        assert!(relative_difference(&answer(&copy, &Mode::Infer), &expected) < 1e-3);
        // The same pictures in training mode have the very statistics that were measured.
        let train = Mode::Train { dropout: 0.0, drop_path: 0.0 };
        let trained = answer(&copy, &train);
        assert!(relative_difference(&trained, &expected) < 0.02, "{trained:?} {expected:?}");
    }
    Ok(())
}

#[test]
fn weights_of_another_network_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("b0.safetensors");
    let tensors = weights::snapshot(&network(Backbone::B0, Top::None));
    let named: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    Tensor::write_safetensors(&named, &path)?;
    assert!(weights::load(&network(Backbone::B0, Top::None), &path)?.with_top);
    assert!(!weights::load(&network(Backbone::B0, Top::Dense256), &path)?.with_top);
    for other in [Backbone::B1, Backbone::B2, Backbone::Lite0, Backbone::ResNet50] {
        let err = weights::load(&network(other, Top::None), &path).expect_err(other.as_str());
        assert!(
            format!("{err:#}").contains(other.as_str()) || format!("{err:#}").contains("shape")
        );
    }
    // B1's first blocks are B0's: the weights of the deeper network must not pass for B0's.
    let tensors = weights::snapshot(&network(Backbone::B1, Top::None));
    let named: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    Tensor::write_safetensors(&named, &path)?;
    assert!(weights::load(&network(Backbone::B0, Top::None), &path).is_err());
    std::fs::write(&path, b"{}")?;
    assert!(weights::load(&network(Backbone::B0, Top::None), &path).is_err());
    assert!(weights::load(&network(Backbone::B0, Top::None), Path::new("weights.bin")).is_err());
    Ok(())
}

/// A file of PyTorch before 1.6, as the Lite packages have them, whole and cut anywhere.
#[test]
fn legacy_state_dicts_are_read_and_cut_ones_refused() -> Result<()> {
    let tensors = weights::read_legacy(&reference("legacy.pth"))?;
    let values = |name: &str| -> Result<Vec<f32>> {
        Ok(Vec::<f32>::try_from(tensors[name].to_kind(Kind::Float).view(-1))?)
    };
    assert_eq!(tensors["conv"].size(), [2, 3, 2]);
    assert_eq!(values("conv")?, (0..12).map(|n| n as f32).collect::<Vec<_>>());
    assert_eq!(tensors["turned"].size(), [3, 2]);
    assert_eq!(values("turned")?, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values("running_var")?, [1.0; 3]);
    assert_eq!(tensors["num_batches_tracked"].kind(), Kind::Int64);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cut.pth");
    let bytes = std::fs::read(reference("legacy.pth"))?;
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length])?;
        assert!(weights::read_legacy(&path).is_err(), "cut at {length}");
    }
    Ok(())
}

/// The published ImageNet weights, in the file as published, give the reference's features.
#[test]
fn lite0_with_imagenet_weights_sees_what_the_reference_sees() -> Result<()> {
    let path = imagenet_weights()?;
    let network = network(Backbone::Lite0, Top::None);
    let loaded = weights::load(&network, &path)?;
    assert!(!loaded.with_top && !loaded.folded);
    let (size, expected) = figures("efficientnet_lite0_imagenet", "features")?;
    let features = tch::no_grad(|| network.features(&(pictures(size) / 2.0), &Mode::Infer));
    let tenth = Tensor::arange_start_step(0, 1280, 10, (Kind::Int64, Device::Cpu));
    let seen = rows(&features.index_select(1, &tenth));
    let worst = relative_difference(&seen, &expected);
    ensure!(worst < TOLERANCE, "the features differ by {worst:e}");
    // Of another network of the family they are refused.
    assert!(weights::load(&self::network(Backbone::Lite2, Top::None), &path).is_err());
    Ok(())
}
