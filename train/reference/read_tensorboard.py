#!/usr/bin/env python3
"""Reads a run's event files with the real TensorBoard and says what it finds.

    pip install tensorboard
    python train/reference/read_tensorboard.py RUN/tensorboard
"""

import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"images": 0, "scalars": 0})
events.Reload()
for tag in events.Tags()["scalars"]:
    scalars = events.Scalars(tag)
    print(f"{tag}: {len(scalars)} values, the last {scalars[-1].value:.6g} at step {scalars[-1].step}")
for tag in events.Tags()["images"]:
    images = events.Images(tag)
    print(f"{tag}: {len(images)} pictures, the last {images[-1].width}x{images[-1].height}")
