"""Poses of all people in the pictures of a data set, by the network and settings that one names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from alphapose_ros.config import Config, SuppressionConfig, leaves
from alphapose_ros.devices import pick_compute
from alphapose_ros.evaluation.box_sources import (
    Boxes,
    BoxSource,
    DetectedBoxes,
    boxes_of_file,
    file_digest,
    true_boxes,
)
from alphapose_ros.evaluation.crop_network import CropNetwork, CropQueue, build_crop_network
from alphapose_ros.evaluation.pictures import (
    PictureError,
    check_pictures,
    read_ahead,
    read_picture,
)
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.evaluation.store import PoseStore
from alphapose_ros.frame import Poses
from alphapose_ros.keypoints import pose_scores
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.suppression import pose_nms

TRUE, DETECTED = "true", "detected"  # boxes that are no file

Progress = Callable[[int, int], None]  # pictures done, pictures in all


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """How people are found.

    Raises:
        ValueError: a value is out of range.
    """

    config: Config = field(default_factory=Config)  # networks, detector, suppression, device
    boxes: str | Path = TRUE  # or DETECTED, or a file of detections in COCO's form of results
    flip: bool = False  # look at mirrored crops too
    batch_size: int | None = None  # crops in one run; None: pose.batch_size of ``config``
    decode: str | None = None  # name in pose.heatmap.DECODERS; None: the weights' own
    suppression: bool = True  # pose NMS; never for true boxes, each of which is one person
    min_box_score: float = 0.0  # boxes below it do not count; true ones have score 1

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size} is not 1 or more")
        if not 0 <= self.min_box_score <= 1:
            raise ValueError(f"min_box_score: {self.min_box_score} is not in 0 .. 1")

    @property
    def pose_nms(self) -> SuppressionConfig:
        """The pose NMS that is applied."""
        is_on = self.suppression and self.boxes != TRUE
        return self.config.suppression if is_on else SuppressionConfig(name="none")


def estimate(
    truth: Truth,
    images: Path,
    options: InferenceOptions,
    *,
    store: Path | None = None,
    resume: bool = False,
    progress: bool | Progress = False,
) -> Predictions:
    """Find the poses of the people in all pictures of a data set.

    With true boxes, one pose for everybody who has a labelled keypoint and is no crowd. With equal
    options and batch sizes a device gives equal poses to the bit, whether the run was cut off and
    resumed or not; other devices and batch sizes differ by rounding.

    Args:
        truth: the data set; its people are looked at for true boxes only.
        images: folder of its pictures.
        options: how.
        store: file in which the poses are kept as they are found, picture by picture.
        resume: go on with what ``store`` holds, if anything. Without, a file that holds something
            is an error: results are never overwritten.
        progress: True shows pictures and their rate on standard error; a function is called after
            every picture.

    Returns:
        Poses in the skeleton of the network, in the order of the pictures; the scores of people
        are those of PoseEstimator. ``truth_ids`` is filled for true boxes.

    Raises:
        ValueError: an option does not fit, or ``store`` holds results of something else.
        FileExistsError: ``store`` holds results and ``resume`` is False.
        FileNotFoundError: pictures, weights or boxes are missing; nothing was done.
        PictureError: a picture cannot be read; what was found before it is in ``store``.
        CheckpointError, GraphError: weights do not fit.
    """
    network = build_crop_network(
        options.config, batch_size=options.batch_size, decode=options.decode, flip=options.flip
    )
    source = build_source(truth, options)
    header = described(truth, options, network) | source.described()
    with PoseStore(store, header, network.skeleton, resume=resume) as kept:
        total = len(truth.pictures)
        rows = [row for row in range(total) if row not in kept.found]
        needed = [truth.pictures[row] for row in rows if source.needs_picture(row)]
        check_pictures(needed, images)

        def read(row: int) -> np.ndarray | None:
            return read_picture(truth.pictures[row], images) if source.needs_picture(row) else None

        found = find_keypoints(read_ahead(rows, read), source, network)
        with _metered(progress, total - len(rows), total) as advance, closing(found):
            for row, boxes, keypoints in found:
                kept.add(row, to_predictions(row, boxes, keypoints, network.skeleton, options))
                advance()
        return kept.predictions()


def build_source(truth: Truth, options: InferenceOptions) -> BoxSource:
    """Return the boxes that ``options`` ask for."""
    if options.boxes == TRUE:
        return true_boxes(truth)
    if options.boxes == DETECTED:
        config = options.config
        compute = pick_compute(config.device, config.runtime, config.threads)
        return DetectedBoxes(config.detector, compute, options.min_box_score)
    return boxes_of_file(Path(options.boxes), truth.pictures, options.min_box_score)


def described(truth: Truth, options: InferenceOptions, network: CropNetwork) -> dict[str, Any]:
    """Return names and values, in JSON, of all that poses in given boxes depend on.

    Not what only rounding depends on, device, runtime and batch size, nor the folder of pictures.
    """
    pictures = json.dumps([(picture.id, picture.file) for picture in truth.pictures])
    suppression = leaves(options.pose_nms)
    if options.pose_nms.name == "none":
        suppression = {"name": suppression["name"]}
    return {
        "data_set": truth.name,
        "pictures": len(truth.pictures),
        "pictures_sha256": hashlib.sha256(pictures.encode()).hexdigest(),
        "model": options.config.pose.model,
        "weights_sha256": file_digest(network.file),
        "skeleton": network.skeleton.id,
        "decode": network.decode,
        "flip": network.flip,
        **{f"suppression.{name}": value for name, (value, _) in suppression.items()},
    }


def find_keypoints(
    pictures: Iterator[tuple[int, np.ndarray | None]], source: BoxSource, network: CropNetwork
) -> Iterator[tuple[int, Boxes, np.ndarray]]:
    """Yield pictures, boxes and keypoints (N, K, 3), as soon as they are known.

    Raises:
        PictureError: a picture cannot be read; those before it have been yielded.
    """
    queue, boxes, failure = CropQueue(network), {}, None
    with closing(pictures):
        while failure is None:
            try:
                row, image = next(pictures)
            except (StopIteration, PictureError) as end:
                failure = end
            else:
                boxes[row] = source(row, image)
                queue.add(row, image, boxes[row].people)
            for done, keypoints in queue.results(is_end=failure is not None):
                yield done, boxes.pop(done), keypoints
    if isinstance(failure, PictureError):
        raise failure


def to_predictions(
    row: int, boxes: Boxes, keypoints: np.ndarray, skeleton: Skeleton, options: InferenceOptions
) -> Predictions:
    """Return the poses of picture number ``row``, rated, and thinned out by pose NMS if it is on.

    Pose NMS changes the order of the poses: it is never on where boxes have truth_ids.
    """
    people = boxes.people
    poses = Poses(
        skeleton=skeleton,
        keypoints=keypoints,
        boxes=people.boxes,
        box_scores=people.scores,
        scores=pose_scores(keypoints, people.scores),
    )
    suppression = options.pose_nms
    poses = pose_nms(poses, suppression.name, suppression.constants, config=suppression)
    return Predictions(
        skeleton=skeleton,
        rows=np.full(len(poses), row),
        keypoints=poses.keypoints,
        scores=poses.scores,
        boxes=poses.boxes,
        truth_ids=boxes.truth_ids,
    )


@contextmanager
def _metered(progress: bool | Progress, done: int, total: int) -> Iterator[Callable[[], object]]:
    """Give a function to be called after every picture."""
    if callable(progress):
        counter = iter(range(done + 1, total + 1))
        yield lambda: progress(next(counter), total)
        return
    with tqdm(total=total, initial=done, unit="picture", disable=not progress) as bar:
        yield bar.update
