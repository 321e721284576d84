#!/usr/bin/env python3
"""Training steps of EfficientNet-Lite0 in PyTorch, as `orientd-train bench` makes them.

    python pytorch.py --input 224 --precision bfloat16 --pictures 32 --steps 10
"""

import argparse
import contextlib
import json
import time

import torch
from efficientnet_lite_pytorch import EfficientNet

WARM_UP = 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", type=int, default=224)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = EfficientNet.from_name("efficientnet-lite0", num_classes=4, image_size=args.input)
    model = model.train().to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    images = torch.randn(args.pictures, 3, args.input, args.input)
    images = images.to(memory_format=torch.channels_last)
    classes = torch.randint(0, 4, (args.pictures,))
    for step in range(WARM_UP + args.steps):
        if step == WARM_UP:
            begun = time.perf_counter()
        half = args.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
            logits = model(images)
        loss = torch.nn.functional.cross_entropy(logits.float(), classes)
        adam.zero_grad()
        loss.backward()
        adam.step()
    seconds = time.perf_counter() - begun
    row = {
        "program": "pytorch " + torch.__version__,
        "backbone": "efficientnet_lite0",
        "input": args.input,
        "precision": args.precision,
        "threads": torch.get_num_threads(),
        "images_per_second": round(args.steps * args.pictures / seconds, 2),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
