"""How long average precision by OKS takes, beside pycocotools on the same made data.

    python benchmarks/average_precision.py [--pictures N] [--people N] [--json FILE]

As many pictures and people as COCO's val2017 has, made up at random: people of all sizes, some
with hidden keypoints, some crowds; poses that are jittered copies of them, twice for some, none
for others, and poses of nobody. Seconds are those of the processor, from people and poses in
memory to ten figures; pycocotools is given its index ready made. Ours include the tables of sizes
and keypoints and who found whom, of which pycocotools has none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from alphapose_ros.boxes import to_xywh
from alphapose_ros.evaluation.protocols import evaluate_coco
from alphapose_ros.evaluation.records import Picture, Predictions, Truth
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
SHOWN = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR")
CROWDS = 0.02  # of the people
NOBODY = 0.15  # of the poses
MISSED = 0.1  # of the people


def made_truth(pictures: int, people: int, rng: np.random.Generator) -> Truth:
    """Return people of 20 to 400 px, with most keypoints labelled, some with none."""
    corners = rng.uniform(0, [540, 380], (people, 2))
    sizes = np.exp(rng.uniform(np.log(20), np.log(400), (people, 1))) * [0.5, 1]
    is_crowd = rng.random(people) < CROWDS
    places = corners[:, None] + rng.random((people, len(BODY.names), 2)) * sizes[:, None]
    labelled = rng.random((people, len(BODY.names), 1)) < rng.uniform(0, 1.2, (people, 1, 1))
    labelled &= ~is_crowd[:, None, None]
    visibility = rng.integers(1, 3, labelled.shape)
    return Truth(
        name="coco",
        skeleton=BODY,
        pictures=tuple(Picture(id=number, file="") for number in range(pictures)),
        rows=np.sort(rng.integers(0, pictures, people)),
        keypoints=np.concatenate((places, visibility), axis=2) * labelled,
        boxes=np.concatenate((corners, corners + sizes), axis=1),
        areas=0.6 * sizes.prod(axis=1),
        ids=np.arange(people) + 1,
        is_crowd=is_crowd,
    )


def made_poses(truth: Truth, rng: np.random.Generator) -> Predictions:
    """Return about two poses per person, the better the surer, and some of nobody."""
    times = rng.choice([0, 1, 2, 3], len(truth), p=[MISSED, 0.35, 0.2, 0.35])
    source = np.repeat(np.arange(len(truth)), times)
    boxes = truth.boxes[source, None]
    anywhere = boxes[..., :2] + rng.random((len(source), len(BODY.names), 2)) * (
        boxes[..., 2:] - boxes[..., :2]
    )
    known = truth.keypoints[source, :, 2:] > 0
    places = np.where(known, truth.keypoints[source, :, :2], anywhere)
    spread = np.exp(rng.uniform(np.log(0.005), np.log(0.3), len(source)))
    spread_px = spread * np.sqrt(truth.areas[source])
    places += rng.normal(size=places.shape) * spread_px[:, None, None]
    is_nobody = rng.random(len(source)) < NOBODY
    places[is_nobody] += 300
    scores = 0.9 - 2 * spread - 0.4 * is_nobody + rng.normal(0, 0.15, len(source))
    sure = np.ones((*places.shape[:2], 1))
    return Predictions(
        skeleton=BODY,
        rows=truth.rows[source],
        keypoints=np.concatenate((places, sure), axis=2),
        scores=np.clip(scores, 0, 1),
    )


def pycocotools_of(truth: Truth, found: Predictions) -> COCOeval:
    """Hand the same people and poses to pycocotools."""
    labels = [
        {
            "id": int(truth.ids[row]),
            "image_id": int(truth.rows[row]),
            "category_id": 1,
            "iscrowd": int(truth.is_crowd[row]),
            "area": float(truth.areas[row]),
            "bbox": to_xywh(truth.boxes[row]).tolist(),
            "num_keypoints": int(truth.is_labelled[row].sum()),
            "keypoints": truth.keypoints[row].ravel().tolist(),
        }
        for row in range(len(truth))
    ]
    results = [
        {
            "image_id": int(found.rows[row]),
            "category_id": 1,
            "score": float(found.scores[row]),
            "keypoints": found.keypoints[row].ravel().tolist(),
        }
        for row in range(len(found))
    ]
    data = COCO()
    data.dataset = {
        "images": [{"id": picture.id} for picture in truth.pictures],
        "categories": [{"id": 1}],
        "annotations": labels,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        return COCOeval(data, data.loadRes(results), "keypoints")


def ours(truth: Truth, found: Predictions) -> tuple[float, dict[str, float]]:
    """Return seconds and figures."""
    start_s = time.process_time()
    figures = evaluate_coco(truth, found).values()
    return time.process_time() - start_s, figures


def theirs(truth: Truth, found: Predictions) -> tuple[float, dict[str, float]]:
    """Return seconds and figures of pycocotools."""
    names = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR75", "AR_M", "AR_L")
    evaluation = pycocotools_of(truth, found)
    start_s = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    spent_s = time.process_time() - start_s
    return spent_s, dict(zip(names, map(float, evaluation.stats), strict=True))


def measured(pictures: int, people: int, seed: int) -> dict[str, Any]:
    """Run both on the same data."""
    rng = np.random.default_rng(seed)
    truth = made_truth(pictures, people, rng)
    found = made_poses(truth, rng)
    runs = {"ours": ours(truth, found), "pycocotools": theirs(truth, found)}
    return {
        "pictures": pictures,
        "people": len(truth),
        "poses": len(found),
        **{name: {"seconds": spent_s, **figures} for name, (spent_s, figures) in runs.items()},
    }


def table(result: dict[str, Any]) -> str:
    """Return a row for each evaluator and one for what lies between them."""
    lines = [f"| evaluator | CPU seconds | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 2) + "|"]
    for name in ("ours", "pycocotools"):
        cells = " | ".join(f"{result[name][figure]:.6f}" for figure in SHOWN)
        lines.append(f"| {name} | {result[name]['seconds']:.2f} | {cells} |")
    cells = [f"{abs(result['ours'][name] - result['pycocotools'][name]):.0e}" for name in SHOWN]
    times = result["pycocotools"]["seconds"] / result["ours"]["seconds"]
    return "\n".join([*lines, f"| difference | {times:.1f} times | {' | '.join(cells)} |"])


def main(arguments: list[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--people", type=int, default=11000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    result = measured(options.pictures, options.people, options.seed)
    print("{pictures} pictures, {people} people, {poses} poses\n".format(**result))
    print(table(result))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
