"""Finding the people of a data set, in pictures or through videos; what was cut off can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from alphapose_ros import reid
from alphapose_ros.config import Config, leaves, with_values
from alphapose_ros.detection.choice import NETWORK_DETECTORS, choose
from alphapose_ros.devices import pick_compute
from alphapose_ros.evaluation import data_set
from alphapose_ros.evaluation.ablations import Variant
from alphapose_ros.evaluation.box_sources import file_digest
from alphapose_ros.evaluation.following import BOXES, NOTHING, POSES, follow
from alphapose_ros.evaluation.inference import DETECTED, TRUE, InferenceOptions, estimate
from alphapose_ros.evaluation.records import Truth
from alphapose_ros.evaluation.results import write_results
from alphapose_ros.evaluation.videos import Video, mot_videos, posetrack_videos
from alphapose_ros.pose import find_model
from alphapose_ros.skeletons import skeleton
from alphapose_ros.zoo import pick_file

VIDEOS: dict[str, Callable[..., Iterator[Video]]] = {  # data sets whose pictures are videos
    "posetrack": posetrack_videos,
    "mot": mot_videos,
}
MADE_WITH = "made_with.json"
HARMLESS = ("images", "device", "runtime", "threads")  # only rounding depends on them, if anything


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How people are found in a data set.

    In pictures, true boxes are looked into unless others are asked for; in videos the detector's.
    """

    images: Path
    config: Config = field(default_factory=Config)
    boxes: str | None = None  # true, detected, or a file of detections for pictures
    true_poses: bool = False  # of videos: only the tracker works
    flip: bool = False
    batch_size: int | None = None  # crops in one run; None: as the config says
    rate_hz: float | None = None  # of videos whose files do not say it
    decode: str | None = None  # None: as the weights are decoded
    suppression: bool = True

    def __post_init__(self) -> None:
        if self.rate_hz is not None and not 0 < self.rate_hz < float("inf"):
            raise ValueError(f"rate: {self.rate_hz} is not more than 0 frames per second")

    def as_in(self, variant: Variant) -> Finding:
        """Return the same with what a variant of an ablation changes."""
        config = with_values(self.config, variant.settings)
        return replace(self, config=config, **variant.finding)

    def described(self) -> dict[str, Any]:
        """Return all that the result depends on, in JSON."""
        options = {
            "images": str(self.images),
            "boxes": self.boxes,
            "true_poses": self.true_poses,
            "flip": self.flip,
            "decode": self.decode,
            "suppression": self.suppression,
            "rate_hz": self.rate_hz,
        }
        return options | {name: value for name, (value, _) in leaves(self.config).items()}

    def __call__(self, name: str, truth: Any, folder: Path | None, *, resume: bool = False) -> Any:
        """Return those found, in the form that the evaluator of data set ``name`` takes.

        Args:
            name: of the data set.
            truth: its labels.
            folder: where results are kept as they come; None keeps none.
            resume: go on with what lies there.

        Raises:
            ValueError, OSError: a file or a setting does not fit, or is not for this data set.
        """
        self._check(name, truth)
        if folder is not None:
            return self._find(name, truth, folder, resume)
        with TemporaryDirectory() as passing:
            return self._find(name, truth, Path(passing), resume)

    def _check(self, name: str, truth: Any) -> None:
        """Refuse what would be passed over in silence, before anything is done."""
        if name in VIDEOS:
            given = {"flip": self.flip, "batch": self.batch_size, "decode": self.decode}
            given["suppression"] = not self.suppression
            kind = "pictures"
            if self.boxes not in (None, TRUE, DETECTED):
                raise ValueError(f"boxes: {self.boxes!r} is neither true nor detected, for videos")
        else:
            given, kind = {"true_poses": self.true_poses, "rate": self.rate_hz}, "videos"
            network = skeleton(find_model(self.config.pose).skeleton)
            if not set(network.names) & set(truth.skeleton.names):
                raise ValueError(
                    f"pose.model: {self.config.pose.model!r} finds the keypoints of {network.id}, "
                    f"none of which is one of {truth.skeleton.id}"
                )
        wrong = [option for option, value in given.items() if value]
        if wrong:
            raise ValueError(f"{wrong[0]}: is for {kind}, which data set {name!r} has not")

    def _find(self, name: str, truth: Any, folder: Path, resume: bool) -> Any:
        if name in VIDEOS:
            return self._in_videos(name, truth, folder / "results", resume)
        options = InferenceOptions(
            config=self.config,
            boxes=self.boxes or TRUE,
            flip=self.flip,
            batch_size=self.batch_size,
            decode=self.decode,
            suppression=self.suppression,
        )
        store = folder / "poses.jsonl"
        found = estimate(truth, self.images, options, store=store, resume=resume, progress=True)
        write_results(folder / "results.json", found, truth)
        return found

    def _in_videos(self, name: str, truth: Any, folder: Path, resume: bool) -> Any:
        """Follow people through each video that has no file of results yet."""
        given = POSES if self.true_poses else BOXES if self.boxes == TRUE else NOTHING
        self._claim(folder, resume, {} if given == NOTHING else {"labels": labels_digest(truth)})
        for video in VIDEOS[name](truth, self.images, given, self.rate_hz):
            if not (folder / f"{video.name}{video.suffix}").exists():
                steps = tqdm(video.steps, desc=video.name, total=video.length, unit="frame")
                followed = list(follow(steps, self.config, given))
                with TemporaryDirectory(dir=folder) as unfinished:
                    video.write(Path(unfinished), followed)
                    for file in Path(unfinished).iterdir():
                        file.replace(folder / file.name)
        return data_set(name).read_results(folder, truth)

    def _claim(self, folder: Path, resume: bool, more: Mapping[str, str]) -> None:
        """Make sure that results in ``folder`` were made as these are, or that there are none."""
        folder.mkdir(parents=True, exist_ok=True)
        depends = {name: value for name, value in self.described().items() if name not in HARMLESS}
        digests = {} if self.true_poses else weights_digests(self.config)
        note, ours = folder / MADE_WITH, json.dumps({**depends, **digests, **more}, indent=1)
        if any(file != note for file in folder.iterdir()):
            if not resume:
                raise FileExistsError(f"{folder} holds results: resume, or choose another folder")
            if not note.is_file() or note.read_text(encoding="utf-8") != ours:
                raise ValueError(
                    f"{folder} holds results made otherwise, as {note} says; choose another folder"
                )
        note.write_text(ours, encoding="utf-8")


def weights_digests(config: Config) -> dict[str, str]:
    """Return the SHA-256 of the files of all networks that ``config`` names."""
    compute = pick_compute(config.device, config.runtime, config.threads)
    files = {"pose": pick_file(find_model(config.pose), config.pose.weights, compute)[1]}
    if config.detector.name in NETWORK_DETECTORS:
        files["detector"] = choose(config.detector, compute).file
    if config.tracker.name == "msim" and config.reid.name != "none":
        weights = reid.find_model(config.reid)
        files["reid"] = pick_file(weights, config.reid.weights, compute)[1]
    return {f"{name}.sha256": file_digest(file) for name, file in files.items()}


def labels_digest(truth: Any) -> str:
    """Return a SHA-256 of who is labelled where, in a data set or in its sequences."""
    parts = (truth,) if isinstance(truth, Truth) else [sequence.boxes for sequence in truth]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part.boxes).tobytes())
        if isinstance(part, Truth):
            digest.update(np.ascontiguousarray(part.keypoints).tobytes())
    return digest.hexdigest()
