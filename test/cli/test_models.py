from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch

from alphapose_ros import downloads
from alphapose_ros.cli import main
from alphapose_ros.downloads import DownloadError, hash_of, record, recorded
from alphapose_ros.pose import build_pose_network
from alphapose_ros.zoo import EMBEDDED, ZOO, find_weights, is_embedded, main_path

NAME = "fastpose_small_halpe_136"
BY_HAND = "fastpose_res50_coco_17_heatmap"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ALPHAPOSE_ROS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def small(monkeypatch, cache):
    """An entry that is small enough to be built and loaded, and its file."""
    weights = replace(
        find_weights(NAME),
        name="small",
        skeleton="coco_17",
        file="small.pth",
        onnx="",
        url="https://nowhere.example/small.pth",
    )
    monkeypatch.setitem(ZOO, "small", weights)
    cache.mkdir()
    torch.manual_seed(0)
    torch.save(build_pose_network("fastpose_small", "coco_17").state_dict(), cache / "small.pth")
    return weights, cache / "small.pth"


@pytest.fixture
def fetched(monkeypatch):
    """Stand in for the network: what would be fetched, and where to."""
    calls = []

    def fetch(weights, folder, progress):
        calls.append((weights.name, folder))
        progress(1, 2)
        progress(2, 2)
        return main_path(weights) if folder is None else folder / main_path(weights).name

    monkeypatch.setattr(downloads, "fetch_weights", fetch)
    return calls


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_all_weights_are_listed(capsys, arguments):
    assert main(["models", *arguments]) == 0
    listed = capsys.readouterr().out.splitlines()
    names = {line.partition(" ")[0] for line in listed}
    assert set(ZOO) <= names
    state = {line.split()[0]: line.split()[3] for line in listed if line.startswith(tuple(ZOO))}
    assert state[NAME] == "embedded"
    assert state["yolox_s"] == "download"
    assert state[BY_HAND] == "by"
    assert state["hrnet_w48_coco_17_heatmap_384x288"] == "train"


def test_a_file_that_has_been_fetched_is_listed_as_here(capsys, small):
    main(["models"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("small"))
    assert line.split()[3] == "here"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--task", "detection"], {n for n, w in ZOO.items() if w.task == "detection"}),
        (["--task", "reid"], {n for n, w in ZOO.items() if w.task == "reid"}),
        (["--skeleton", "halpe_68"], {"fastpose_res50_dcn_halpe_68_combined"}),
    ],
)
def test_the_list_can_be_narrowed(capsys, arguments, wanted):
    main(["models", "list", *arguments])
    listed = capsys.readouterr().out.split("\n\n")[0].splitlines()[1:]
    assert {line.split()[0] for line in listed} == wanted


def test_of_embedded_weights_the_card_is_printed(capsys):
    for name in filter(lambda name: is_embedded(ZOO[name]), ZOO):
        assert main(["models", "info", name]) == 0
        assert capsys.readouterr().out.strip() == (EMBEDDED / f"{name}.md").read_text().strip()


@pytest.mark.parametrize("name", [name for name in ZOO if not is_embedded(ZOO[name])])
def test_of_other_weights_everything_that_is_known_is_printed(capsys, cache, name):
    assert main(["models", "info", name]) == 0
    printed = capsys.readouterr().out
    weights = ZOO[name]
    for fact in (
        weights.network,
        weights.official,
        weights.reported,
        weights.licence,
        weights.terms,
        weights.url,
        weights.sha256,
        weights.note,
        str(cache / (weights.file or weights.onnx)),
    ):
        assert fact in printed


def test_an_unknown_name_is_an_error(capsys):
    assert main(["models", "info", "yoloxs"]) == 1
    assert "unknown model 'yoloxs'; do you mean yolox_s" in capsys.readouterr().err


def test_files_are_fetched_and_it_is_said_where_to(capsys, fetched, cache):
    assert main(["models", "download", "yolox_s", "yolox_tiny", NAME]) == 0
    assert fetched == [("yolox_s", None), ("yolox_tiny", None)]
    shown = capsys.readouterr()
    assert f"yolox_s: {cache / 'yolox_s.pth'}" in shown.out
    assert f"{NAME}: {EMBEDDED / NAME}.safetensors is there" in shown.out
    assert "yolox_s: 0.0 MB of 0.0" in shown.err


