"""Other people's networks, as yardsticks for ours and as teachers that label pictures.

Their weights are not part of the package: each class is handed the folder with its files. They
need `requirements-benchmarks.txt`. Image coordinates are those of the package: the centre of the
pixel in column 0, row 0 is (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import ncnn
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

from alphapose_ros.boxes import to_centre_size
from alphapose_ros.detection.nms import nms
from alphapose_ros.frame import Detections
from alphapose_ros.pose.crop import crop_boxes
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
NMS_IOU = 0.6
MIN_SCORE = 0.01
PERSON = 0  # among COCO's 80 classes

# The points of MediaPipe's face mesh in the order of 300-W, which begins at the subject's right.
FACE_POINTS = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
        *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # eyebrows
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
        *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
    ]
)


@dataclass(frozen=True)
class Square:
    """A square part of an image, turned by an angle."""

    centre: np.ndarray  # (2,) x y [px]
    side: float  # [px]
    angle_rad: float = 0.0  # clockwise in the image

    def to_crop(self, size: int) -> np.ndarray:
        """Return the affine map (2, 3) from the image to an upright crop of ``size`` pixels."""
        scale = size / max(self.side, 1e-6)
        cosine, sine = scale * np.cos(self.angle_rad), scale * np.sin(self.angle_rad)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        return np.column_stack((turn, size / 2 - turn @ self.centre))


def face_square(body: np.ndarray) -> Square:
    """Return where to look for the face of a body (17, 3 or more) x, y, score, of COCO.

    It is a shoulder width wide, more where the person stands sideways, and turned with the eyes.
    """
    side = max(_length(body, 5, 6), 0.55 * torso(body))
    across = body[1, :2] - body[2, :2]  # from the right eye to the left
    is_frontal = np.linalg.norm(across) > 0.12 * side
    angle_rad = float(np.arctan2(across[1], across[0])) if is_frontal else 0.0
    return Square(body[:3, :2].mean(axis=0), side, angle_rad)


def hand_square(body: np.ndarray, side: str) -> Square:
    """Return where to look for a hand: behind the wrist, with the forearm pointing up."""
    elbow, wrist = (body[BODY.index(f"{side}_{name}"), :2] for name in ("elbow", "wrist"))
    forearm = wrist - elbow
    length = max(np.linalg.norm(forearm), 0.4 * torso(body))
    along = forearm / max(np.linalg.norm(forearm), 1e-6)
    angle_rad = float(np.arctan2(along[0], -along[1]))
    return Square(wrist + 0.35 * length * along, 0.95 * length, angle_rad)


def torso(body: np.ndarray) -> float:
    """Return the longer way from a shoulder to the hip of its side [px], 0 where unseen."""
    return max(_length(body, 5, 11), _length(body, 6, 12))


def _length(body: np.ndarray, start: int, stop: int) -> float:
    if body[[start, stop], 2].min() < 0.3:
        return 0.0
    return float(np.linalg.norm(body[start, :2] - body[stop, :2]))


class TinyPose:
    """PP-TinyPose 256 x 192: 17 COCO keypoints; plain and mirrored heatmaps averaged."""

    input_size = (256, 192)  # height, width

    def __init__(self, folder: Path) -> None:
        self._network = _ncnn_network(folder / "tinypose_256x192")

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return keypoints (N, 17, 3) of boxes (N, 4) in an image (H, W, 3) BGR."""
        found = [self._find(image, region) for region in crop_boxes(boxes, self.input_size)]
        return np.array(found).reshape(-1, 17, 3)

    def _find(self, image: np.ndarray, region: np.ndarray) -> np.ndarray:
        height, width = self.input_size
        crop_scale = width / (region[2] - region[0])
        to_crop = np.array(
            [[crop_scale, 0, -crop_scale * region[0]], [0, crop_scale, -crop_scale * region[1]]]
        )
        crop = _warped(image, to_crop, (width, height))
        heatmaps = self._run(crop)
        mirrored = self._run(crop[:, ::-1])[BODY.flip_order, :, ::-1]
        mirrored[:, :, 1:] = mirrored[:, :, :-1]  # the pixels of a quarter's grid do not coincide
        keypoints = _peaks((heatmaps + mirrored) / 2)
        keypoints[:, :2] = keypoints[:, :2] * 4 / crop_scale + region[:2]
        return keypoints

    def _run(self, crop: np.ndarray) -> np.ndarray:
        values = (crop - np.float32([123.675, 116.28, 103.53])) * np.float32(
            [0.01712475, 0.0175, 0.01742919]
        )
        return _ncnn_run(self._network, "image", "save_infer_model/scale_0.tmp_1", values)


