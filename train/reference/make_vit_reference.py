#!/usr/bin/env python3
"""Adds the figures of ViT-S/14 to figures.json, from DINOv2 as PyTorch's exporter wrote it.

    pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
    train/fetch-weights.sh dinov2
    python train/reference/make_vit_reference.py .runtime/weights/dinov2_vits14.onnx

onnxruntime runs the published graph twice: with weights by the formula of `make_reference.py`, by our
names, and with its own.
"""

import json
import pathlib
import sys
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

HERE = pathlib.Path(__file__).parent
SIZE = 224
PREFIX = "backbone.encoder.layer"


def noise(name, n):
    """n values from -0.5 to 0.5, as in make_reference.py."""
    key = np.uint64(zlib.crc32(name.encode()))
    index = np.arange(n, dtype=np.uint64)
    mixed = ((index + key) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(15)
    mixed = (mixed * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(13)
    return mixed.astype(np.float64) / 2**32 - 0.5


def made(name, shape):
    u = noise(name, int(np.prod(shape))).reshape(shape)
    if len(shape) in (2, 4):
        return u * (24.0 / np.prod(shape[1:])) ** 0.5
    if name.endswith("bias") or len(shape) == 3:
        return 0.2 * u
    return 1.0 + 0.4 * u


def made_weights(matmul):
    """Values by the graph's names."""
    weights = {
        "backbone.embeddings.patch_embeddings.projection.weight": made("patches.weight", (384, 3, 14, 14)),
        "backbone.embeddings.patch_embeddings.projection.bias": made("patches.bias", (384,)),
        "backbone.embeddings.cls_token": made("patches.class", (1, 1, 384)),
        "onnx::Concat_1957": np.zeros((1, 1, 384)),
        "onnx::Reshape_1962": made("patches.positions", (1, 1369, 384)),
        "backbone.layernorm.weight": made("norm.weight", (384,)),
        "backbone.layernorm.bias": made("norm.bias", (384,)),
    }
    for i in range(12):
        ours, theirs = f"blocks.{i}", f"{PREFIX}.{i}"

        def linear(layers, name, outputs, inputs, theirs=theirs, i=i):
            weight, bias = made(f"{name}.weight", (outputs, inputs)), made(f"{name}.bias", (outputs,))
            for layer, w, b in zip(layers, np.split(weight, len(layers)), np.split(bias, len(layers))):
                node = f"/backbone/encoder/layer.{i}/{layer.replace('.', '/')}/MatMul"
                weights[matmul[node]] = w.T
                weights[f"{theirs}.{layer}.bias"] = b

        linear([f"attention.attention.{k}" for k in ("query", "key", "value")], f"{ours}.attention", 1152, 384)
        linear(["attention.output.dense"], f"{ours}.projection", 384, 384)
        linear(["mlp.fc1"], f"{ours}.expand", 1536, 384)
        linear(["mlp.fc2"], f"{ours}.contract", 384, 1536)
        for n in (1, 2):
            weights[f"{theirs}.norm{n}.weight"] = made(f"{ours}.norm{n}.weight", (384,))
            weights[f"{theirs}.norm{n}.bias"] = made(f"{ours}.norm{n}.bias", (384,))
            weights[f"{theirs}.layer_scale{n}.lambda1"] = made(f"{ours}.scale{n}", (384,))
    return weights


def features(model, pictures):
    """Class token and mean of the patches after the last norm, every tenth."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    (tokens,) = session.run([model.graph.output[-1].name], {"input_image": pictures})
    both = np.concatenate([tokens[:, 0], tokens[:, 1:].mean(1)], 1)
    return [[float(f"{x:.7g}") for x in row] for row in both[:, ::10].tolist()]


def main():
    model = onnx.load(sys.argv[1])
    last = [node for node in model.graph.node if node.name.startswith("/backbone/layernorm/")][-1]
    model.graph.output.append(helper.make_tensor_value_info(last.output[0], onnx.TensorProto.FLOAT, None))
    pictures = (4.0 * noise("picture", 2 * 3 * SIZE * SIZE)).astype(np.float32).reshape(2, 3, SIZE, SIZE)
    own = features(model, pictures / 2)

    matmul = {node.name: node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    weights = made_weights(matmul)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            value = weights.pop(tensor.name).astype(np.float32)
            assert list(value.shape) == list(tensor.dims), (tensor.name, value.shape, tensor.dims)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    assert not weights, weights.keys()

    path = HERE / "figures.json"
    figures = json.loads(path.read_text())
    figures["vit_s14"] = {"size": SIZE, "features": features(model, pictures)}
    figures["vit_s14_dinov2"] = {"size": SIZE, "features": own}
    path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
