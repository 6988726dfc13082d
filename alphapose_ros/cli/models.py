"""`alphapose models`: the table of weights, their files, and graphs made from them."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from alphapose_ros.skeletons import SKELETONS
from alphapose_ros.zoo import (
    ZOO,
    cache_folder,
    find_weights,
    how_to_get,
    is_embedded,
    main_path,
    require_file,
    weights_path,
)
from alphapose_ros.zoo_table import WEIGHTS, Weights

REFUSED = 2  # exit code
SHOWN_EVERY_S = 0.2
TASKS = sorted({weights.task for weights in WEIGHTS})
SIMCC = (["input"], ["simcc_x", "simcc_y"])  # ends of the graphs that are fetched


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    actions = parser.add_subparsers(dest="action", metavar="action")
    actions.required = False
    action = actions.add_parser("list", help="print a line on each (also without any action)")
    action.add_argument("--task", choices=TASKS, default="", help="only for this")
    action.add_argument("--skeleton", choices=tuple(SKELETONS), default="", metavar="ID")
    action = actions.add_parser("info", help="print all that is known of one")
    action.add_argument("name")
    action = actions.add_parser("download", help="fetch files; a node never does")
    action.add_argument("names", nargs="+", metavar="NAME")
    action.add_argument(
        "--accept-license", action="store_true", help="their terms, which are printed, are met"
    )
    action.add_argument("--folder", type=Path, help="where to, in place of the cache folder")
    action = actions.add_parser("verify", help="check hash and form of files")
    action.add_argument("names", nargs="*", metavar="NAME", help="default: all that are there")
    action = actions.add_parser("identify", help="say what network a file of weights is for")
    action.add_argument("file", type=Path)
    action = actions.add_parser(
        "export", help="write weights as a graph for ONNX Runtime, in half precision"
    )
    action.add_argument("name")
    action.add_argument("file", type=Path, help="the graph (.onnx)")
    action.add_argument("--weights", default="", metavar="FILE", help="in place of their own")


def run(options: Namespace) -> None:
    """Do what is asked for; without any action, list everything.

    Raises:
        ValueError: there are no such weights, or a file is not what it should be.
        OSError: a file is missing, or cannot be fetched or written.
        SystemExit: terms are not accepted, or not all went well.
    """
    actions: dict[str, Callable[[Namespace], None]] = {
        "list": _list,
        "info": _info,
        "download": _download,
        "verify": _verify,
        "identify": _identify,
        "export": _export,
    }
    actions[options.action or "list"](options)


def _list(options: Namespace) -> None:
    """Print a line on each of the weights."""
    task, skeleton = getattr(options, "task", ""), getattr(options, "skeleton", "")
    rows = [
        (
            weights.name,
            weights.task,
            "{}x{}".format(*weights.input_size),
            _state(weights),
            weights.licence,
            weights.reported or weights.note or "-",
        )
        for weights in ZOO.values()
        if task in ("", weights.task) and skeleton in ("", weights.skeleton)
    ]
    rows.insert(0, ("name", "task", "input", "file", "licence", "as its authors state"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print(f"\nfiles that are 'here' lie in {cache_folder()}")


def _state(weights: Weights) -> str:
    if is_embedded(weights):
        return "embedded"
    if main_path(weights).is_file():
        return "here"
    if weights.url:
        return "download"
    return "by hand" if weights.location else "train"


def _info(options: Namespace) -> None:
    """Print the card of embedded weights; of others what the table says."""
    weights = find_weights(options.name)
    if is_embedded(weights):
        print(weights_path(weights).with_suffix(".md").read_text("utf-8"))
        return
    facts = {
        "task": weights.task,
        "network": " ".join((weights.network or "graph only", *_options(weights))),
        "skeleton": weights.skeleton,
        "classes": str(weights.classes) if weights.task == "detection" else "",
        "distance": f"{weights.max_distance:g} within a person" if weights.max_distance else "",
        "input": "{} x {} (height x width)".format(*weights.input_size),
        "decoding": weights.decode,
        "official": weights.official,
        "reported": weights.reported,
        "licence": weights.licence,
        "terms": weights.terms,
        "url": weights.url,
        "location": weights.location,
        "SHA-256": weights.sha256,
        "note": weights.note,
        "file": f"{main_path(weights)} ({_state(weights)})",
    }
    print(weights.name)
    for fact, value in facts.items():
        if value:
            print(f"    {fact + ':':<10} {value}")


def _options(weights: Weights) -> list[str]:
    return [f"{name}={value}" for name, value in weights.options.items()]


def _download(options: Namespace) -> None:
    """Fetch the files of weights; print the terms of those that have any first.

    Raises:
        SystemExit: 2 where terms are not accepted, and then nothing is fetched; 1 where a file is
            to be had by hand only.
    """
    from alphapose_ros.downloads import fetch_weights

    chosen = [find_weights(name) for name in options.names]
    _accept(chosen, options.accept_license)
    missing = 0
    for weights in chosen:
        place = main_path(weights)
        if options.folder and not is_embedded(weights):
            place = options.folder / place.name
        if place.is_file() and not hash_problem(weights, place):
            print(f"{weights.name}: {place} is there{_doubt(weights, place)}")
        elif weights.url:
            file = fetch_weights(weights, options.folder, _Progress(weights.name))
            print(f"{weights.name}: {file}")
        else:
            missing += 1
            print(f"{weights.name}: {place} is missing; {how_to_get(weights)}", file=sys.stderr)
    if options.folder:
        print("to use a file of this folder: pose.weights=FILE or detector.weights=FILE")
    if missing:
        raise SystemExit(1)


def _doubt(weights: Weights, file: Path) -> str:
    """Return what is to be said of a file whose hash is not known; "" where it is."""
    if is_embedded(weights) or known_hash(weights, file):
        return ""
    is_own = file == main_path(weights)  # the one that verify reads
    check = f": `alphapose models verify {weights.name}` checks it" if is_own else ""
    return f"; its hash is not known{check}"


def _accept(chosen: list[Weights], is_accepted: bool) -> None:
    terms = {weights.terms: weights.name for weights in chosen if weights.terms}
    for text, name in terms.items():
        print(f"{name}: {text}", file=sys.stderr)
    if terms and not is_accepted:
        print(
            "alphapose models: refused; say --accept-license if you keep to these terms",
            file=sys.stderr,
        )
        raise SystemExit(REFUSED)


class _Progress:
    """Prints how far a download is: on one line of a terminal, else every tenth."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_terminal = sys.stderr.isatty()
        self._next_s, self._next_part = 0.0, 0.0

    def __call__(self, there: int, total: int) -> None:
        """Print ``there`` of ``total`` bytes, if it is time; ``total`` is 0 where not known."""
        part = there / total if total else 0.0
        now_s = time.monotonic()
        is_due = now_s >= self._next_s if self._is_terminal else part >= self._next_part
        if not is_due and there != total:
            return
        self._next_s, self._next_part = now_s + SHOWN_EVERY_S, part + 0.1
        text = f"{self._name}: {there / 1e6:.1f} MB" + (f" of {total / 1e6:.1f}" if total else "")
        if self._is_terminal:
            print(f"\r{text}", end="\n" if there == total else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr)


