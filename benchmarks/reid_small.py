r"""How well the embedded re-ID network tells real people apart, beside what is simpler.

    python benchmarks/reid_small.py VIDEOS [--weights FILE] [--teacher FILE] [--cuhk FOLDER] \
        [--rendered FOLDER] [--strangers FOLDER] [--max-distance NUMBER]

VIDEOS holds intel/one_by_one_part1.* (three people, one after the other, at an entrance) and
pets09_s2l1_part1/ (people who walk about, true boxes for 69 frames), both with poses of another
network. Pairs of the same person within GAP_S seconds are left out: neighbouring frames are easy.

--cuhk adds pictures of CUHK03, named IDENTITY_NUMBER.jpg, seen by two cameras, with poses of our
own network; they are for research only, and no network of ours is trained on them.

--rendered adds rendered people by identity (annotations.json with track_id) on whom nothing was
trained. --strangers adds a training set of real people; of those held out of it, it prints the
cosine distance up to which one in a hundred pairs of different groups lies: with a set that shows
everybody once, that is what `max_distance` of the weights is taken from.

Yardsticks: the same network with random weights, without heatmaps, and with the heatmaps of others
in the set; histograms of colours above and below the middle of the box; and, with --teacher, an
ONNX graph of another network.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from alphapose_ros.boxes import from_xywh, iou
from alphapose_ros.checkpoints import load_checkpoint
from alphapose_ros.config import PoseConfig
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections, Poses
from alphapose_ros.matching import match
from alphapose_ros.pose import build_estimator
from alphapose_ros.reid import build_reid_network
from alphapose_ros.reid.crop import crop_pictures, crop_regions, resized
from alphapose_ros.reid.heatmaps import body_heatmaps, body_keypoints
from alphapose_ros.reid.torch_backend import normalised
from alphapose_ros.runtimes import Graph
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.packing import find_pack
from alphapose_ros.training.reid_data import open_people, pack_people
from alphapose_ros.training.reid_figures import area_under_curve, equal_error, reid_figures
from alphapose_ros.training.reid_task import embed

GAP_S = 2.0
COCO = skeleton("coco_17")
SIZE, MAP_SIZE = (128, 64), (32, 16)
WEIGHTS = Path(__file__).parents[1] / "alphapose_ros/models/weights/reid_small.safetensors"
MIN_IOU = 0.5
SHARES = (0.001, 0.01, 0.1)  # of pairs of strangers


@dataclass
class People:
    """M pictures of people whose identity is known."""

    pictures: np.ndarray  # (M, 128, 64, 3) uint8 RGB
    large: np.ndarray  # (M, 256, 128, 3) uint8 BGR, the teacher's
    heatmaps: np.ndarray  # (M, 12, 32, 16)
    identities: np.ndarray  # (M,)
    stamps_s: np.ndarray  # (M,); far apart where unknown


def looked_at(
    sightings: Iterator[tuple[np.ndarray, np.ndarray, Poses, list[int], float]],
) -> People:
    """Cut people out of images.

    Args:
        sightings: image, boxes (N, 4), poses of N people, identities, stamp [s].
    """
    pictures, large, heatmaps, identities, stamps = [], [], [], [], []
    for image, boxes, poses, who, stamp in sightings:
        regions = crop_regions(boxes, image.shape[:2])
        pictures.append(crop_pictures(image, regions, SIZE))
        large += [resized(image[y1:y2, x1:x2], (256, 128)) for x1, y1, x2, y2 in regions]
        heatmaps.append(body_heatmaps(body_keypoints(poses), regions, MAP_SIZE))
        identities += who
        stamps += [stamp] * len(who)
    return People(
        np.concatenate(pictures),
        np.array(large),
        np.concatenate(heatmaps),
        np.array(identities),
        np.array(stamps),
    )


def poses_of(keypoints: np.ndarray, boxes: np.ndarray) -> Poses:
    """Return a record of COCO poses (N, 17, 3); NaN where nothing is known."""
    ones = np.ones(len(boxes))
    return Poses(skeleton=COCO, keypoints=keypoints, boxes=boxes, box_scores=ones, scores=ones)


def other_poses(path: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return {frame from 0: boxes (N, 4), keypoints (N, 17, 3)} of another network."""
    found: dict[int, list[dict]] = {}
    for entry in json.loads(path.read_text("utf-8")):
        found.setdefault(int(Path(str(entry["image_id"])).stem), []).append(entry)
    return {
        number: (
            from_xywh(np.array([e["box"] for e in entries])),
            np.array([e["keypoints"] for e in entries]).reshape(-1, 17, 3),
        )
        for number, entries in found.items()
    }


