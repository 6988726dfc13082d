"""How good results are: figures that agree with the official tools.

The table names functions by their address, which is looked up when one is used: pycocotools is
needed by those who evaluate with it, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name

_DATA_SETS = "alphapose_ros.evaluation.datasets"
_EVALUATION = "alphapose_ros.evaluation"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set that results can be evaluated on.

    ``reader``, ``evaluator`` and ``results_reader`` are addresses of functions: annotations ->
    Truth; Truth, Predictions, options -> Evaluation; results, Truth -> Predictions.
    """

    meaning: str  # one line for those who choose
    reader: str
    evaluator: str
    results_reader: str = f"{_EVALUATION}.results:read_results"
    options: tuple[str, ...] = ()  # what the evaluator can be asked for
    reader_options: tuple[str, ...] = ()  # what the reader can be asked for
    has_tracks: bool = False  # its pictures are videos, and identities count

    @property
    def read(self) -> Callable:
        """The reader itself."""
        return resolve_name(self.reader)

    @property
    def evaluate(self) -> Callable:
        """The evaluator itself."""
        return resolve_name(self.evaluator)

    @property
    def read_results(self) -> Callable:
        """The reader of results itself."""
        return resolve_name(self.results_reader)


DATA_SETS = {
    "coco": DataSet(
        meaning="COCO keypoints: AP and AR by OKS, 17 keypoints",
        reader=f"{_DATA_SETS}.coco:read_coco",
        evaluator=f"{_EVALUATION}.protocols:evaluate_coco",
    ),
    "wholebody": DataSet(
        meaning="COCO-WholeBody: AP and AR of body, foot, face, hands and all 133",
        reader=f"{_DATA_SETS}.wholebody:read_wholebody",
        evaluator=f"{_EVALUATION}.protocols:evaluate_wholebody",
    ),
    "halpe": DataSet(
        meaning="Halpe-FullBody: AP and AR of body, foot, face, hand and all 136",
        reader=f"{_DATA_SETS}.wholebody:read_halpe",
        evaluator=f"{_EVALUATION}.protocols:evaluate_halpe",
        options=("constants",),
    ),
    "crowdpose": DataSet(
        meaning="CrowdPose: AP by OKS, easy, medium and hard by crowd index",
        reader=f"{_DATA_SETS}.coco:read_crowdpose",
        evaluator=f"{_EVALUATION}.protocols:evaluate_crowdpose",
    ),
    "ochuman": DataSet(
        meaning="OCHuman: AP and AR by OKS of heavily hidden people",
        reader=f"{_DATA_SETS}.ochuman:read_ochuman",
        evaluator=f"{_EVALUATION}.protocols:evaluate_ochuman",
    ),
    "mpii": DataSet(
        meaning="MPII: PCKh",
        reader=f"{_DATA_SETS}.mpii:read_mpii",
        evaluator=f"{_EVALUATION}.pck:evaluate_mpii",
        reader_options=("head_boxes",),
    ),
    "mpii-trb": DataSet(
        meaning="MPII-TRB: PCKh of 14 keypoints and 26 contour points",
        reader=f"{_DATA_SETS}.mpii:read_mpii_trb",
        evaluator=f"{_EVALUATION}.pck:evaluate_trb",
    ),
    "lsp": DataSet(
        meaning="Leeds Sports Poses, also extended: PCK in parts of the torso",
        reader=f"{_DATA_SETS}.lsp:read_lsp",
        evaluator=f"{_EVALUATION}.pck:evaluate_lsp",
        reader_options=("part",),
    ),
    "300w": DataSet(
        meaning="300-W: mean error of 68 face keypoints",
        reader=f"{_DATA_SETS}.faces:read_300w",
        evaluator=f"{_EVALUATION}.nme:evaluate_faces",
        options=("normaliser", "jaw", "found_jaw"),
    ),
    "wflw": DataSet(
        meaning="WFLW: mean error of 98 face keypoints",
        reader=f"{_DATA_SETS}.faces:read_wflw",
        evaluator=f"{_EVALUATION}.nme:evaluate_faces",
        options=("normaliser", "jaw", "found_jaw"),
    ),
    "freihand": DataSet(
        meaning="FreiHAND: PCK, AUC and error of 21 hand keypoints in the picture",
        reader=f"{_DATA_SETS}.hands:read_freihand",
        evaluator=f"{_EVALUATION}.pck:evaluate_hands",
    ),
    "interhand": DataSet(
        meaning="InterHand2.6M: PCK, AUC and error of both hands in the picture",
        reader=f"{_DATA_SETS}.hands:read_interhand",
        evaluator=f"{_EVALUATION}.pck:evaluate_hands",
    ),
    "posetrack": DataSet(
        meaning="PoseTrack 2018: mAP, MOTA, MOTP, precision and recall by keypoint",
        reader=f"{_DATA_SETS}.posetrack:read_posetrack",
        evaluator=f"{_EVALUATION}.posetrack:evaluate_posetrack",
        results_reader=f"{_DATA_SETS}.posetrack:read_posetrack_results",
        has_tracks=True,
    ),
    "mot": DataSet(
        meaning="MOTChallenge: CLEAR, IDF1 and HOTA of boxes",
        reader=f"{_EVALUATION}.mot:read_truth",
        evaluator=f"{_EVALUATION}.mot:evaluate_mot",
        results_reader=f"{_EVALUATION}.mot:read_results",
        options=("rules",),
        has_tracks=True,
    ),
}


def data_set(name: str) -> DataSet:
    """Return a data set by name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in DATA_SETS:
        raise ValueError(f"data set {name!r} is none of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]
