"""`alphapose run`: the people in a video, as JSON and drawn into the images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from alphapose_ros.cli.settings import add_settings, chosen

USUAL_RATE_HZ = 25.0  # of a video that does not say its own


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument("source", help="video file, picture, stream address or camera number")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    add_settings(parser)


def run(options: Namespace) -> None:
    """Write results.json, overlay.mp4 and contact_sheet.png; Ctrl-C ends it in good order."""
    from tqdm import tqdm

    from alphapose_ros.frame import Frame
    from alphapose_ros.io.alphapose import entries, write_results
    from alphapose_ros.io.overlay import OverlayFilm
    from alphapose_ros.io.video import read_video
    from alphapose_ros.pipeline import Pipeline

    config, people = chosen(options), []
    with read_video(options.source) as source:
        pipeline = Pipeline(config)
        options.out.mkdir(parents=True, exist_ok=True)
        film = OverlayFilm(
            options.out,
            rate_hz=source.fps or USUAL_RATE_HZ,
            keypoint_score=config.output.keypoint_score,
            privacy=config.output.privacy,
        )
        images = tqdm(source, total=source.frame_count, unit="frame")
        try:
            with film:
                for index, (image, time_s) in enumerate(images):
                    frame = Frame(image=image, stamp_ns=round(time_s * 1e9), index=index)
                    result = pipeline.run(frame)
                    film.add(frame.image, result.tracks, frame.stamp_ns, result.found)
                    people.append(entries(result.tracks, f"{index}.jpg"))
        except KeyboardInterrupt:
            images.close()
            print(f"stopped after {len(people)} frames; what was found until then is kept")
        finally:
            write_results(options.out / "results.json", people)
            pipeline.keep()
    print(f"{len(people)} frames, {sum(map(len, people))} poses: {options.out}")
