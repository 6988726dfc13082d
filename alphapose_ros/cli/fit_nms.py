"""`alphapose fit-nms`: constants of pose NMS from labelled pictures."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphapose_ros.cli.settings import add_settings
from alphapose_ros.config import Config, load_config, parse_setting, with_values

if TYPE_CHECKING:
    from alphapose_ros.evaluation.records import Predictions, Truth

LAYOUTS = {
    "17": "coco_17",
    "26": "halpe_26",
    "133": "coco_wholebody_133",
    "136": "halpe_136",
}
COCO_PEOPLE = "coco_people"  # a form of labels that is read here and by no evaluation
DETECTOR = "detector"
FORMS = ("coco", "wholebody", "halpe", "crowdpose", "ochuman", COCO_PEOPLE)


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument(
        "--annotations", type=Path, nargs="+", required=True, metavar="FILE", help="labels"
    )
    parser.add_argument(
        "--images", type=Path, nargs="+", default=[], metavar="DIR", help="of each of the files"
    )
    parser.add_argument(
        "--data-set",
        nargs="+",
        default=["coco"],
        choices=FORMS,
        metavar="NAME",
        help=f"form of each of the files, or of all: {', '.join(FORMS)}",
    )
    parser.add_argument(
        "--layout", default="136", metavar="K", help="keypoints: 17, 26, 133, 136 or a skeleton"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.yaml", help="to write")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="for poses and evaluated constants [FILE.fit]"
    )
    parser.add_argument("--resume", action="store_true", help="go on with what lies in --work")
    _add_redundancy(parser.add_argument_group("redundant poses"))
    _add_search(parser.add_argument_group("search"))
    add_settings(parser)


def _add_redundancy(group: Any) -> None:
    group.add_argument(
        "--jitter",
        nargs="+",
        choices=("boxes", "poses"),
        default=[],
        help="from shifted true boxes, or shifted true poses without any network, or both; "
        "otherwise from a detector with low thresholds",
    )
    group.add_argument("--detect", action="store_true", help="with --jitter: from a detector, too")
    group.add_argument("--copies", type=int, default=5, help="with --jitter: of each person")
    group.add_argument("--shift", type=float, default=0.1, help="of boxes, in parts of their size")
    group.add_argument("--scale", type=float, default=0.1, help="of boxes, as a logarithm")
    group.add_argument("--noise", type=float, default=0.03, help="of poses, in parts of height")


def _add_search(group: Any) -> None:
    group.add_argument(
        "--held", type=float, default=0.4, metavar="SHARE", help="of the pictures to check with"
    )
    group.add_argument("--seed", type=int, default=0, help="of jitter and choice of pictures")
    group.add_argument("--groups", action="store_true", help="fit feet, face and hands weights too")
    group.add_argument(
        "--surplus-cost",
        type=float,
        default=0.02,
        metavar="AP",
        help="that one surplus pose for every person found costs; 0: AP alone",
    )
    group.add_argument(
        "--free",
        action="store_true",
        help="also constants that fail to make one of jittered copies or make one of two people",
    )
    group.add_argument("--most", type=int, default=400, metavar="N", help="constants to evaluate")
    group.add_argument(
        "--shuffle", action="store_true", help="mix up the labels fitted on: must gain nothing"
    )


def run(options: Namespace) -> None:
    """Print average precision before and after, and write the constants."""
    try:
        _run(options)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is missing; fitting needs: pip install 'alphapose_ros[eval]'"
        ) from None


def _run(options: Namespace) -> None:
    from alphapose_ros.evaluation.fitting import FitOptions, fit_and_check, to_parameter_file
    from alphapose_ros.evaluation.report import markdown
    from alphapose_ros.evaluation.suppressed import Redundant
    from alphapose_ros.skeletons import skeleton

    layout = skeleton(LAYOUTS.get(options.layout, options.layout))
    config, work = _settings(options), options.work or options.out.with_suffix(".fit")
    sources, data = _sources(options), {}
    for kind in _kinds(options):
        parts = []
        for number, source in enumerate(sources):
            folder = work / f"{number}_{source.truth.name}_{kind}"
            found = _found(kind, source, config, folder, options)
            parts.append(Redundant.of(source.truth, found, layout))
        data[kind] = Redundant.joined(parts)
    report = fit_and_check(
        data,
        with_values(config.suppression, {"name": "parametric", "min_score": 0.0}),
        FitOptions(
            held=options.held,
            seed=options.seed,
            with_groups=options.groups,
            surplus_cost=options.surplus_cost,
            most=options.most,
            is_shuffled=options.shuffle,
            is_free=options.free,
        ),
        log=work / f"constants_{layout.id}.jsonl",
        resume=options.resume,
    )
    table = markdown(*report.table())
    print(table)
    if report.gain <= 0:
        print("nothing gained on the pictures held back: these constants are no better")
    if not report.fit.is_converged:
        print(f"not converged after {report.fit.evaluated} evaluations: more with --most")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    comments = _comments(options, layout.id, table)
    options.out.write_text(to_parameter_file(report.fit.config, comments), encoding="utf-8")
    print(options.out)


@dataclass(frozen=True)
class Source:
    """One file of labels, and where its pictures are."""

    truth: Truth
    images: Path | None


def _settings(options: Namespace) -> Config:
    """Return the settings asked for, with low thresholds unless --set says otherwise."""
    from alphapose_ros.evaluation.redundant import with_low_thresholds

    values = dict(parse_setting(text) for text in options.settings)
    return with_values(with_low_thresholds(load_config(options.config)), values)


def _sources(options: Namespace) -> list[Source]:
    """Read all labels.

    Raises:
        ValueError: there are not as many folders or names as files.
    """
    from alphapose_ros.evaluation import data_set
    from alphapose_ros.evaluation.datasets.coco import read_coco_people

    if not options.images and _kinds(options) != ["poses"]:
        raise ValueError("give --images DIR, or --jitter poses, which needs no pictures")
    names = _one_for_each(options, "data_set")
    folders = _one_for_each(options, "images") if options.images else [None] * len(names)
    readers = [read_coco_people if name == COCO_PEOPLE else data_set(name).read for name in names]
    files = zip(readers, options.annotations, folders, strict=True)
    return [Source(read(file), folder) for read, file, folder in files]


def _one_for_each(options: Namespace, name: str) -> list[Any]:
    """Return an option's values, one for each file of labels."""
    values, count = getattr(options, name), len(options.annotations)
    if len(values) not in (1, count):
        raise ValueError(
            f"--{name.replace('_', '-')} has {len(values)} values, --annotations {count}: "
            "give one for each, or one for all"
        )
    return values * count if len(values) == 1 else values


