"""`alphapose compare`: in what two results of the same images differ."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapose_ros.io.formats.results import Results

DIFFERENT = 1  # exit code

EXPLANATION = """A and B are bags (also PATH:/topic where a bag holds tracks on several topics),
result files, or folders of `alphapose run`.

exit code: 0; with --tolerance-px 1 where more differs than is tolerated."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.epilog = EXPLANATION
    parser.add_argument("first", metavar="A", help="bag, result file or folder")
    parser.add_argument("second", metavar="B", help="the same of another run")
    parser.add_argument(
        "--match",
        choices=("auto", "stamp", "name"),
        default="auto",
        help="how frames are matched; auto: by stamp, by name where one has no stamps",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="WHAT",
        help="what is not compared, may be repeated; one of keypoints, keypoint_scores, boxes, "
        "scores, box_scores, identity_scores, states, positions, velocities, facings, "
        "keypoints_3d, tracks, person_ids",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--frames", type=Path, metavar="FILE", help="write a CSV row per frame")
    limits = parser.add_argument_group("for checks")
    limits.add_argument(
        "--tolerance-px",
        type=float,
        metavar="PX",
        help="exit with 1 where keypoints or boxes differ by more, or anything below does",
    )
    for name, default, what in (
        ("score", 0.01, "scores"),
        ("m", 0.01, "positions, and velocities in m/s"),
        ("deg", 1.0, "where people face"),
    ):
        limits.add_argument(
            f"--tolerance-{name}",
            type=float,
            default=default,
            metavar=name.upper(),
            help=f"likewise for {what}; by default {default:g}",
        )


def run(options: Namespace) -> None:
    """Print in what two results differ.

    Raises:
        SystemExit: 1 where more differs than --tolerance-px and its like allow.
    """
    import json

    from alphapose_ros.io.comparing import compare
    from alphapose_ros.io.comparing.report import figures, lines, write_frames
    from alphapose_ros.io.comparing.verdict import Tolerances, differences
    from alphapose_ros.io.formats.names import printable

    first, second = _read_both(options.first, options.second)
    comparison = compare(
        first,
        second,
        by=options.match,
        without=tuple(options.ignore),
    )
    print(printable("\n".join(lines(comparison))))
    if options.json is not None:
        options.json.write_text(json.dumps(figures(comparison), indent=1), encoding="utf-8")
    if options.frames is not None:
        write_frames(comparison, options.frames)
    if options.tolerance_px is None:
        return
    tolerances = Tolerances(
        px=options.tolerance_px,
        score=options.tolerance_score,
        m=options.tolerance_m,
        deg=options.tolerance_deg,
    )
    found = differences(comparison, tolerances)
    said = "\n".join(f"beyond tolerance: {one}" for one in found)
    print(printable(said) or "all is within tolerance")
    if found:
        raise SystemExit(DIFFERENT)


def _read_both(first: str, second: str) -> tuple[Results, Results]:
    """Read both; of the folders of two runs the file that tells most of those that both have.

    Raises:
        OSError, ValueError: they cannot be read; the message names them and the remedy.
    """
    from alphapose_ros.io.formats.recognition import files_of_run

    files = [{path.name: path for path in files_of_run(Path(text))} for text in (first, second)]
    in_both = next((name for name in files[0] if name in files[1]), None)
    if in_both is None:
        return _read(first), _read(second)
    return _read(first, files[0][in_both]), _read(second, files[1][in_both])


def _read(text: str, file: Path | None = None) -> Results:
    """Read results, of one topic where the text says PATH:/topic; they are called by the text.

    Args:
        text: as given.
        file: of a folder, the file to read.

    Raises:
        OSError, ValueError: they cannot be read; the message names them and the remedy.
    """
    from dataclasses import replace

    from alphapose_ros.io.formats import read_bag, read_results

    path, separator, topic = text.rpartition(":/")
    if separator and not Path(text).exists():
        return replace(read_bag(path, f"/{topic}"), source_name=text)
    results = read_results(file or Path(text))
    return replace(results, source_name=text, read_from=file or results.read_from)
