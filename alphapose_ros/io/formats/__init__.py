"""Formats of result files by name, and reading any of them.

A new format is a file here and an entry of FORMATS.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

from alphapose_ros.io.formats.entries import load_json
from alphapose_ros.io.formats.layouts import (
    keeping,
    keeps_all,
    keeps_cmu,
    keeps_halpe,
    keeps_none,
    keeps_openpose,
    keeps_posetrack,
)
from alphapose_ros.io.formats.losses import EVERYTHING
from alphapose_ros.io.formats.people import tracks_from_one
from alphapose_ros.io.formats.recognition import BAG, recognised
from alphapose_ros.io.formats.results import USUAL_RATE_HZ, Format, Given, Results
from alphapose_ros.skeletons import Skeleton

_HERE = "alphapose_ros.io.formats"
_BAG_READER = "alphapose_ros.io.bag_results:read_bag_results"
BAG_BOX_ERROR_PX = 5e-4  # a bag has float32 of width and height: 1.2e-4 at 1920, 2.4e-4 at 3840
_LIST = frozenset({"boxes", "scores", "tracks"})
_TABLE = EVERYTHING - {"3d keypoints", "embeddings"}

FORMATS = {
    one.name: one
    for one in (
        Format(
            name="alphapose",
            meaning="AlphaPose's own: a list of people with image_id, score to 3.25, box, idx",
            suffix=".json",
            reader=f"{_HERE}.alphapose:read_alphapose",
            builder=f"{_HERE}.alphapose:AlphaPoseWriter",
            holds=_LIST | {"names"},
            keeps=keeps_all,
        ),
        Format(
            name="cmu",
            meaning="AlphaPose's --format cmu: bodies by image, 18 keypoints",
            suffix=".json",
            reader=f"{_HERE}.openpose:read_cmu",
            builder=f"{_HERE}.openpose:CmuWriter",
            holds=frozenset({"names", "empty frames", "tracks"}),
            keeps=keeps_cmu,
        ),
        Format(
            name="openpose",
            meaning="AlphaPose's --format openpose: people by image, 18 or 25, face, hands",
            suffix=".json",
            reader=f"{_HERE}.openpose:read_openpose",
            builder=f"{_HERE}.openpose:OpenPoseWriter",
            holds=frozenset({"names", "empty frames", "tracks"}),
            keeps=keeps_openpose,
        ),
        Format(
            name="coco",
            meaning="COCO keypoints results: a list, 17 keypoints",
            suffix=".json",
            reader=f"{_HERE}.coco:read_coco",
            builder=f"{_HERE}.coco:CocoWriter",
            holds=_LIST,
            keeps=keeping("coco_17"),
        ),
        Format(
            name="coco_dataset",
            meaning="COCO's form of data sets: images and annotations, any keypoints",
            suffix=".json",
            reader=f"{_HERE}.coco_dataset:read_coco_dataset",
            builder=f"{_HERE}.coco_dataset:CocoDatasetWriter",
            holds=_LIST | {"names", "empty frames", "stamps", "sizes"},
            keeps=keeps_all,
        ),
        Format(
            name="wholebody",
            meaning="COCO-WholeBody results: a list, feet, face and hands in fields of their own",
            suffix=".json",
            reader=f"{_HERE}.coco:read_coco",
            builder=f"{_HERE}.coco:WholeBodyWriter",
            holds=_LIST,
            keeps=keeping("coco_wholebody_133"),
        ),
        Format(
            name="halpe",
            meaning="Halpe results: a list, 26, 68 or 136 keypoints",
            suffix=".json",
            reader=f"{_HERE}.coco:read_coco",
            builder=f"{_HERE}.coco:HalpeWriter",
            holds=_LIST,
            keeps=keeps_halpe,
        ),
        Format(
            name="posetrack",
            meaning="PoseTrack18: images and people of one video, 15 keypoints",
            suffix=".json",
            reader=f"{_HERE}.posetrack:read_posetrack",
            builder=f"{_HERE}.posetrack:PoseTrackWriter",
            holds=_LIST | {"names", "empty frames", "sizes"},
            keeps=keeps_posetrack,
        ),
        Format(
            name="mot",
            meaning="MOTChallenge: boxes and tracks, no keypoints",
            suffix=".txt",
            reader=f"{_HERE}.mot:read_mot_results",
            builder=f"{_HERE}.mot:MotWriter",
            holds=_LIST,
            keeps=keeps_none,
        ),
        Format(
            name="csv",
            meaning="table as text: one row per person and frame",
            suffix=".csv",
            reader=f"{_HERE}.csv_table:read_csv",
            builder=f"{_HERE}.csv_table:CsvWriter",
            holds=_TABLE,
            keeps=keeps_all,
        ),
        Format(
            name="parquet",
            meaning="table in columns: one row per person and frame",
            suffix=".parquet",
            reader=f"{_HERE}.parquet_table:read_parquet",
            builder=f"{_HERE}.parquet_table:ParquetWriter",
            holds=_TABLE,
            keeps=keeps_all,
            needs="pyarrow",
        ),
    )
}


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in FORMATS:
        raise ValueError(f"format {name!r} is none of {', '.join(FORMATS)}")
    return FORMATS[name]


def read_results(
    path: str | Path,
    format: str | None = None,  # noqa: A002
    *,
    skeleton: Skeleton | None = None,
    rate_hz: float = USUAL_RATE_HZ,
) -> Results:
    """Read the people of a result file, of a bag or of what `alphapose run` left in a folder.

    Of several files in the folder of a run that is read which tells most: `recognition.RUN`.

    Args:
        path: file or folder.
        format: name of its format; by default recognised by what is in it.
        skeleton: of its keypoints; by default told by the file.
        rate_hz: of the frames, where the file tells no times.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it is no result file, or damaged; file, entry and remedy are named.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not rate_hz > 0:
        raise ValueError(f"rate_hz must be above 0, is {rate_hz:g}")
    given = Given(path, skeleton, rate_hz, load_json)
    name = format
    if name is None:
        given, name = recognised(given)
    if name == BAG:
        results = read_bag(given.path)
    else:
        results = tracks_from_one(format_named(name).read(given))
    return results if given.path == path else replace(results, read_from=given.path)


def read_bag(path: str | Path, topic: str = "") -> Results:
    """Read the people of a bag.

    Args:
        path: bag folder, or a single file of one.
        topic: of the tracks; "": the only one of its type.

    Raises:
        BagError: the bag cannot be read, or there is not one topic to be read.
        ValueError: the skeleton is unknown, or changes.
    """
    return replace(resolve_name(_BAG_READER)(path, topic), box_error_px=BAG_BOX_ERROR_PX)
