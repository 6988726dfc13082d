"""What cameras do to pictures: blur, few pixels, colours, grain, compression."""

from __future__ import annotations

import cv2
import numpy as np


def photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Spoil a picture (H, W, 3) uint8 at random; the size stays."""
    height, width = image.shape[:2]
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.08:
        image = cv2.filter2D(image, -1, _motion(rng))
    if rng.random() < 0.25:
        share = rng.uniform(0.3, 0.8)
        small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    image = image.astype(np.float32)
    image *= (rng.normal(1, 0.07, 3) * rng.uniform(0.7, 1.25)).astype(np.float32)
    image += np.float32(rng.normal(0, 9))
    image = 255 * (np.clip(image, 0, 255) / 255) ** np.float32(rng.uniform(0.75, 1.35))
    if rng.random() < 0.08:
        image = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    strength = max(rng.uniform(-2, 7), 0)
    if strength > 0:
        image += strength * rng.standard_normal(image.shape, dtype=np.float32)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = int(rng.integers(30, 90))
        _, stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    return image


def _motion(rng: np.random.Generator) -> np.ndarray:
    """Return the kernel of a short straight movement."""
    side = int(rng.choice([3, 5, 7]))
    kernel = np.zeros((side, side), np.float32)
    along = rng.uniform(0, np.pi)
    reach = (side // 2) * np.array([np.cos(along), np.sin(along)])
    start, stop = ((side // 2 + sign * reach).round().astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, stop, 1.0)
    return kernel / kernel.sum()
