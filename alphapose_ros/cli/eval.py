"""`alphapose eval`: how good results, networks and trackers are on a data set."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.evaluation import DATA_SETS, data_set
from alphapose_ros.evaluation.ablations import ABLATIONS, variants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapose_ros.evaluation.finding import Finding
    from alphapose_ros.evaluation.report import Evaluation, Figures

# Options of single data sets, and those that are about finding people.
CHOICES = ("constants", "normaliser", "jaw", "found_jaw", "rules", "head_boxes", "part")
FINDING = ("boxes", "true_poses", "flip", "batch", "resume", "rate", "ablate", "config", "settings")


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    meanings = [f"  {name:<12}{entry.meaning}" for name, entry in DATA_SETS.items()]
    parser.epilog = "\n".join(["data sets:", *meanings])
    parser.add_argument(
        "data_set", nargs="?", metavar="DATA_SET", help=f"one of {', '.join(DATA_SETS)}"
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="labels of the data set")
    parser.add_argument("--results", type=Path, metavar="FILE", help="what was found")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for figures, table, plots, the worst and results"
    )
    parser.add_argument("--worst", type=int, default=20, metavar="N", help="how many are drawn")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the pictures")
    _add_choices(parser)
    _add_finding(parser.add_argument_group("finding the people, where there are no --results"))
    comparison = parser.add_argument_group("comparing two results by their --json files")
    comparison.add_argument("--compare", nargs=2, type=Path, metavar=("A.json", "B.json"))
    comparison.add_argument("--resamples", type=int, default=1000, metavar="N")
    comparison.add_argument("--all", action="store_true", help="every keypoint's figures too")


def _add_choices(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--constants", choices=("paper", "published"), help="halpe: OKS of feet, face and hands"
    )
    parser.add_argument(
        "--normaliser",
        choices=("outer_corners", "pupils", "box"),
        help="300w, wflw: what errors are divided by",
    )
    parser.add_argument(
        "--without-jaw",
        dest="jaw",
        action="store_const",
        const=False,
        help="300w, wflw: leave out the contour, which has two definitions",
    )
    parser.add_argument(
        "--found-jaw", choices=("visible", "3d"), help="300w, wflw: the contour in --results"
    )
    parser.add_argument("--rules", choices=("plain", "mot17", "mot20"), help="mot: who counts")
    parser.add_argument("--head-boxes", type=Path, metavar="FILE", help="mpii: gt_valid.mat")
    parser.add_argument("--part", choices=("train", "test", "all"), help="lsp: which pictures")
    parser.add_argument(
        "--layout", metavar="SKELETON", help="keypoints of --results; else told by their number"
    )


def _add_finding(group: Any) -> None:
    group.add_argument("--boxes", metavar="true|detected|FILE", help="whose boxes to look in")
    group.add_argument("--true-poses", action="store_true", help="videos: only track the labels")
    group.add_argument("--flip", action="store_true", help="look at mirrored crops too")
    group.add_argument("--batch", type=int, metavar="N", help="crops in one run of the network")
    group.add_argument("--resume", action="store_true", help="go on with what lies in --out")
    group.add_argument("--rate", type=float, metavar="HZ", help="videos: frames per second")
    group.add_argument("--ablate", metavar="WHAT", help=f"compare variants: {', '.join(ABLATIONS)}")
    add_settings(group)


def run(options: Namespace) -> None:
    """Print a table; write what --json and --out ask for."""
    try:
        _run(options)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is missing; evaluation needs: pip install 'alphapose_ros[eval]'"
        ) from None


def _run(options: Namespace) -> None:
    _check(options)
    if options.compare:
        _compare(options)
    elif options.ablate:
        _ablate(options)
    else:
        _evaluate(options)


def _check(options: Namespace) -> None:
    """Refuse what cannot be done, or would be passed over in silence, before anything is done."""
    if options.json and options.json.is_dir():
        raise ValueError(f"--json: {options.json} is a folder, not a file")
    if options.out and options.out.is_file():
        raise ValueError(f"--out: {options.out} is a file, not a folder")
    if options.images and not options.images.exists():
        raise ValueError(f"--images: {options.images} does not exist")
    if options.worst < 0:
        raise ValueError(f"--worst: {options.worst} is less than 0")
    if options.compare:
        _refuse(options, ("results", "out", *FINDING), "is not for --compare")
        return
    if options.data_set is None or options.annotations is None:
        raise ValueError(
            "name a data set and its --annotations, or two files to --compare; "
            f"data sets are {', '.join(DATA_SETS)}"
        )
    if options.results:
        _refuse(options, FINDING, "is for finding people, which --results say already")
    elif options.images is None and (options.ablate or not options.true_poses):
        raise ValueError("give --results FILE, or --images DIR to find the people in them")


def _refuse(options: Namespace, names: Sequence[str], reason: str) -> None:
    for name in names:
        if getattr(options, name):
            option = "set" if name == "settings" else name.replace("_", "-")
            raise ValueError(f"--{option} {reason}")


def _compare(options: Namespace) -> None:
    from alphapose_ros.evaluation.compare import compare, comparison_markdown, write_comparison
    from alphapose_ros.evaluation.report import read_figures

    first, second = (read_figures(path) for path in options.compare)
    names = None if options.all else first.headline()
    comparison = compare(first, second, resamples=options.resamples, names=names)
    if options.json:
        write_comparison(comparison, options.json)
    print(comparison_markdown(comparison))


def _evaluate(options: Namespace) -> None:
    from alphapose_ros.evaluation.files import evaluate, read_labels, read_results, write_everything
    from alphapose_ros.evaluation.report import to_markdown, write_json

    choices = {name: getattr(options, name) for name in CHOICES}
    truth = read_labels(options.data_set, options.annotations, choices)
    about = {"annotations": str(options.annotations)}
    if options.results:
        found = read_results(options.data_set, options.results, truth, options.layout)
        about["results"] = str(options.results)
    else:
        _make_folders(options)
        finding = _finding(options)
        found = finding(options.data_set, truth, options.out, resume=options.resume)
        about["finding"] = finding.described()
    outcome = evaluate(options.data_set, truth, found, choices, about)
    written: list[Path] = []
    if options.json:
        write_json(outcome.evaluation, options.json, outcome.about)
    if options.out:
        written = write_everything(outcome, options.out, options.images, options.worst)
    print(to_markdown(outcome.evaluation))
    if written:
        print(f"{len(written)} files: {options.out}")


def _ablate(options: Namespace) -> None:
    """Evaluate each variant, into its own folder if there is one; print them side by side."""
    from alphapose_ros.evaluation.compare import compare, comparison_markdown
    from alphapose_ros.evaluation.files import (
        evaluate,
        read_labels,
        write_ablation,
        write_everything,
    )
    from alphapose_ros.evaluation.records import Truth
    from alphapose_ros.evaluation.report import side_by_side

    choices = {name: getattr(options, name) for name in CHOICES}
    truth = read_labels(options.data_set, options.annotations, choices)
    compared = variants(
        options.ablate,
        chosen(options),
        has_tracks=data_set(options.data_set).has_tracks,
        has_poses=isinstance(truth, Truth),
    )
    _make_folders(options)
    done = {}
    for variant in compared:
        folder = options.out / variant.name.replace(" ", "_") if options.out else None
        finding = _finding(options).as_in(variant)
        found = finding(options.data_set, truth, folder, resume=options.resume)
        about = {"annotations": str(options.annotations), "finding": finding.described()}
        outcome = evaluate(options.data_set, truth, found, choices, about)
        if folder:
            write_everything(outcome, folder, options.images, options.worst)
        done[variant.name] = outcome.evaluation
    (first, reference), *others = done.items()
    comparisons = {
        name: compare(
            reference, evaluation, resamples=options.resamples, names=reference.headline()
        )
        for name, evaluation in (others if len(reference.units) > 1 else ())
    }
    tables = [side_by_side(options.ablate, {name: _main(one) for name, one in done.items()})]
    tables += [comparison_markdown(found, first, name) for name, found in comparisons.items()]
    text = "\n\n".join(tables)
    if options.out:
        (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    if options.json:
        write_ablation(options.ablate, done, comparisons, options.json)
    print(text)


def _main(evaluation: Evaluation) -> Figures:
    """Return the main figures and those of groups."""
    every = dict(evaluation.every_figure())
    return {name: every[name] for name in evaluation.headline()}


def _make_folders(options: Namespace) -> None:
    """Make the folders that results go into, or fail before there are any."""
    for folder in (options.out, options.json and options.json.parent):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)


def _finding(options: Namespace) -> Finding:
    from alphapose_ros.evaluation.finding import Finding

    return Finding(
        images=options.images or Path(),
        config=chosen(options),
        boxes=options.boxes,
        true_poses=options.true_poses,
        flip=options.flip,
        batch_size=options.batch,
        rate_hz=options.rate,
    )
