//! ViT-S/14 is DINOv2's, and is read from its file and from ours.

use anyhow::{Result, ensure};
use orientd_train::export::{self, Precision};
use orientd_train::net::{Architecture, Backbone, Mode, Network, Top, resize_positions};
use orientd_train::onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto, data_type};
use orientd_train::weights::{self, Scheme};
use prost::Message;
use tch::{Device, Kind, Tensor};

use crate::harness::{dinov2_weights, pictures, relative_difference, rows};
use crate::parity::{TOLERANCE, figures, fill, spec};

fn network(size: usize) -> Network {
    let arch = Architecture::new(Backbone::VitS14, Top::None).for_input(size);
    Network::new(arch, Device::Cpu, Kind::Float, 1)
}

/// Every tenth feature of the two pictures, made `by` times as bright.
fn features(network: &Network, size: i64, by: f64) -> Vec<Vec<f64>> {
    let features = tch::no_grad(|| network.features(&(pictures(size) * by), &Mode::Infer));
    let tenth = Tensor::arange_start_step(0, 768, 10, (Kind::Int64, Device::Cpu));
    rows(&features.index_select(1, &tenth))
}

/// The published graph in onnxruntime, with weights made by the same formula.
#[test]
fn vit_s14_is_dinov2s() -> Result<()> {
    let (size, expected) = figures("vit_s14", "features")?;
    let whole = network(518);
    fill(&whole, Scheme::Own)?;
    let network = network(usize::try_from(size)?);
    weights::restore(&network, &resized(&whole, size / 14))?;
    let worst = relative_difference(&features(&network, size, 1.0), &expected);
    ensure!(worst < TOLERANCE, "the features differ by {worst:e}");
    Ok(())
}

fn resized(network: &Network, grid: i64) -> weights::Tensors {
    let mut tensors = weights::snapshot(network);
    if let Some(positions) = tensors.get_mut("patches.positions") {
        *positions = resize_positions(positions, grid);
    }
    tensors
}

/// The published weights, in the file as published, give what onnxruntime gives.
#[test]
#[ignore = "fetches 97 MB"]
fn dinov2_sees_what_onnxruntime_sees() -> Result<()> {
    let (size, expected) = figures("vit_s14_dinov2", "features")?;
    let network = network(usize::try_from(size)?);
    let loaded = weights::load(&network, &dinov2_weights()?)?;
    assert!(loaded.format == "DINOv2" && !loaded.with_top && !loaded.folded);
    let worst = relative_difference(&features(&network, size, 0.5), &expected);
    eprintln!("the features differ by {worst:e}");
    ensure!(worst < TOLERANCE, "the features differ by {worst:e}");
    Ok(())
}

fn initializer(name: &str, tensor: &Tensor) -> Result<TensorProto> {
    let tensor = tensor.contiguous();
    let mut raw_data = vec![0; 4 * tensor.numel()];
    tensor.f_copy_data_u8(&mut raw_data, tensor.numel())?;
    let dims = tensor.size();
    let name = name.to_owned();
    Ok(TensorProto { dims, data_type: data_type::FLOAT, name, raw_data, ..Default::default() })
}

