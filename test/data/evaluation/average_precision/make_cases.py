"""Makes the cases beside this file: people made up at random, and what the official tools say.

    python test/data/evaluation/average_precision/make_cases.py

Needs xtcocotools, halpecocotools and crowdposetools besides this package. They are told what they
miss in newer versions of Python and NumPy; of their masks, which are compiled, nothing is used.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np

from alphapose_ros.skeletons import skeleton

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "evaluation"))
for package in ("xtcocotools", "halpecocotools", "crowdposetools"):
    masks = ("iou", "merge", "frPyObjects", "encode", "decode", "area", "toBbox")
    sys.modules[f"{package}._mask"] = SimpleNamespace(**dict.fromkeys(masks))
vars(np)["float"] = float

import crowdposetools.coco
import crowdposetools.cocoeval
import halpecocotools.coco
import halpecocotools.cocoeval
import xtcocotools.coco
import xtcocotools.cocoeval
from made_people import in_parts, made_people

halpecocotools.coco.unicode = str

SEED = 4
WHOLEBODY = skeleton("coco_wholebody_133")
PARTS = {  # xtcocotools' name of a part -> keypoints
    "body": WHOLEBODY.group("body"),
    "foot": WHOLEBODY.group("feet"),
    "face": WHOLEBODY.group("face"),
    "lefthand": WHOLEBODY.group("left_hand"),
    "righthand": WHOLEBODY.group("right_hand"),
    "wholebody": slice(None),
}


def by_xtcocotools(truth, results):
    """Ten figures of every part."""
    figures = {}
    for part, rows in PARTS.items():
        labels = xtcocotools.coco.COCO(truth)
        kind = "keypoints" if part == "body" else f"keypoints_{part}"
        sigmas = np.array(WHOLEBODY.sigmas)[rows]
        found = labels.loadRes(results)
        evaluation = xtcocotools.cocoeval.COCOeval(labels, found, kind, sigmas)
        run(evaluation)
        figures[part] = evaluation.stats.tolist()
    return figures


def by_halpecocotools(truth, results):
    """Ten figures of every part."""
    labels = halpecocotools.coco.COCO(truth)
    evaluation = halpecocotools.cocoeval.COCOeval(labels, labels.loadRes(results), "keypoints")
    run(evaluation)
    return {part: stats.tolist() for one in evaluation.stats for part, stats in one.items()}


def by_crowdposetools(truth, results):
    """AP, AP50, AP75, AR, AR50, AR75, and AP of easy, medium and hard, rounded to four digits."""
    labels = crowdposetools.coco.COCO(truth)
    evaluation = crowdposetools.cocoeval.COCOeval(labels, labels.loadRes(results), "keypoints")
    run(evaluation)
    figures = evaluation.stats.tolist()
    return {"all": figures[:3] + figures[5:8], "levels": figures[8:]}


def run(evaluation):
    """Run an official tool."""
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()


def make(name, skeleton_id, pictures, tool):
    """Write a case."""
    labels, results = made_people(skeleton(skeleton_id), SEED, pictures)
    if name == "wholebody":
        in_parts(WHOLEBODY, labels["annotations"])
        in_parts(WHOLEBODY, results)
    if name == "crowdpose":  # counts arms and legs only, has no areas
        for person in labels["annotations"]:
            person["num_keypoints"] = int(np.count_nonzero(person["keypoints"][2:36:3]))
            del person["area"]
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        paths = [str(Path(folder) / file) for file in ("labels.json", "results.json")]
        for path, content in zip(paths, (labels, results), strict=True):
            Path(path).write_text(json.dumps(content), encoding="utf-8")
        expected = tool(*paths)
    command = "python test/data/evaluation/average_precision/make_cases.py"
    content = {"made_by": f"{command} ({tool.__name__})", "expected": expected}
    content |= {"labels": labels, "results": results}
    text = json.dumps(content, separators=(",", ":")).replace(".0,", ",")
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    make("wholebody", "coco_wholebody_133", 6, by_xtcocotools)
    make("halpe", "halpe_136", 6, by_halpecocotools)
    make("crowdpose", "crowdpose_14", 16, by_crowdposetools)