def _kinds(options: Namespace) -> list[str]:
    """Return what redundant poses are from."""
    is_detected = options.detect or not options.jitter
    return [*([DETECTOR] if is_detected else []), *dict.fromkeys(options.jitter)]


def _found(
    kind: str, source: Source, config: Config, folder: Path, options: Namespace
) -> Predictions:
    """Make or find redundant poses."""
    from alphapose_ros.evaluation.inference import DETECTED, InferenceOptions, estimate
    from alphapose_ros.evaluation.redundant import Jitter, jittered_poses, write_jittered_boxes

    jitter = Jitter(options.copies, options.shift, options.scale, options.noise, options.seed)
    if kind == "poses":
        return jittered_poses(source.truth, jitter)
    boxes: str | Path = DETECTED
    if kind == "boxes":
        boxes = folder / "boxes.json"
        write_jittered_boxes(source.truth, jitter, boxes)
    return estimate(
        source.truth,
        source.images,
        InferenceOptions(config=config, boxes=boxes, suppression=False),
        store=folder / "poses.jsonl",
        resume=options.resume,
        progress=True,
    )


def _comments(options: Namespace, layout: str, table: str) -> list[str]:
    """Return what a reader of the constants must know: data, command, figures."""
    return [
        f"Constants of pose NMS for {layout}, fitted to data.",
        "Written by this command, where paths are relative to its folder:",
        f"  {_command(options)}",
        "",
        *table.splitlines(),
    ]


def _command(options: Namespace) -> str:
    """Return the command again, without the options that only say where it works."""
    words = ["alphapose", "fit-nms"]
    for name, value in vars(options).items():
        if name in ("verb", "work", "resume", "out") or value is None or value is False:
            continue
        option = f"--{'set' if name == 'settings' else name.replace('_', '-')}"
        if name == "settings":
            words += [word for item in value for word in (option, item)]
        elif isinstance(value, list):
            words += [option, *map(str, value)] if value else []
        else:
            words += [option] if value is True else [option, str(value)]
    return shlex.join([*words, "--out", options.out.name])
