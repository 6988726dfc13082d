"""`alphapose convert`: result files from one format into another."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from alphapose_ros.io.formats import FORMATS

if TYPE_CHECKING:
    from alphapose_ros.io.formats.results import Format

OF_SUFFIX = {".json": "alphapose", ".txt": "mot", ".csv": "csv", ".parquet": "parquet"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    meanings = [f"  {name:<14}{one.meaning}" for name, one in FORMATS.items()]
    parser.epilog = "\n".join(["formats:", *meanings])
    parser.add_argument(
        "source", type=Path, metavar="IN", help="result file, bag, or folder of `alphapose run`"
    )
    parser.add_argument("target", type=Path, metavar="OUT", help="file to write")
    parser.add_argument(
        "--from", dest="format", choices=FORMATS, help="format of IN; else told by its content"
    )
    parser.add_argument("--to", choices=FORMATS, help="format of OUT; else told by its suffix")
    parser.add_argument(
        "--skeleton", metavar="NAME", help="keypoints of IN, where their number does not tell"
    )
    parser.add_argument(
        "--rate", type=float, metavar="HZ", help="frames per second, where IN tells no times"
    )
    parser.add_argument("--force", action="store_true", help="overwrite OUT")


def run(options: Namespace) -> None:
    """Convert, and say what was read, written and lost on the way."""
    from alphapose_ros.io.formats import read_results
    from alphapose_ros.io.formats.losses import losses
    from alphapose_ros.io.formats.names import printable
    from alphapose_ros.io.formats.results import USUAL_RATE_HZ
    from alphapose_ros.skeletons import skeleton

    target = FORMATS[options.to] if options.to else _format_of(options.target)
    if options.target.exists() and not options.force:
        raise ValueError(f"{options.target} exists; --force overwrites it")
    rate_hz = USUAL_RATE_HZ if options.rate is None else options.rate
    results = read_results(
        options.source,
        options.format,
        skeleton=skeleton(options.skeleton) if options.skeleton else None,
        rate_hz=rate_hz,
    )
    with target.writer(options.target, results.skeleton) as file:
        for frame in results.frames:
            file.add(frame)
    people = sum(len(frame.tracks) for frame in results.frames)
    source = results.read_from or options.source
    counts = f"{len(results.frames)} frames, {people} people"
    print(printable(f"{source}: {counts}, {results.skeleton.id}"))
    for note in results.notes:
        print(printable(f"  note: {note}"))
    if not results.has_stamps and "stamps" in target.holds:
        print(f"  note: {options.source} tells no times: written are those of {rate_hz:g} frames/s")
    for loss in losses(results, target):
        print(f"  lost, {target.name} has no room for it: {loss}")
    print(f"{options.target}: {target.name}")


def _format_of(path: Path) -> Format:
    """Tell the format of a file to be written by its name."""
    if path.suffix not in OF_SUFFIX:
        raise ValueError(
            f"{path}: {path.suffix or 'no suffix'} tells no format; name one of "
            f"{', '.join(FORMATS)} by --to"
        )
    return FORMATS[OF_SUFFIX[path.suffix]]
