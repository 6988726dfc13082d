from __future__ import annotations

import json
from dataclasses import replace

import cv2
import made_bags as made
import numpy as np
import pytest
from made_clip import decoded, make_clip
from made_run import Kept, MadePipeline, MadeSource

from alphapose_ros.config import Config, parse_setting, with_values
from alphapose_ros.io.bag_source import BagTopics
from alphapose_ros.io.sinks import SINKS, files_of
from alphapose_ros.io.sources import open_sources
from alphapose_ros.io.video_sources import StreamSource
from alphapose_ros.offline.folder import Earlier
from alphapose_ros.offline.run import Wish, run_source
from alphapose_ros.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("deadline")
FILES = {"json": "results.json", "video": "overlay.mp4", "sheet": "contact_sheet.png"}


def run(folder, source=None, **options):
    options.setdefault("build_pipeline", MadePipeline)
    wish = options.pop("wish", Wish(config=Config(), save=("json", "csv")))
    return run_source(source or MadeSource(), folder, wish, **options)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip, and the settings for it."""
    path, *settings = make_clip(tmp_path_factory.mktemp("clip"), frames=25)
    values = dict(parse_setting(text) for text in settings[1::2])
    return path, with_values(Config(), values)


def real_run(clip, folder, *, concurrent=True, **changes):
    path, config = clip
    [source] = open_sources([path])
    wish = Wish(config=with_values(config, changes), save=tuple(FILES), concurrent=concurrent)
    with source:
        return run_source(source, folder, wish)


@pytest.fixture(scope="module")
def first(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    return folder, real_run(clip, folder)


@pytest.mark.parametrize("concurrent", [True, False])
def test_with_fixed_threads_every_run_gives_the_same(clip, first, tmp_path, concurrent):
    expected, summary = first
    real_run(clip, tmp_path, concurrent=concurrent)
    for name in ("results.json", "contact_sheet.png"):
        assert (tmp_path / name).read_bytes() == (expected / name).read_bytes()
    assert decoded(tmp_path / "overlay.mp4") == decoded(expected / "overlay.mp4")
    people = json.loads((expected / "results.json").read_text())
    assert len(people) == summary.poses > 50


def test_it_gives_what_the_pipeline_gives_frame_by_frame(clip, first):
    path, config = clip
    pipeline = Pipeline(config)
    [source] = open_sources([path])
    with source:
        results = [pipeline.run(item.frame) for item in source]
    expected = [
        (track_id, *box)
        for result in results
        for track_id, box, row in zip(
            result.tracks.ids,
            result.tracks.poses.boxes,
            result.tracks.detection_rows,
            strict=True,
        )
        if row >= 0
    ]
    people = json.loads((first[0] / "results.json").read_text())
    found = [(one["idx"], *one["box"][:2]) for one in people]
    np.testing.assert_allclose(found, np.array(expected)[:, :3], atol=0.01)


def test_every_sink_has_a_file_of_its_own():
    names = files_of(list(SINKS), "alphapose")
    assert len(set(names)) == len(names) == len(SINKS)
    with pytest.raises(ValueError, match="--save: 'film' is none of json, video"):
        files_of(["film"], "alphapose")
    with pytest.raises(ValueError, match=r"would both write results\.csv"):
        files_of(["json", "csv"], "csv")
    with pytest.raises(ValueError, match="--format: 'xml' is none of alphapose"):
        files_of(["json"], "xml")


@pytest.mark.parametrize("name", SINKS)
def test_every_sink_writes_what_it_is_said_to(name, tmp_path):
    wish = Wish(config=Config(), save=(name,))
    try:
        summary = run(tmp_path, wish=wish)
    except ValueError as error:  # a library that not everybody has
        pytest.skip(str(error))
    [file] = files_of([name], "alphapose")
    is_usable = name != "attention"  # whose people have to be larger
    assert (tmp_path / file).exists() == is_usable
    left = {path.name for path in tmp_path.iterdir()} - {file, "summary.json"}
    assert not left and summary.frames == 12


def test_what_is_usual_depends_on_the_source(tmp_path):
    for is_sequence, expected in ((True, "overlay.mp4"), (False, "images")):
        folder = tmp_path / expected
        run(folder, MadeSource(is_sequence=is_sequence), wish=Wish(config=Config()))
        names = sorted(path.name for path in folder.iterdir())
        assert names == sorted(["contact_sheet.png", "results.json", "summary.json", expected])


def test_pictures_of_any_size_become_pictures_of_their_names(tmp_path):
    (tmp_path / "in").mkdir()
    for name, size in (("a.png", (60, 40)), ("b.jpg", (30, 90))):
        cv2.imwrite(str(tmp_path / "in" / name), np.full((size[1], size[0], 3), 80, np.uint8))
    [source] = open_sources([str(tmp_path / "in")])
    wish = Wish(config=Config(), save=("images", "video", "json"))
    with source:
        summary = run_source(source, tmp_path / "out", wish, build_pipeline=MadePipeline)
    assert summary.frames == 2
    shapes = [cv2.imread(str(path)).shape for path in sorted((tmp_path / "out/images").iterdir())]
    assert shapes == [(40, 60, 3), (90, 30, 3)]
    names = [one["image_id"] for one in json.loads((tmp_path / "out/results.json").read_text())]
    assert names == ["a.png", "b.jpg"]


def test_an_earlier_run_is_refused_resumed_or_overwritten(tmp_path):
    assert run(tmp_path).frames == 12
    with pytest.raises(FileExistsError, match="--resume"):
        run(tmp_path)
    assert run(tmp_path, earlier=Earlier.RESUMED) is None
    assert run(tmp_path, earlier=Earlier.OVERWRITTEN).frames_resumed == 0


def test_a_run_that_failed_is_resumed_and_only_then_people_are_remembered(tmp_path):
    made = []

    def build(config, fails=()):
        made.append(MadePipeline(config, fails))
        return made[-1]

    broken = OSError("unplugged")
    watch = Kept(add=broken, at=5)
    with pytest.raises(OSError, match="unplugged"):
        run(tmp_path, watch=watch, build_pipeline=build)
    summary = run(tmp_path, earlier=Earlier.RESUMED, build_pipeline=build)
    assert [pipeline.kept for pipeline in made] == [0, 1]
    assert summary.frames == 12 and summary.frames_resumed >= 5
    run(tmp_path / "whole")
    for name in ("results.json", "results.csv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_other_settings_of_networks_are_refused_and_others_taken(tmp_path):
    def wish(**values):
        values = {name.replace("__", "."): value for name, value in values.items()}
        return Wish(config=with_values(Config(), values), save=("json",))

    stopped = OSError("stopped")
    with pytest.raises(OSError, match="stopped"):
        run(tmp_path, wish=wish(), watch=Kept(add=stopped))
    with pytest.raises(ValueError, match=r"pose\.flip was false, now true"):
        run(tmp_path, wish=wish(pose__flip=True), earlier=Earlier.RESUMED)
    other = wish(tracker__max_age_s=1.5, output__privacy=True)
    assert run(tmp_path, wish=other, earlier=Earlier.RESUMED).frames_resumed >= 3


class MadeStream(StreamSource, MadeSource):
    """A camera of which twelve images come, and then no more."""

    def __init__(self):
        MadeSource.__init__(self, name="camera 0")

    __enter__, __exit__, __iter__ = MadeSource.__enter__, MadeSource.__exit__, MadeSource.__iter__


def test_a_camera_that_is_stopped_has_been_recorded_completely(tmp_path):
    made = []

    def build(config):
        made.append(MadePipeline(config))
        return made[-1]

    summary = run(tmp_path, MadeStream(), build_pipeline=build)
    assert summary.is_complete and made[0].kept == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "results.csv",
        "results.json",
        "summary.json",
    ]
    with pytest.raises(ValueError, match="camera 0 cannot be read a second time"):
        run(tmp_path, MadeStream(), earlier=Earlier.RESUMED)


def all_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("earlier", [Earlier.RESUMED, Earlier.OVERWRITTEN])
def test_nothing_is_removed_until_the_pipeline_stands(tmp_path, earlier):
    def broken(config):
        raise ValueError("no such weights")

    stopped = OSError("stopped")
    with pytest.raises(OSError, match="stopped"):
        run(tmp_path, watch=Kept(add=stopped))
    before = all_of(tmp_path)
    with pytest.raises(ValueError, match="no such weights"):
        run(tmp_path, earlier=earlier, build_pipeline=broken)
    assert all_of(tmp_path) == before


def test_other_findings_are_refused_before_anything_is_removed(tmp_path):
    stopped = OSError("stopped")
    with pytest.raises(OSError, match="stopped"):
        run(tmp_path, watch=Kept(add=stopped))
    before = all_of(tmp_path)
    flipped = Wish(config=with_values(Config(), {"pose.flip": True}), save=("json", "csv"))
    with pytest.raises(ValueError, match=r"pose\.flip was false, now true"):
        run(tmp_path, wish=flipped, earlier=Earlier.RESUMED)
    assert all_of(tmp_path) == before


def test_a_topic_that_cannot_be_copied_does_not_cost_the_earlier_run(tmp_path):
    made.write(tmp_path / "bag", made.camera())
    [source] = open_sources([str(tmp_path / "bag")])
    out = tmp_path / "out"
    wish = Wish(config=Config(), save=("bag", "json"), copy=("/camera/camera_info",))
    run(out, source, wish=wish)
    before = all_of(out)
    with pytest.raises(OSError, match="no topic '/nowhere'"):
        run(out, source, wish=replace(wish, copy=("/nowhere",)), earlier=Earlier.OVERWRITTEN)
    assert all_of(out) == before


def test_a_bag_that_is_read_is_not_replaced_by_the_one_that_is_written(tmp_path):
    out = tmp_path / "out"
    made.write(tmp_path / "bag", made.camera())
    [first] = open_sources([str(tmp_path / "bag")])
    wish = Wish(config=Config(), save=("bag",), copy=("*",))
    run(out, first, wish=wish)
    before = all_of(out)
    [second] = open_sources([str(out / "bag")])
    with pytest.raises(FileExistsError, match="is read by this run"):
        run(out, second, wish=wish, earlier=Earlier.OVERWRITTEN)
    assert all_of(out) == before
    assert run(tmp_path / "other", second, wish=wish).frames == 10


def test_another_topic_is_named_when_a_run_is_resumed(tmp_path):
    made.write(tmp_path / "bag", made.camera(topic="/a/image") + made.camera(topic="/b/image"))
    wish = Wish(config=Config(), save=("json",), limit=3)
    for image, earlier in (("/a/image", Earlier.REFUSED), ("/b/image", Earlier.RESUMED)):
        topics = BagTopics(image=image)
        [source] = open_sources([str(tmp_path / "bag")], topics=topics)
        if earlier is Earlier.REFUSED:
            run(tmp_path / "out", source, wish=wish)
            continue
        wish = replace(wish, limit=5)
        with pytest.raises(ValueError, match=r'--topics image was "/a/image", now "/b/image"'):
            run(tmp_path / "out", source, wish=wish, earlier=earlier)
