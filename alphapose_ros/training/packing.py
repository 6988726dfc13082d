"""How packs are made from annotated pictures: once, so that no training decodes a picture."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from alphapose_ros.boxes import from_xywh, grow_to_aspect
from alphapose_ros.detection.letterbox import letterbox
from alphapose_ros.training.annotated import AnnotatedPictures, read_annotated
from alphapose_ros.training.datasets import CropPack, PicturePack, open_crops, open_pictures

CROP_SIZE = (256, 192)  # height, width of stored crops [px]
CROP_SCALE = 1.75  # of the box: the network's 1.25, and 1.4 for augmentation to move in
PICTURE_SIZE = 416  # side of stored pictures [px]
THREADS = 2  # that read and scale pictures


def pack_crops(
    source: str | Path,
    out: str | Path,
    *,
    size: tuple[int, int] = CROP_SIZE,
    scale: float = CROP_SCALE,
) -> CropPack:
    """Cut the people out of annotated pictures.

    People marked as crowds and people without any labelled keypoint are left out.

    Args:
        source: folder with ``images/`` and ``annotations.json``.
        out: folder to make; it appears when it is complete.
        size: height and width of the crops [px].
        scale: of the crop against the box, which is first grown to the crop's aspect.

    Raises:
        FileExistsError: ``out`` is there already.
        FileNotFoundError: there are no annotations, or a picture is missing.
        ValueError: the annotations lack something, or hold nobody.
    """
    annotated = read_annotated(source)
    labels = _keypoint_labels(annotated)
    extents = annotated.boxes[:, 2:].min(axis=1, initial=np.inf)
    usable = np.flatnonzero(
        labels["is_visible"].any(axis=1) & ~annotated.is_ignored & (extents > 0)
    )
    if not len(usable):
        raise ValueError(f"{source}: nobody with a box and a labelled keypoint")
    labels = {name: column[usable] for name, column in labels.items()}
    pictures = annotated.rows[usable]
    regions = grow_to_aspect(from_xywh(annotated.boxes[usable]), size[1] / size[0], scale)
    steps = (regions[:, 2] - regions[:, 0]) / size[1]
    shifted = (labels["keypoints"] - regions[:, None, :2]) / steps[:, None, None]
    labels["keypoints"] = np.where(labels["is_visible"][..., None], shifted, 0).astype(np.float32)
    labels["groups"] = annotated.groups[pictures]
    with _whole_folder(Path(out)) as folder:
        shape = (len(usable), *size, 3)
        crops = np.lib.format.open_memmap(folder / "crops.npy", "w+", np.uint8, shape)

        def cut(rows: slice) -> None:
            image = annotated.read(pictures[rows][0])
            for row in range(rows.start, rows.stop):
                crops[row] = cut_crop(image, regions[row], size)

        _for_each(cut, _runs(pictures))
        crops.flush()
        about = {"kind": "crops", "skeleton": annotated.skeleton.id, "scale": scale}
        _write_labels(folder, labels, about, source, len(usable))
    return open_crops(out)


def pack_pictures(source: str | Path, out: str | Path, *, size: int = PICTURE_SIZE) -> PicturePack:
    """Scale annotated pictures into squares; pictures without people are kept.

    Args:
        source: folder with ``images/`` and ``annotations.json``.
        out: folder to make; it appears when it is complete.
        size: side of the squares [px].

    Raises:
        FileExistsError: ``out`` is there already.
        FileNotFoundError: there are no annotations, or a picture is missing.
        ValueError: there is no picture.
    """
    annotated = read_annotated(source)
    count = len(annotated.pictures)
    factors, sizes = np.empty((count, 2), np.float32), np.empty((count, 2), np.int64)
    with _whole_folder(Path(out)) as folder:
        shape = (count, size, size, 3)
        pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, shape)

        def fit(row: int) -> None:
            image = annotated.read(row)
            pictures[row], sizes[row] = letterbox(image, size)
            factors[row] = sizes[row, ::-1] / image.shape[1::-1]  # x y: sizes are whole pixels

        _for_each(fit, range(count))
        pictures.flush()
        labels = {
            "boxes": from_xywh(annotated.boxes) * np.tile(factors[annotated.rows], 2),
            "pictures": annotated.rows,
            "is_ignored": annotated.is_ignored,
            "groups": annotated.groups,
            "sizes": sizes,
        }
        _write_labels(folder, labels, {"kind": "pictures"}, source, count)
    return open_pictures(out)


def find_pack(folder: Path, pack: Callable[[Path, Path], Any]) -> Path:
    """Return a pack's folder: ``folder`` itself, or the one made from it, once, beside it.

    Args:
        folder: a pack, or annotated pictures.
        pack: pack_crops or pack_pictures.

    Raises:
        FileNotFoundError: the folder is neither.
    """
    if (folder / "pack.json").is_file():
        return folder
    annotations = folder / "annotations.json"
    if not annotations.is_file():
        raise FileNotFoundError(
            f"{folder} is neither a pack (pack.json) nor annotated pictures (annotations.json)"
        )
    version = zlib.crc32(annotations.read_bytes())
    cache = folder.with_name(f"{folder.name}.{pack.__name__}-{version:08x}")
    if not cache.is_dir():
        pack(folder, cache)
    return cache


def cut_crop(image: np.ndarray, region: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut a region out of an image, black outside of it.

    Unlike `pose.crop.crop_people`, which must be quick, it averages over the pixels that fall
    together when a region shrinks.

    Args:
        image: (H, W, 3) BGR uint8.
        region: (4,) x1 y1 x2 y2 [px], of the aspect of ``size``.
        size: height and width of the crop [px].

    Returns:
        (height, width, 3) uint8 BGR; its pixel x shows x1 + x * (x2 - x1) / width of the image.
    """
    height, width = size
    step = (region[2] - region[0]) / width
    low = np.clip(np.floor(region[:2] - 2 * step), 0, None).astype(int)
    high = np.clip(np.ceil(region[2:] + 2 * step), 0, image.shape[1::-1]).astype(int)
    if (high <= low).any():
        return np.zeros((height, width, 3), np.uint8)
    part, shrink = image[low[1] : high[1], low[0] : high[0]], np.ones(2)
    if step > 1:
        small = np.maximum(1, np.round((high - low) / step)).astype(int)
        shrink = (high - low) / small
        part = cv2.resize(part, small.tolist(), interpolation=cv2.INTER_AREA)
    # Pixel p of the part shows low + (p + 0.5) * shrink - 0.5 of the image.
    offset = (region[:2] - low + 0.5) / shrink - 0.5
    to_part = np.column_stack((np.diag(step / shrink), offset))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(part, to_part, (width, height), flags=flags)