def test_files_are_fetched_into_a_folder_of_ones_own(capsys, fetched, tmp_path):
    assert main(["models", "download", "--folder", str(tmp_path), "yolox_s"]) == 0
    assert fetched == [("yolox_s", tmp_path)]
    assert "pose.weights=FILE or detector.weights=FILE" in capsys.readouterr().out


def test_a_file_that_is_there_is_not_fetched_again_unless_its_hash_is_wrong(small, fetched):
    _, file = small
    record(file)
    assert main(["models", "download", "small"]) == 0
    assert fetched == []
    file.write_bytes(b"damaged")
    assert main(["models", "download", "small"]) == 0
    assert fetched == [("small", None)]


def test_of_a_file_whose_hash_is_not_known_it_is_said_what_checks_it(capsys, small, fetched):
    _, file = small
    assert main(["models", "download", "small", NAME]) == 0
    said = capsys.readouterr().out.splitlines()
    check = "its hash is not known: `alphapose models verify small` checks it"
    assert said[0] == f"small: {file} is there; {check}"
    assert said[1].endswith("is there")  # embedded
    record(file)
    assert main(["models", "download", "small"]) == 0
    assert capsys.readouterr().out == f"small: {file} is there\n"
    assert fetched == []


def test_no_check_is_promised_of_a_file_in_a_folder_of_ones_own(capsys, small, fetched, tmp_path):
    (tmp_path / "small.pth").touch()
    assert main(["models", "download", "--folder", str(tmp_path), "small"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"small: {tmp_path / 'small.pth'} is there; its hash is not known"
    assert fetched == []


def test_a_file_in_place_of_the_folder_is_a_clear_error(capsys, tmp_path):
    (tmp_path / "afile").touch()
    assert main(["models", "download", "--folder", str(tmp_path / "afile"), "yolox_s"]) == 1
    said = capsys.readouterr().err
    assert "it is no folder; choose another folder (--folder, ALPHAPOSE_ROS_CACHE)" in said


def test_a_failed_download_is_an_error(monkeypatch, capsys):
    def fail(*arguments):
        raise DownloadError("no network")

    monkeypatch.setattr(downloads, "fetch_weights", fail)
    assert main(["models", "download", "yolox_s"]) == 1
    assert capsys.readouterr().err == "alphapose models: no network\n"


def test_nothing_is_fetched_while_terms_are_not_accepted(capsys, fetched):
    with pytest.raises(SystemExit) as refused:
        main(["models", "download", "yolox_s", BY_HAND])
    assert refused.value.code == 2
    assert fetched == []
    said = capsys.readouterr().err
    assert said.index("non-commercial research only") < said.index("refused; say --accept-license")
    assert "https://github.com/MVIG-SJTU/AlphaPose/blob/master/LICENSE" in said


def test_with_terms_accepted_it_is_said_where_a_file_is_to_be_had_by_hand(capsys, fetched, cache):
    with pytest.raises(SystemExit) as missing:
        main(["models", "download", "--accept-license", BY_HAND])
    assert missing.value.code == 1
    said = capsys.readouterr().err
    assert "non-commercial research only" in said
    assert f"{cache / 'fast_res50_256x192.pth'} is missing; no command can fetch it" in said
    assert "docs/MODEL_ZOO.md" in said
    cache.mkdir()
    (cache / "fast_res50_256x192.pth").touch()
    assert main(["models", "download", "--accept-license", BY_HAND]) == 0


def test_terms_of_a_file_that_a_command_can_fetch_hold_too(monkeypatch, capsys, fetched):
    monkeypatch.setitem(ZOO, "yolox_s", replace(find_weights("yolox_s"), terms="Only on Mondays."))
    with pytest.raises(SystemExit, match="2"):
        main(["models", "download", "yolox_s"])
    assert fetched == []
    assert main(["models", "download", "yolox_s", "--accept-license"]) == 0
    assert fetched == [("yolox_s", None)]
    assert capsys.readouterr().err.count("Only on Mondays.") == 2


def test_the_hash_of_a_file_is_noted_when_it_is_first_verified(capsys, small):
    _, file = small
    assert main(["models", "verify", "small"]) == 0
    assert f"small: loads; hash noted: {hash_of(file)}" in capsys.readouterr().out
    assert recorded(file)["bytes"] == file.stat().st_size
    assert main(["models", "verify", "small"]) == 0
    assert "small: hash as it should be, loads" in capsys.readouterr().out


def test_where_the_hash_cannot_be_noted_the_rest_is_verified_all_the_same(
    capsys, small, monkeypatch
):
    def refuse(file):
        raise DownloadError("read-only")

    monkeypatch.setattr(downloads, "record", refuse)
    assert main(["models", "verify", "small", NAME]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["small: loads; hash could not be noted: read-only", f"{NAME}: loads"]


def test_without_names_all_files_that_are_there_are_verified(capsys, small):
    assert main(["models", "verify"]) == 0
    verified = {line.partition(":")[0] for line in capsys.readouterr().out.splitlines()}
    assert verified == {"small", *(name for name in ZOO if is_embedded(ZOO[name]))}


def test_a_changed_file_is_found(capsys, small):
    _, file = small
    main(["models", "verify", "small"])
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    file.write_bytes(content)
    with pytest.raises(SystemExit, match="1"):
        main(["models", "verify", "small"])
    assert "WRONG: " in (said := capsys.readouterr().out)
    assert "damaged or was changed; delete it, then fetch it by `alphapose models dow" in said


def test_a_file_with_a_hash_that_the_table_does_not_have_is_found(capsys, small, monkeypatch):
    weights, _ = small
    monkeypatch.setitem(ZOO, "small", replace(weights, sha256="0" * 64))
    with pytest.raises(SystemExit, match="1"):
        main(["models", "verify", "small"])
    assert f"not {'0' * 64}" in capsys.readouterr().out


def test_the_file_of_another_network_is_found(capsys, small, monkeypatch):
    weights, _ = small
    monkeypatch.setitem(ZOO, "small", replace(weights, skeleton="halpe_26"))
    with pytest.raises(SystemExit, match="1"):
        main(["models", "verify", "small"])
    assert "small: WRONG: " in (said := capsys.readouterr().out)
    assert "conv_out.weight is (17" in said


def test_a_missing_file_is_no_verified_one(capsys):
    with pytest.raises(SystemExit, match="1"):
        main(["models", "verify", "yolox_s"])
    assert "yolox_s: WRONG: yolox_s lacks its file" in capsys.readouterr().out


def test_a_file_is_identified(capsys, small):
    assert main(["models", "identify", str(small[1])]) == 0
    assert "fastpose_small" in (said := capsys.readouterr().out)
    assert "17 keypoints" in said
    assert main(["models", "identify", "/nowhere.pth"]) == 1


def test_a_graph_is_written_for_weights_of_ones_own(monkeypatch, tmp_path):
    pytest.importorskip("onnxscript")
    calls = []
    monkeypatch.setattr("alphapose_ros.models.export.export", lambda *given: calls.append(given))
    path = tmp_path / "my.onnx"
    assert main(["models", "export", NAME, str(path), "--weights", "my.safetensors"]) == 0
    assert calls == [(find_weights(NAME), path, "my.safetensors")]


@pytest.mark.parametrize("own", [[], ["--weights", "my.pth"]])
def test_what_is_a_graph_already_is_not_written_as_one(capsys, cache, own):
    pytest.importorskip("onnxscript")
    name = "rtmw_l_coco_wholebody_133"
    assert main(["models", "export", name, "my.onnx", *own]) == 1
    assert f"{name} is a graph already: {cache / name}.onnx" in capsys.readouterr().err


def test_a_graph_of_unknown_weights_is_an_error(capsys):
    pytest.importorskip("onnxscript")
    assert main(["models", "export", "nothing", "my.onnx"]) == 1
    assert "unknown model 'nothing'" in capsys.readouterr().err


def test_without_the_exporter_it_is_said_what_to_install(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "alphapose_ros.models.export", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["models", "export", NAME, "my.onnx"]) == 1
    assert "export needs onnx: pip install onnx onnxscript" in capsys.readouterr().err
