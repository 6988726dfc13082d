"""Crowded pictures with labels and poses made up at random, in the layout of COCO's files."""

from __future__ import annotations

import json

import numpy as np

from alphapose_ros.evaluation.results import read_results

FIELDS = {  # of COCO-WholeBody
    "feet": "foot",
    "face": "face",
    "left_hand": "lefthand",
    "right_hand": "righthand",
}


def made_people(skeleton, seed, pictures=6):
    """Labels and results of people of all sizes who stand in each other's way.

    Keypoints and whole groups are missing, some people are crowds or have no keypoint at all;
    people are found several times, badly or not, and there are poses of nobody.
    """
    rng = np.random.default_rng(seed)
    images, people, results = [], [], []
    for number in rng.permutation(pictures):
        image = {
            "id": int(number) * 7 + 3,
            "width": 640,
            "height": 480,
            "file_name": f"{number}.jpg",
        }
        images.append({**image, "crowdIndex": float(rng.choice([0, 0.1, 0.2, 0.5, 0.8, 0.9]))})
        for _ in range(rng.integers(0, 5)):
            person = _person(skeleton, rng) | {"image_id": image["id"], "id": 100 + len(people)}
            people.append(person)
            results += [_pose(skeleton, person, rng) for _ in range(rng.integers(0, 4))]
            del person["places"]
        for _ in range(rng.integers(0, 3)):  # nobody's
            person = _person(skeleton, rng) | {"image_id": image["id"]}
            results.append(_pose(skeleton, person, rng))
    order = rng.permutation(len(results))
    category = {"id": 1, "name": "person", "keypoints": list(skeleton.names), "skeleton": []}
    labels = {"images": images, "annotations": people, "categories": [category]}
    return labels, [results[row] for row in order]


def _person(skeleton, rng):
    size = np.exp(rng.uniform(np.log(25), np.log(350))) * rng.uniform([0.5, 0.8], [0.8, 1.2])
    x, y = rng.uniform(0, [640, 480] - np.minimum(size, 400))
    places = np.round([x, y] + rng.uniform(0, 1, (len(skeleton.names), 2)) * size)
    labelled = rng.random(len(places)) < 0.8
    for group in skeleton.groups:
        labelled[skeleton.group(group)] &= rng.random() < 0.75
    is_crowd = rng.random() < 0.1
    labelled &= not (is_crowd or rng.random() < 0.1)
    keypoints = np.c_[places, rng.integers(1, 3, len(places))] * labelled[:, None]
    width, height = np.round(size)
    return {
        "category_id": 1,
        "iscrowd": int(is_crowd),
        "bbox": [round(float(x)), round(float(y)), width, height],
        "area": round(float(width * height * rng.uniform(0.4, 0.7)), 1),
        "num_keypoints": int(labelled[:17].sum()),
        "keypoints": keypoints.astype(int).ravel().tolist(),
        "places": places,  # of all keypoints, labelled or not
    }


def _pose(skeleton, person, rng):
    size = np.sqrt(person["area"])
    spread = np.exp(rng.uniform(np.log(0.1), np.log(3))) * 2 * np.array(skeleton.sigmas) * size
    places = person["places"] + rng.normal(size=(len(spread), 2)) * spread[:, None]
    scores = rng.uniform(0.1, 1, len(places)).round(2)
    for group in skeleton.groups:
        scores[skeleton.group(group)] *= rng.random() > 0.1
    keypoints = np.c_[places.round(1), scores]
    keypoints[rng.random(len(places)) < 0.05] = 0  # absent
    return {
        "image_id": person["image_id"],
        "category_id": 1,
        "keypoints": keypoints.ravel().tolist(),
        "score": round(float(rng.random()), 1),  # many are equal
        **{f"{part}_score": round(float(rng.random()), 2) for part in ("body", *FIELDS.values())},
    }


def in_parts(skeleton, entries):
    """Give people or poses of COCO-WholeBody its fields for body, feet, face and hands."""
    for entry in entries:
        keypoints = np.reshape(entry["keypoints"], (-1, 3))
        entry["keypoints"] = keypoints[skeleton.group("body")].ravel().tolist()
        for group, part in FIELDS.items():
            entry[f"{part}_kpts"] = keypoints[skeleton.group(group)].ravel().tolist()
            entry[f"{part}_valid"] = bool(keypoints[skeleton.group(group), 2].any())
            entry[f"{part}_box"] = [0, 0, 0, 0]


def read(folder, read_truth, labels, results):
    """Write both as files and read them: Truth, Predictions."""
    paths = folder / "labels.json", folder / "results.json"
    for path, content in zip(paths, (labels, results), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    truth = read_truth(paths[0])
    return truth, read_results(paths[1], truth)
