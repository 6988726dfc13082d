"""Weights of the user's own for `pose.model: auto`: the network is read from the file."""

from __future__ import annotations

from pathlib import Path

from alphapose_ros.checkpoints import recognise_file
from alphapose_ros.pose import usual_decode
from alphapose_ros.skeletons import skeleton
from alphapose_ros.zoo import Weights, fitting

SKELETONS = {  # by number of keypoints, as the reference's networks have them
    17: "coco_17",
    21: "single_hand_21",
    26: "halpe_26",
    68: "halpe_68",
    133: "coco_wholebody_133",
    136: "halpe_136",
}
USUAL_SIZE = (256, 192)  # height, width [px] of the reference's crops


def own_weights(file: str) -> Weights:
    """Return what a file of weights is for.

    An entry of the zoo counts if it has the architecture and the name of the file. Else the
    skeleton follows from the number of keypoints, and they are decoded as is usual for it, since
    no file says how it was trained.

    Raises:
        ValueError: none is given, it is a graph, or no skeleton has that many keypoints.
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or of no pose network that is known.
    """
    if not file:
        raise ValueError("pose.model 'auto' reads the network from a file: set pose.weights too")
    if file.endswith(".onnx"):
        raise ValueError(f"{file}: a graph does not say its skeleton; set pose.model, not 'auto'")
    path = Path(file)
    found = recognise_file(path)
    if found.task != "pose":
        raise ValueError(f"{path}: is no pose network but {found}; set it as detector.weights")
    if found.outputs not in SKELETONS:
        known = ", ".join(map(str, SKELETONS))
        raise ValueError(
            f"{path}: has {found.outputs} keypoints; 'auto' knows skeletons of {known}: set "
            "pose.model to one that has its skeleton"
        )
    for entry in fitting(found):
        if entry.file == path.name:
            return entry
    return Weights(
        name=path.stem,
        task="pose",
        network=found.network,
        options=found.options,
        skeleton=SKELETONS[found.outputs],
        input_size=USUAL_SIZE,
        decode=usual_decode(skeleton(SKELETONS[found.outputs])),
        file=path.name,
        licence="unknown",
    )
