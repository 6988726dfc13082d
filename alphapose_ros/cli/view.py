"""`alphapose view`: the results of a run as one web page."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphapose_ros.cli.settings import add_settings, chosen

if TYPE_CHECKING:
    from alphapose_ros.io.formats.results import Results

PAGE, OVERLAY = "view.html", "overlay.mp4"  # in the folder of a run


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument(
        "results", type=Path, help="folder of `alphapose run`, result file of any format, or bag"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="page to write")
    parser.add_argument(
        "--video",
        type=Path,
        metavar="FILE",
        help="video to show below; by default that of the run, if it is there",
    )
    parser.add_argument("--no-pictures", action="store_true", help="poses only")
    parser.add_argument(
        "--embed-frames",
        type=int,
        default=0,
        metavar="N",
        help="put N frames of the video into the page, for those who have the page only",
    )
    add_settings(parser)


def run(options: Namespace) -> None:
    """Write the page and say where it is."""
    from dataclasses import replace

    from alphapose_ros.io.formats import read_results
    from alphapose_ros.io.formats.names import printable
    from alphapose_ros.io.formats.results import USUAL_RATE_HZ
    from alphapose_ros.io.page import write_page
    from alphapose_ros.io.page_pictures import pictures_of
    from alphapose_ros.io.video import VideoSource

    if options.embed_frames < 0:
        raise ValueError(f"--embed-frames must be at least 0, is {options.embed_frames}")
    output, told = chosen(options).output, _told(options.results)
    privacy = output.privacy or bool(told.get("made_with", {}).get("output.privacy"))
    if privacy and (options.video or options.embed_frames):
        raise ValueError("output.privacy is set: leave --video and --embed-frames out")
    video = None if privacy or options.no_pictures else options.video or _video(options, told)
    if options.embed_frames and video is None:
        raise ValueError(
            "--embed-frames: there is no video to take frames from; name one by --video"
            + (" and leave --no-pictures out" if options.no_pictures else "")
        )
    rate_hz, image_size = USUAL_RATE_HZ, (0, 0)
    if video is not None:
        with VideoSource(video) as source:
            rate_hz, image_size = source.fps or rate_hz, (source.width, source.height)
    results = read_results(options.results, rate_hz=rate_hz)
    if not results.frames:
        results = _of_nobody(results, told, rate_hz, image_size)
        print(f"{options.results}: there is nobody, and the file tells no frames without people")
    results = replace(results, source_name=told.get("source") or options.results.resolve().name)
    page = options.out or _page(options.results)
    pictures = video and pictures_of(
        results,
        video,
        page,
        stills=options.embed_frames,
        is_drawn=video.name == OVERLAY,
    )
    if pictures and not pictures.video and not options.embed_frames:
        print(
            f"{video}: browsers do not play this codec; show it by `ffmpeg -i {video} -c:v libx264 "
            "shown.mp4` and --video shown.mp4, or put frames into the page (--embed-frames 20)"
        )
    size = write_page(
        page,
        results,
        pictures=pictures or None,
        keypoint_score=output.keypoint_score,
        privacy=privacy,
    )
    for note in results.notes:
        print(printable(note))
    written = f"{len(results.frames)} frames, {size / 1e6:.2f} MB"
    print(printable(f"{page}: {written}; open it in a browser"))


def _page(results: Path) -> Path:
    """Return where the page lies by default: in the folder of the run, or beside the file."""
    return results / PAGE if results.is_dir() else results.with_suffix(".html")


def _of_nobody(
    results: Results, told: dict[str, Any], rate_hz: float, image_size: tuple[int, int]
) -> Results:
    """Return as many frames without people as a run had, or one where that is not known."""
    from dataclasses import replace

    from alphapose_ros.io.formats.people import Picture, frame_results

    count = told.get("frames")
    count = max(count, 1) if isinstance(count, int) else 1
    pictures = [
        Picture(name=f"{index}.jpg", index=index, size=image_size) for index in range(count)
    ]
    frames = frame_results(pictures, results.skeleton, rate_hz)
    return replace(results, frames=frames, has_stamps=False)


def _told(results: Path) -> dict[str, Any]:
    """Return what summary.json of a run says, beside the results or in their folder."""
    from alphapose_ros.io.formats.recognition import told_of_run

    told = told_of_run(results if results.is_dir() else results.parent)
    return told if isinstance(told.get("made_with"), dict) else {}


def _video(options: Namespace, told: dict[str, Any]) -> Path | None:
    """Return the video of the run, or what was drawn of it; None where there is neither."""
    from alphapose_ros.io.formats.recognition import is_output
    from alphapose_ros.io.video import VideoError, VideoSource

    folder = options.results if options.results.is_dir() else options.results.parent
    drawn = [folder / OVERLAY] * is_output(OVERLAY, told)
    for candidate in (Path(str(told.get("source", ""))), *drawn):
        if not candidate.is_file():
            continue
        try:
            with VideoSource(candidate):
                return candidate
        except VideoError:
            continue
    return None