/// The weights of `network` as the published file has them.
fn as_published(network: &Network) -> Result<ModelProto> {
    let mut graph = GraphProto::default();
    let tensor = |name: &str| network.tensor(name).detach();
    let embeddings = "backbone.embeddings";
    let class = tensor("patches.class");
    for (name, tensor) in [
        (format!("{embeddings}.patch_embeddings.projection.weight"), tensor("patches.weight")),
        (format!("{embeddings}.patch_embeddings.projection.bias"), tensor("patches.bias")),
        (format!("{embeddings}.cls_token"), &class * 0.75),
        ("onnx::Concat_1957".to_owned(), &class * 0.25),
        ("onnx::Reshape_1962".to_owned(), tensor("patches.positions")),
        ("backbone.layernorm.weight".to_owned(), tensor("norm.weight")),
        ("backbone.layernorm.bias".to_owned(), tensor("norm.bias")),
    ] {
        graph.initializer.push(initializer(&name, &tensor)?);
    }
    for block in 0..12 {
        let theirs = format!("backbone.encoder.layer.{block}");
        let ours = format!("blocks.{block}");
        for (name, part) in [
            ("norm1.weight", "norm1.weight"),
            ("norm1.bias", "norm1.bias"),
            ("norm2.weight", "norm2.weight"),
            ("norm2.bias", "norm2.bias"),
            ("layer_scale1.lambda1", "scale1"),
            ("layer_scale2.lambda1", "scale2"),
            ("attention.output.dense.bias", "projection.bias"),
            ("mlp.fc1.bias", "expand.bias"),
            ("mlp.fc2.bias", "contract.bias"),
        ] {
            let tensor = tensor(&format!("{ours}.{part}"));
            graph.initializer.push(initializer(&format!("{theirs}.{name}"), &tensor)?);
        }
        let attention = tensor(&format!("{ours}.attention.weight")).chunk(3, 0);
        let biases = tensor(&format!("{ours}.attention.bias")).chunk(3, 0);
        let mut matrices = vec![
            ("attention/output/dense", tensor(&format!("{ours}.projection.weight"))),
            ("mlp/fc1", tensor(&format!("{ours}.expand.weight"))),
            ("mlp/fc2", tensor(&format!("{ours}.contract.weight"))),
        ];
        let parts = ["attention/query", "attention/key", "attention/value"];
        for ((part, matrix), bias) in parts.into_iter().zip(&attention).zip(&biases) {
            let name = format!("{theirs}.attention.{}.bias", part.replace('/', "."));
            graph.initializer.push(initializer(&name, bias)?);
            matrices.push((part, matrix.shallow_clone()));
        }
        for (part, matrix) in matrices {
            let path = if part.starts_with("attention/") && !part.contains("output") {
                format!("attention/{part}")
            } else {
                part.to_owned()
            };
            let stored = format!("onnx::MatMul_{}", graph.node.len());
            graph.initializer.push(initializer(&stored, &matrix.tr())?);
            graph.node.push(NodeProto {
                name: format!("/{}/{path}/MatMul", theirs.replacen('.', "/", 2)),
                op_type: "MatMul".into(),
                input: vec!["x".into(), stored],
                ..Default::default()
            });
        }
    }
    Ok(ModelProto { graph: Some(graph), ..Default::default() })
}

#[test]
fn dinov2s_file_is_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("dinov2.onnx");
    let whole = network(518);
    fill(&whole, Scheme::Own)?;
    let mut model = as_published(&whole)?;
    std::fs::write(&path, model.encode_to_vec())?;
    let read = network(28);
    let loaded = weights::load(&read, &path)?;
    assert!(loaded.format == "DINOv2" && !loaded.with_top && !loaded.folded);
    let expected = resized(&whole, 2);
    for parameter in read.parameters().iter().filter(|parameter| parameter.stage.is_some()) {
        let difference = read.tensor(&parameter.name).detach() - &expected[&parameter.name];
        assert!(difference.abs().max().double_value(&[]) < 1e-6, "{}", parameter.name);
    }
    // One that lacks something is refused.
    if let Some(graph) = &mut model.graph {
        graph.node.pop();
    }
    std::fs::write(&path, model.encode_to_vec())?;
    let err = weights::load(&read, &path).expect_err("a matrix is missing");
    assert!(format!("{err:#}").contains("no MatMul"), "{err:#}");
    Ok(())
}

/// Whole and as float16; at another size the positions are interpolated.
#[test]
fn our_own_export_is_read_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.onnx");
    let original = network(56);
    fill(&original, Scheme::Own)?;
    let expected = rows(&tch::no_grad(|| original.forward(&pictures(56), &Mode::Infer)));
    for (precision, tolerance) in [(Precision::Float32, TOLERANCE), (Precision::Float16, 1e-2)] {
        let model = export::build(&original, &spec(Backbone::VitS14, 56), precision)?;
        std::fs::write(&path, model.encode_to_vec())?;
        let copy = network(56);
        let loaded = weights::load(&copy, &path)?;
        assert!(loaded.with_top && !loaded.folded);
        let seen = rows(&tch::no_grad(|| copy.forward(&pictures(56), &Mode::Infer)));
        let worst = relative_difference(&seen, &expected);
        assert!(worst < tolerance, "{precision:?} differs by {worst:e}");
    }
    let larger = network(84);
    weights::load(&larger, &path)?;
    assert_eq!(larger.tensor("patches.positions").size(), [1, 36, 384]);
    Ok(())
}

#[test]
fn early_blocks_rest_in_the_first_stage() {
    let network = network(28);
    network.freeze_early();
    let learns = |name: &str| network.tensor(name).requires_grad();
    assert!(!learns("patches.positions") && !learns("blocks.5.norm1.weight"));
    assert!(learns("blocks.6.norm1.weight") && learns("norm.bias") && learns("top.linear.bias"));
    network.train_all();
    assert!(learns("patches.positions"));
}