def _verify(options: Namespace) -> None:
    """Check files: their hash, where one is known, and that their networks take them.

    Raises:
        SystemExit: 1 where one is not as it should be.
    """
    chosen = [find_weights(name) for name in options.names] or [
        weights for weights in ZOO.values() if main_path(weights).is_file()
    ]
    wrong = 0
    for weights in chosen:
        try:
            file = require_file(weights)
            problem = hash_problem(weights, file)
            if problem:
                raise ValueError(problem)
            _load(weights, file)
        except (ValueError, OSError) as error:
            wrong += 1
            print(f"{weights.name}: WRONG: {error}")
            continue
        if is_embedded(weights):
            print(f"{weights.name}: loads")
        elif known_hash(weights, file):
            print(f"{weights.name}: hash as it should be, loads")
        else:
            print(f"{weights.name}: loads; {_note_hash(file)}")
    if wrong:
        raise SystemExit(1)


def _note_hash(file: Path) -> str:
    """Note the hash of a file, and return what is to be said of that."""
    from alphapose_ros.downloads import record, recorded

    try:
        record(file)
        return f"hash noted: {recorded(file)['sha256']}"
    except OSError as error:  # the cache may be read-only
        return f"hash could not be noted: {error}"


def hash_problem(weights: Weights, file: Path) -> str:
    """Return what is wrong with the hash of a file; "" if nothing, or where none is known."""
    from alphapose_ros.downloads import hash_of

    known = known_hash(weights, file)
    if not known or (found := hash_of(file)) == known:
        return ""
    return (
        f"{file} has the SHA-256 {found}, not {known}: it is damaged or was changed; delete it, "
        f"then {how_to_get(weights)}"
    )


def known_hash(weights: Weights, file: Path) -> str:
    """Return the hash that a file must have: by the table, else as noted; "" where none is known.

    That of an archive in the table is not the hash of what was in it.
    """
    from alphapose_ros.downloads import recorded

    of_file = "" if weights.url.endswith(".zip") else weights.sha256
    return of_file or recorded(file).get("sha256", "")


def _load(weights: Weights, file: Path) -> None:
    """Load a file as its network does.

    Raises:
        ValueError: it is damaged, or for another network.
    """
    if file.suffix == ".onnx":
        from alphapose_ros.runtimes import Graph

        Graph(file, *SIMCC)
        return
    from alphapose_ros.checkpoints import load_network
    from alphapose_ros.detection.networks import build_detection_network
    from alphapose_ros.pose import build_pose_network
    from alphapose_ros.reid import build_reid_network

    def build() -> object:
        if weights.task == "pose":
            return build_pose_network(weights.network, weights.skeleton, **weights.options)
        if weights.task == "reid":
            return build_reid_network(weights.network, **weights.options)
        return build_detection_network(weights.network, weights.classes, **weights.options)

    load_network(build, file)


def _identify(options: Namespace) -> None:
    """Print what network a file is for, and which weights it may be."""
    from alphapose_ros.models.identify import identify

    print(identify(options.file))


def _export(options: Namespace) -> None:
    """Write the graph of weights, or of others for the same network.

    Raises:
        ValueError: there are no such weights, they do not fit, or what writes graphs is missing.
    """
    try:
        from alphapose_ros.models.export import export
    except ImportError as error:
        raise ValueError(f"export needs {error.name}: pip install onnx onnxscript") from None
    export(find_weights(options.name), options.file, options.weights)
