"""A clip with three people who are nobody, whose boxes come from a file: the quickest real run."""

from __future__ import annotations

import json

import cv2
import numpy as np


def make_clip(folder, frames=30, size=(320, 240)):
    """Write clip.avi and boxes.json; return the arguments of `alphapose run` but for --out."""
    folder.mkdir(parents=True, exist_ok=True)
    path, boxes = folder / "clip.avi", folder / "boxes.json"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, size)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (size[1], size[0] + 4 * frames, 3), np.uint8)
    for index in range(frames):
        writer.write(np.ascontiguousarray(noise[:, 4 * index : 4 * index + size[0]]))
    writer.release()
    entries = [
        {"image_id": index, "bbox": [x, 40, 50, 150], "score": score}
        for index in range(frames)
        for x, score in ((10 + 4 * index, 0.9), (200 - 4 * index, 0.8), (150, 0.7))
        if (index + x) % 7  # somebody is missed now and then
    ]
    boxes.write_text(json.dumps(entries))
    values = {
        "detector.name": "file",
        "detector.boxes_file": boxes,
        "suppression.min_score": 0,
        "threads": 1,
    }
    settings = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return [str(path), *settings]


def decoded(path):
    """The frames of a video, as it shows them."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1].tobytes())
    return frames
