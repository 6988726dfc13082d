"""`alphapose synth`: labelled pictures of synthetic people."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument("--assets", type=Path, required=True, help="see docs/synthetic.md")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--count", type=int, required=True, help="of pictures, or of sequences")
    kind = parser.add_mutually_exclusive_group()
    for name, use in {
        "scenes": "several people, for detectors",
        "sequences": "people over time, with depth",
        "identities": "each person many times, for re-identification",
    }.items():
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=use)
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    parser.add_argument("--start", type=int, default=0, help="number of the first picture")
    parser.add_argument(
        "--size", metavar="WxH", help="[crops 192x256, 640x480, 320x240, identities 80x160]"
    )
    parser.add_argument("--backgrounds", type=Path, help="folder of pictures without people")
    parser.add_argument(
        "--no-environments", action="store_true", help="leave the environment maps alone"
    )
    parser.add_argument("--quality", type=int, default=92, help="of JPEG files")
    parser.add_argument("--frames", type=int, default=24, help="of a sequence")
    parser.add_argument("--depth-step", type=int, default=1, help="pixels between depth values")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 works in this one")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N")


def run(options: Namespace) -> None:
    """Make the folder."""
    from alphapose_ros.devices import pick_device
    from alphapose_ros.training.synthetic.output import SIZES, Job, write
    from alphapose_ros.training.synthetic.studio import Sources

    kind = options.kind or "crops"
    sources = Sources(
        assets=options.assets,
        seed=options.seed,
        backgrounds=options.backgrounds,
        with_environments=not options.no_environments,
        device=pick_device(options.device),
    )
    job = Job(
        kind=kind,
        out=options.out,
        count=options.count,
        size=_size(options.size) if options.size else SIZES[kind],
        start=options.start,
        quality=options.quality,
        frames=options.frames,
        depth_step=options.depth_step,
    )
    write(job, sources, options.workers)
    print(f"{options.out}: {options.count} {kind}")


def _size(text: str) -> tuple[int, int]:
    """Read "640x480" as height and width.

    Raises:
        ValueError: it does not look so.
    """
    try:
        width, height = (int(word) for word in text.split("x"))
    except ValueError:
        raise ValueError(f"--size {text}: write width and height as in 640x480") from None
    return height, width