def _keypoint_labels(annotated: AnnotatedPictures) -> dict[str, np.ndarray]:
    """Return the columns of all M people, keypoints in pixels of the pictures."""
    count = len(annotated.skeleton.names)
    table = np.zeros((len(annotated.people), count, 3), np.float32)  # x y visibility
    weights, absent = np.ones(table.shape[:2], np.float32), np.zeros(table.shape[:2], np.float32)
    for row, person in enumerate(annotated.people):
        lists = {
            "keypoints": table[row].reshape(-1),
            "weights": weights[row],
            "absent": absent[row],
        }
        for name, place in lists.items():
            values = person.get(name) or place
            if len(values) != len(place):
                raise ValueError(
                    f"{annotated.folder}/annotations.json: {name} of annotation "
                    f"{person.get('id')} has {len(values)} values, {annotated.skeleton.id} "
                    f"needs {len(place)}"
                )
            place[:] = values
    is_visible = table[..., 2].astype(np.uint8)
    return {
        "keypoints": table[..., :2],
        "weights": weights * (is_visible > 0),
        "absent": absent,
        "is_visible": is_visible,
    }


def _runs(keys: np.ndarray) -> list[slice]:
    """Return where equal neighbours begin and end."""
    bounds = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
    return [slice(*pair) for pair in pairwise(bounds)]


def _for_each(work: Callable[[Any], None], items: Any) -> None:
    with ThreadPoolExecutor(THREADS) as pool:  # OpenCV works outside of the interpreter's lock
        for _ in pool.map(work, items):
            pass  # raises what went wrong


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which gets its name only when all went well."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists; remove it or choose another folder for the pack")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    part.rename(folder)


def _write_labels(
    folder: Path,
    labels: dict[str, np.ndarray],
    about: dict[str, Any],
    source: str | Path,
    count: int,
) -> None:
    np.savez_compressed(folder / "labels.npz", **labels)
    whole = {**about, "source": Path(source).name, "count": count}
    (folder / "pack.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