class MoveNet:
    """MoveNet single pose, Lightning: 17 COCO keypoints of the person in the middle."""

    size = 192

    def __init__(self, folder: Path) -> None:
        self._network = _LiteNetwork(folder / "movenet_singlepose_lightning_int8_4.tflite")

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return keypoints (N, 17, 3) of boxes (N, 4) in an image (H, W, 3) BGR."""
        found = np.empty((len(boxes), 17, 3))
        for keypoints, (x, y, width, height) in zip(found, to_centre_size(boxes), strict=True):
            to_crop = Square(np.array([x, y]), 1.15 * max(width, height)).to_crop(self.size)
            crop = _warped(image, to_crop, (self.size, self.size))
            (output,) = self._network(crop[None].astype(np.uint8))
            keypoints[:, :2] = through(inverted(to_crop), output[0, 0][:, 1::-1] * self.size)
            keypoints[:, 2] = output[0, 0][:, 2]
        return found


class FaceMesh:
    """MediaPipe's face landmarks, of which 68 take the places of 300-W."""

    size = 192

    def __init__(self, folder: Path) -> None:
        self._network = _LiteNetwork(folder / "face_landmark.tflite")

    def __call__(self, image: np.ndarray, square: Square) -> tuple[np.ndarray, float]:
        """Find the face in a square, then once more in a square around what was found.

        Returns:
            (68, 2) points [px], and how surely there is a face, in [0, 1].
        """
        points, _ = self._find(image, square)
        low, high = points.min(axis=0), points.max(axis=0)
        across = points[FACE_POINTS[45]] - points[FACE_POINTS[36]]  # between the eyes' corners
        turned = np.arctan2(across[1], across[0])
        square = Square((low + high) / 2, 1.5 * (high - low).max(), turned)
        points, presence = self._find(image, square)
        return points[FACE_POINTS], presence

    def _find(self, image: np.ndarray, square: Square) -> tuple[np.ndarray, float]:
        to_crop = square.to_crop(self.size)
        crop = _warped(image, to_crop, (self.size, self.size))
        points, logit = self._network(crop[None] / np.float32(255))
        points = through(inverted(to_crop), points.reshape(468, 3)[:, :2])
        return points, 1 / (1 + np.exp(-float(logit.squeeze())))


class HandLandmarks:
    """MediaPipe's 21 hand landmarks, in the order of Halpe."""

    size = 224

    def __init__(self, folder: Path) -> None:
        self._network = _LiteNetwork(folder / "hand_landmark_lite.tflite")

    def __call__(self, image: np.ndarray, square: Square) -> tuple[np.ndarray, float]:
        """Find the hand in a square, then once more in a square around what was found.

        Returns:
            (21, 2) points [px], and how surely there is a hand, in [0, 1].
        """
        points, _ = self._find(image, square)
        low, high = points.min(axis=0), points.max(axis=0)
        along = points[9] - points[0]  # from the wrist to the root of the middle finger
        turned = np.arctan2(along[0], -along[1])
        return self._find(image, Square((low + high) / 2, 1.8 * (high - low).max(), turned))

    def _find(self, image: np.ndarray, square: Square) -> tuple[np.ndarray, float]:
        to_crop = square.to_crop(self.size)
        crop = _warped(image, to_crop, (self.size, self.size))
        points, presence, _, _ = self._network(crop[None] / np.float32(255))
        points = through(inverted(to_crop), points.reshape(21, 3)[:, :2])
        return points, float(presence.squeeze())


class YoloxNano:
    """YOLOX-nano trained on COCO's 80 classes: its people."""

    size = 416
    strides = (8, 16, 32)

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "yolox_nano_416.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._cells, self._strides = _cells(self.size, self.strides)

    def __call__(self, image: np.ndarray) -> Detections:
        """Return the people in an image (H, W, 3) BGR."""
        scale = self.size / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        padded = np.full((self.size, self.size, 3), 114, np.float32)
        padded[: small.shape[0], : small.shape[1]] = small[: self.size, : self.size]
        feed = {self._input: np.ascontiguousarray(padded.transpose(2, 0, 1)[None])}
        output = self._session.run(None, feed)[0][0]
        centre = (output[:, :2] + self._cells) * self._strides
        half = np.exp(output[:, 2:4]) * self._strides / 2
        boxes = np.concatenate((centre - half, centre + half), axis=1) / scale
        return _people(boxes, output[:, 4] * output[:, 5 + PERSON])