def frames(path: Path, wanted: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield number, from 0, and image of the frames that are wanted."""
    video = cv2.VideoCapture(str(path))
    for number in range(max(wanted) + 1):
        there, image = video.read()
        if not there:
            raise FileNotFoundError(f"{path} ends before frame {number}")
        if number in wanted:
            yield number, image


def one_by_one(folder: Path, step: int = 6) -> Iterator[tuple]:
    """Yield sightings of the three people, each person's tallest box in every so many frames."""
    spans = json.loads((folder / "one_by_one_part1.persons.json").read_text("utf-8"))
    person = {
        number: span["person"]
        for span in spans
        for number in range(span["first_frame"], span["last_frame"] + 1, step)
    }
    poses = other_poses(folder / "one_by_one_part1.pose_ultralight_simplepose.json")
    for number, image in frames(folder / "one_by_one_part1.mp4", set(person)):
        if number not in poses:
            continue
        boxes, keypoints = poses[number]
        tall = np.argmax(boxes[:, 3] - boxes[:, 1])
        if boxes[tall, 3] - boxes[tall, 1] >= 80:
            row = slice(tall, tall + 1)
            yield (
                image,
                boxes[row],
                poses_of(keypoints[row], boxes[row]),
                [person[number]],
                number / 10,
            )


def pets(folder: Path, step: int = 4) -> Iterator[tuple]:
    """Yield sightings of everybody in every so many frames; poses where one fits the true box."""
    rows = np.loadtxt(folder / "gt_480x360.txt", delimiter=",")
    poses = other_poses(folder / "video.pose_ultralight_simplepose.json")
    wanted = {int(n) - 1 for n in np.unique(rows[:, 0])}
    for number, image in frames(folder / "video.mp4", set(sorted(wanted)[::step])):
        here = rows[rows[:, 0] == number + 1]
        boxes = from_xywh(here[:, 2:6])
        keypoints = np.full((len(boxes), 17, 3), (np.nan, np.nan, 0.0))
        if number in poses:
            found = match(1 - iou(boxes, poses[number][0]), 1 - MIN_IOU)
            keypoints[found.pairs[:, 0]] = poses[number][1][found.pairs[:, 1]]
        yield image, boxes, poses_of(keypoints, boxes), here[:, 1].astype(int).tolist(), number / 10


def cuhk(folder: Path) -> Iterator[tuple]:
    """Yield all pictures of a folder of CUHK03, with poses of our own network.

    Of each person the first five numbers are of one camera, the others of another; pairs of one
    camera are left out.
    """
    estimate = build_estimator(PoseConfig(), Compute(device="cpu", threads=1))
    for path in sorted(folder.glob("*_*.*")):
        person, number = map(int, path.stem.split("_"))
        image = cv2.imread(str(path))
        height, width = image.shape[:2]
        box = np.array([[0.0, 0.0, width, height]])
        poses = estimate(image, Detections(boxes=box, scores=np.ones(1)))
        yield image, box, poses, [person], 1e3 * (number >= 5)


@torch.inference_mode()
def embedded(network: torch.nn.Module, pictures: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Return embeddings (M, 128)."""
    parts = zip(
        torch.from_numpy(pictures).split(64), torch.from_numpy(heatmaps).split(64), strict=True
    )
    return torch.cat([network(normalised(p), h) for p, h in parts]).numpy()


def histograms(people: People, bins: int = 8) -> np.ndarray:
    """Return the roots of colour histograms of both halves of each picture, of unit length.

    Their cosine is the Bhattacharyya coefficient; a fifth is left out on either side.
    """
    found = []
    for picture in people.pictures:
        middle = cv2.cvtColor(picture[:, 12:52], cv2.COLOR_RGB2HSV)
        halves = [
            cv2.calcHist([half], [0, 1, 2], None, [bins] * 3, [0, 180, 0, 256, 0, 256]).ravel()
            for half in (middle[:64], middle[64:])
        ]
        found.append(np.sqrt(np.concatenate(halves)))
    return unit(np.array(found))


def taught(people: People, path: Path) -> np.ndarray:
    """Return the embeddings of another network."""
    graph = Graph(path, ("inputs:0",), ("Identity:0",))
    views = people.large.astype(np.float32)
    return unit(np.concatenate([graph(**{"inputs:0": view[None]})[0] for view in views]))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (N, D) to length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pair_distances(embeddings: np.ndarray, people: People) -> tuple[np.ndarray, np.ndarray]:
    """Return cosine distances of pairs of the same, GAP_S apart at least, and of strangers."""
    one, other = np.triu_indices(len(embeddings), 1)
    distances = 1 - (embeddings @ embeddings.T)[one, other]
    is_same = people.identities[one] == people.identities[other]
    is_apart = abs(people.stamps_s[one] - people.stamps_s[other]) >= GAP_S
    return distances[is_same & is_apart], distances[~is_same]


def contestants(options: argparse.Namespace) -> dict[str, Callable[[People], np.ndarray]]:
    """Return what makes embeddings, by name."""
    torch.manual_seed(0)
    network = load_checkpoint(build_reid_network("reid_small"), options.weights)
    random = build_reid_network("reid_small")
    found = {
        "reid_small": lambda p: embedded(network, p.pictures, p.heatmaps),
        "without heatmaps": lambda p: embedded(network, p.pictures, 0 * p.heatmaps),
        "heatmaps of others": lambda p: embedded(
            network, p.pictures, np.roll(p.heatmaps, 7, axis=0)
        ),
        "random weights": lambda p: embedded(random, p.pictures, p.heatmaps),
        "colour histograms": histograms,
    }
    if options.teacher:
        found["teacher"] = lambda p: taught(p, options.teacher)
    return found


def rendered(options: argparse.Namespace) -> str:
    """Return figures on rendered people."""
    pack = open_people(find_pack(options.rendered, pack_people))
    network = load_checkpoint(build_reid_network("reid_small"), options.weights)
    found = reid_figures(embed(network, pack, np.arange(len(pack)), SIZE), pack.identities)
    people = f"{len(pack)} pictures, {len(set(pack.identities))} people"
    return ", ".join((people, *(f"{name} {value:.3f}" for name, value in found.items())))


def held_out_strangers(options: argparse.Namespace) -> str:
    """Return how near pairs of strangers are who were held out of a training set."""
    pack = open_people(find_pack(options.strangers, pack_people))
    rows = np.flatnonzero(pack.is_held_out)
    network = load_checkpoint(build_reid_network("reid_small"), options.weights)
    embeddings, groups = embed(network, pack, rows, SIZE), pack.groups[rows]
    one, other = np.nonzero(np.triu(groups[:, None] != groups))
    distances = 1 - (embeddings @ embeddings.T)[one, other]
    limits = ", ".join(f"{share:.1%} up to {np.quantile(distances, share):.3f}" for share in SHARES)
    return f"{len(rows)} pictures, {len(distances)} pairs: {limits}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--cuhk", type=Path)
    parser.add_argument("--rendered", type=Path, help="annotated pictures, by identity")
    parser.add_argument("--strangers", type=Path, help="annotated pictures, by group")
    parser.add_argument("--max-distance", type=float, default=0.0, help="to count errors at")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = {
        "one by one": looked_at(one_by_one(options.videos / "intel")),
        "PETS": looked_at(pets(options.videos / "pets09_s2l1_part1")),
    }
    if options.cuhk:
        sets["CUHK03"] = looked_at(cuhk(options.cuhk))
    limit = options.max_distance
    if options.rendered:
        print(f"\nrendered: {rendered(options)}")
    if options.strangers:
        print(f"\nstrangers: {held_out_strangers(options)}")
    for name, people in sets.items():
        print(
            f"\n{name}: {len(people.identities)} pictures, {len(set(people.identities))} people\n"
        )
        print("| | AUC | EER | at | same, median | strangers, median | refused | accepted |")
        print("|---|---|---|---|---|---|---|---|")
        for method, look in contestants(options).items():
            same, strangers = pair_distances(look(people), people)
            error, at = equal_error(same, strangers)
            figures = (
                area_under_curve(same, strangers),
                error,
                at,
                np.median(same),
                np.median(strangers),
                (same > limit).mean(),
                (strangers <= limit).mean(),
            )
            print(f"| {method} | " + " | ".join(f"{value:.3f}" for value in figures) + " |")


if __name__ == "__main__":
    main()