class NanoDetPlus:
    """NanoDet-Plus-m trained on COCO's 80 classes: its people."""

    size = 416
    strides = (8, 16, 32, 64)
    bins = 8  # a side's distance is the mean of a distribution over 0 .. 7 strides

    def __init__(self, folder: Path) -> None:
        self._network = _ncnn_network(folder / "nanodet-plus-coco-416")
        self._cells, self._strides = _cells(self.size, self.strides)

    def __call__(self, image: np.ndarray) -> Detections:
        """Return the people in an image (H, W, 3) BGR."""
        height, width = image.shape[:2]
        small = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        values = (small - np.float32([103.53, 116.28, 123.675])) / np.float32(
            [57.375, 57.12, 58.395]
        )
        output = _ncnn_run(self._network, "data", "output", values)
        logits = output[:, 80:].reshape(-1, 4, self.bins)
        share = np.exp(logits - logits.max(axis=2, keepdims=True))
        share /= share.sum(axis=2, keepdims=True)
        left, top, right, bottom = (share @ np.arange(self.bins) * self._strides).T
        x, y = (self._cells * self._strides).T
        boxes = np.column_stack((x - left, y - top, x + right, y + bottom))
        boxes *= np.array([width, height, width, height]) / self.size
        return _people(boxes, output[:, PERSON])


def through(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (N, 2) by an affine map (2, 3)."""
    return points @ affine[:, :2].T + affine[:, 2]


def inverted(affine: np.ndarray) -> np.ndarray:
    """Return the inverse of an affine map (2, 3)."""
    return cv2.invertAffineTransform(affine)


def _warped(image: np.ndarray, affine: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an RGB float32 crop of ``size`` (width, height), without aliasing where it shrinks.

    Only the part of the image that the crop shows is smoothed.
    """
    width, height = size
    corners = through(
        inverted(affine), np.array([[0, 0], [width, 0], [0, height], [width, height]])
    )
    scale = np.sqrt(abs(np.linalg.det(affine[:, :2])))
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 4, 0, None)
    high = np.ceil(corners.max(axis=0)).astype(int) + 4
    part = image[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return np.zeros((height, width, 3), np.float32)
    if scale < 0.6:
        part = cv2.GaussianBlur(part, (0, 0), 0.35 / scale)
    moved = np.column_stack((affine[:, :2], affine[:, 2] + affine[:, :2] @ low))
    crop = cv2.warpAffine(part, moved, size, flags=cv2.INTER_LINEAR)
    return crop[..., ::-1].astype(np.float32)


def _peaks(heatmaps: np.ndarray) -> np.ndarray:
    """Return (K, 3): the highest pixels, a quarter towards the higher neighbours, and values."""
    count, height, width = heatmaps.shape
    rows, place = np.arange(count), heatmaps.reshape(count, -1).argmax(axis=1)
    y, x = place // width, place % width
    xs, ys = x.clip(1, width - 2), y.clip(1, height - 2)
    dx = np.sign(heatmaps[rows, y, xs + 1] - heatmaps[rows, y, xs - 1]) * (x == xs)
    dy = np.sign(heatmaps[rows, ys + 1, x] - heatmaps[rows, ys - 1, x]) * (y == ys)
    return np.column_stack((x + 0.25 * dx, y + 0.25 * dy, heatmaps[rows, y, x]))


def _cells(size: int, strides: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return column and row (A, 2) of every grid cell and its stride (A, 1), level by level."""
    cells, steps = [], []
    for stride in strides:
        count = -(-size // stride)
        y, x = np.divmod(np.arange(count * count), count)
        cells.append(np.column_stack((x, y)))
        steps.append(np.full((count * count, 1), stride))
    return np.concatenate(cells), np.concatenate(steps)


def _people(boxes: np.ndarray, scores: np.ndarray) -> Detections:
    likely = scores > MIN_SCORE
    return nms(Detections(boxes=boxes[likely], scores=scores[likely].clip(0, 1)), NMS_IOU)


class _LiteNetwork:
    """A TensorFlow Lite network: one input, outputs in the order of their names."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; the weights folder is the wrong one?")
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._outputs = [output["index"] for output in sorted(outputs, key=lambda o: o["name"])]

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _ncnn_network(path: Path) -> ncnn.Net:
    if not path.with_suffix(".param").is_file():
        raise FileNotFoundError(f"{path}.param: no such file; the weights folder is the wrong one?")
    network = ncnn.Net()
    network.opt.num_threads = 1
    network.load_param(f"{path}.param")
    network.load_model(f"{path}.bin")
    return network


def _ncnn_run(network: ncnn.Net, source: str, target: str, values: np.ndarray) -> np.ndarray:
    """Run a network on (H, W, 3) values."""
    planes = np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)
    extractor = network.create_extractor()
    extractor.input(source, ncnn.Mat(planes).clone())  # without the clone the result is noise
    return np.array(extractor.extract(target)[1])
