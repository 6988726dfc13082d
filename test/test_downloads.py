"""Downloads from a server on this machine that can be told to behave badly."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import threading
import zipfile
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest

from alphapose_ros import downloads
from alphapose_ros.downloads import (
    DownloadError,
    download,
    fetch_weights,
    record,
    recorded,
    unpack_graph,
)
from alphapose_ros.zoo_table import Weights

CONTENT = bytes(range(256)) * 4000  # 1 MB
HASH = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


@dataclass
class Behaviour:
    """What the server does; the requests that it got."""

    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    has_ranges: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes, answer by answer
    status: list[int] = field(default_factory=list)  # answer by answer, then 200
    is_frank: bool = True  # says how long the answer is
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    @property
    def ranges(self):
        return [headers.get("Range") for _, headers in self.requests]


@pytest.fixture
def serve(monkeypatch):
    """Start servers; without proxies, mirrors and pauses of whoever runs this."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("ALPHAPOSE_ROS_MIRROR", raising=False)
    monkeypatch.setattr(downloads, "FIRST_PAUSE_S", 0.001)
    servers = []

    def start(**behaviour):
        told = Behaviour(**behaviour)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self, told)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        told.url = f"http://127.0.0.1:{server.server_port}/models/net.pth"
        return told

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(handler, told):
    told.requests.append((handler.path, dict(handler.headers)))
    status = told.status.pop(0) if told.status else 200
    if status != 200:
        handler.send_error(status)
        return
    begin, wanted = 0, handler.headers.get("Range")
    same = handler.headers.get("If-Range") in told.headers.values()
    if wanted and told.has_ranges and same:
        begin, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
    if begin >= len(told.content):
        handler.send_error(416)
        return
    body = told.content[begin:]
    handler.send_response(status)
    if status == 206:
        last = len(told.content) - 1
        handler.send_header("Content-Range", f"bytes {begin}-{last}/{len(told.content)}")
    if told.is_frank:
        handler.send_header("Content-Length", str(len(body)))
    for name, value in told.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[: told.break_after.pop(0)] if told.break_after else body)
    handler.close_connection = True


@pytest.fixture
def file(tmp_path):
    return tmp_path / "cache/net.pth"


def left(file):
    return sorted(path.name for path in file.parent.iterdir())


def test_a_file_is_fetched_whole_and_nothing_else_stays(serve, file):
    server, seen = serve(), []
    found = download(server.url, file, sha256=HASH, progress=lambda *now: seen.append(now))
    assert file.read_bytes() == CONTENT
    assert found == HASH
    assert left(file) == ["net.pth"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [there for there, _ in seen] == sorted(there for there, _ in seen)
    assert server.ranges == [None]


def test_a_connection_that_breaks_off_is_taken_up_where_it_stopped(serve, file):
    server = serve(break_after=[HALF, 1000])
    download(server.url, file, sha256=HASH)
    assert file.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert server.requests[1][1]["If-Range"] == '"one"'


def test_a_later_call_goes_on_too(serve, file, monkeypatch):
    server = serve()

    def stop(there, total):
        if there > HALF:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.url, file, progress=stop)
    assert not file.exists()
    there = (file.parent / "net.pth.part").stat().st_size
    assert HALF < there < len(CONTENT)
    assert download(server.url, file) == HASH
    assert server.ranges == [None, f"bytes={there}-"]
    assert left(file) == ["net.pth"]


@pytest.mark.parametrize(
    ("behaviour", "asked"),
    [
        ({"has_ranges": False}, f"bytes={HALF}-"),
        ({"headers": {"ETag": 'W/"weak"'}}, None),
        ({"headers": {}}, None),
    ],
    ids=["no ranges", "weak tag", "no tag"],
)
def test_where_nothing_can_be_gone_on_with_everything_is_fetched_again(
    serve, file, behaviour, asked
):
    server = serve(break_after=[HALF], **behaviour)
    assert download(server.url, file) == HASH
    assert file.read_bytes() == CONTENT
    assert server.ranges == [None, asked]


def test_as_long_as_something_comes_it_is_not_given_up(serve, file):
    server = serve(break_after=[1000] * (2 * downloads.TRIES))
    assert download(server.url, file) == HASH
    assert len(server.requests) == 2 * downloads.TRIES + 1


def test_a_date_serves_where_there_is_no_tag(serve, file):
    server = serve(break_after=[HALF], headers={"Last-Modified": formatdate(0, usegmt=True)})
    assert download(server.url, file) == HASH
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(serve, file):
    file.parent.mkdir()
    (file.parent / "net.pth.part").write_bytes(b"old" * 1000)
    (file.parent / "net.pth.part.tag").write_text('"zero"')
    server = serve()
    assert download(server.url, file) == HASH
    assert server.ranges == ["bytes=3000-"]


def test_more_than_the_whole_file_is_thrown_away(serve, file):
    file.parent.mkdir()
    (file.parent / "net.pth.part").write_bytes(CONTENT + b"more")
    (file.parent / "net.pth.part.tag").write_text('"one"')
    assert download(serve().url, file) == HASH
    assert file.read_bytes() == CONTENT


def test_trouble_of_the_server_passes(serve, file):
    server = serve(status=[500, 503])
    assert download(server.url, file) == HASH
    assert len(server.requests) == 3


def test_trouble_that_stays_is_an_error(serve, file):
    server = serve(status=[500] * 99)
    with pytest.raises(DownloadError, match=r"cannot fetch http://.* the server answers 500"):
        download(server.url, file)
    assert len(server.requests) == downloads.TRIES


def test_a_server_that_always_breaks_at_the_same_place_is_given_up(serve, file):
    server = serve(break_after=[HALF] * 99, has_ranges=False)
    with pytest.raises(DownloadError, match=f"broke off after {HALF:,} of {len(CONTENT):,} bytes"):
        download(server.url, file)
    assert len(server.requests) == 1 + downloads.TRIES
    assert not file.exists()


def test_a_file_that_is_not_there_is_not_asked_for_again(serve, file):
    server = serve(status=[404])
    with pytest.raises(DownloadError, match="answers 404 Not Found; is there a newer address"):
        download(server.url, file)
    assert len(server.requests) == 1


def test_a_web_page_is_no_file(serve, file):
    server = serve(headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(DownloadError, match="is a web page, not a file: a log-in of the network"):
        download(server.url, file)


def test_a_file_of_unknown_length_is_fetched(serve, file):
    seen = []
    server = serve(is_frank=False)
    assert download(server.url, file, progress=lambda *now: seen.append(now)) == HASH
    assert seen[-1] == (len(CONTENT), 0)


def test_a_file_with_a_wrong_hash_is_not_kept(serve, file):
    file.parent.mkdir()
    file.write_bytes(b"what was there")
    with pytest.raises(DownloadError, match=f"has the SHA-256 {HASH}, not {'0' * 64}: it is an"):
        download(serve().url, file, sha256="0" * 64)
    assert left(file) == ["net.pth"]
    assert file.read_bytes() == b"what was there"


def test_without_a_network_it_is_said_what_to_do(serve, file, monkeypatch):
    serve()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/net.pth"
    with pytest.raises(DownloadError) as caught:
        download(url, file)
    for part in (url, "without a proxy (https_proxy is not set)", f"save it as {file}"):
        assert part in str(caught.value)
    monkeypatch.setenv("http_proxy", url.removesuffix("/net.pth"))
    with pytest.raises(DownloadError, match=r"through the proxy http://127.0.0.1:\d+: "):
        download("http://elsewhere.example/net.pth", file)


def test_requests_go_through_the_proxy(serve, file, monkeypatch):
    proxy = serve()
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/models/net.pth"))
    download("http://elsewhere.example/a/net.pth", file, sha256=HASH)
    assert [path for path, _ in proxy.requests] == ["http://elsewhere.example/a/net.pth"]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_mirror_takes_the_place_of_the_host(serve, file, monkeypatch, end):
    mirror = serve()
    root = mirror.url.removesuffix("/models/net.pth")
    monkeypatch.setenv("ALPHAPOSE_ROS_MIRROR", f"{root}/copies{end}")
    download("https://elsewhere.example/a/net.pth", file, sha256=HASH)
    assert [path for path, _ in mirror.requests] == ["/copies/a/net.pth"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://elsewhere.example/net.pth"])
def test_only_the_web_is_read(file, url, monkeypatch):
    monkeypatch.delenv("ALPHAPOSE_ROS_MIRROR", raising=False)
    with pytest.raises(DownloadError, match="only http and https are read"):
        download(url, file)
    monkeypatch.setenv("ALPHAPOSE_ROS_MIRROR", "file:///etc")
    with pytest.raises(DownloadError, match="only http and https are read"):
        download("https://elsewhere.example/passwd", file)


def test_a_folder_that_cannot_be_written_is_an_error(serve, tmp_path):
    (tmp_path / "folder").touch()  # a file where the folder should be: refused to root as well
    with pytest.raises(DownloadError, match=r"cannot write to .*/folder: .*ALPHAPOSE_ROS_CACHE"):
        download(serve().url, tmp_path / "folder/net.pth")


def test_a_file_in_place_of_the_folder_is_an_error_before_anything_is_asked_for(serve, tmp_path):
    (tmp_path / "afile").touch()
    server = serve()
    with pytest.raises(DownloadError, match=r"write to .*/afile: it is no folder; .*--folder"):
        fetch_weights(entry(server, file="net.pth"), tmp_path / "afile", nothing)
    assert server.requests == []


@pytest.mark.parametrize("taken", ["net.pth", "net.pth.part"])
def test_a_folder_in_place_of_the_file_is_an_error_before_anything_is_asked_for(serve, file, taken):
    (file.parent / taken).mkdir(parents=True)
    server = serve()
    with pytest.raises(DownloadError, match=r"choose another folder \(--folder, ALPHAPOSE_ROS_C"):
        download(server.url, file)
    assert server.requests == []
    assert left(file) == [taken]


def test_a_folder_in_place_of_the_graph_is_an_error_before_its_archive_is_asked_for(
    serve, tmp_path
):
    (tmp_path / "net.onnx").mkdir()
    server = serve(content=archive("a.onnx"))
    with pytest.raises(DownloadError, match=r"net\.onnx is a folder, not a file"):
        fetch_weights(entry(server, onnx="net.onnx"), tmp_path, nothing)
    assert server.requests == []


def test_a_graph_that_cannot_be_put_in_its_place_is_an_error(tmp_path):
    (tmp_path / "net.zip").write_bytes(archive("a.onnx"))
    (tmp_path / "net.onnx").mkdir()
    with pytest.raises(DownloadError, match="cannot write to "):
        unpack_graph(tmp_path / "net.zip", tmp_path / "net.onnx")


def test_a_full_disk_is_an_error_and_what_is_there_stays(serve, file, monkeypatch):
    file.parent.mkdir()
    part = file.parent / "net.pth.part"
    part.write_bytes(CONTENT[:HALF])
    (file.parent / "net.pth.part.tag").write_text('"one"')
    real_open = type(file).open

    class Full:
        def __init__(self, opened):
            self._opened = opened

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._opened.close()

        def write(self, chunk):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def small_disk(path, mode="r", *arguments, **options):
        opened = real_open(path, mode, *arguments, **options)
        return Full(opened) if mode == "ab" else opened

    monkeypatch.setattr(type(file), "open", small_disk)
    with pytest.raises(DownloadError, match="No space left on device; make room"):
        download(serve().url, file)
    assert part.stat().st_size == HALF


def archive(*names, content=CONTENT):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("deploy.json", "{}")
        for name in names:
            opened.writestr(name, content)
    return packed.getvalue()


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"  # where the two headers of an entry begin


def spoilt(what):
    """Return an archive of one graph, with something written over its headers or its bytes."""
    packed = bytearray(archive("a.onnx"))
    local, central = packed.rindex(LOCAL), packed.rindex(CENTRAL)
    if what == "encrypted":
        packed[local + 6] |= 1
        packed[central + 8] |= 1
    elif what == "unknown method":
        packed[local + 8] = packed[central + 10] = 77
    elif what == "no deflate stream":
        packed[local + 30 + len("a.onnx")] = 0xFF
    return bytes(packed)


def entry(server, sha256="", **fields):
    is_graph = "onnx" in fields
    usual = {
        "name": "net",
        "task": "pose",
        "network": "",
        "input_size": (256, 192),
        "licence": "Apache-2.0",
        "url": server.url.replace("net.pth", "net.zip" if is_graph else "net.pth"),
        "sha256": sha256,
    }
    return Weights(**usual, **fields)


def nothing(there, total):
    pass


def test_weights_go_into_the_cache_and_their_hash_is_noted(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("ALPHAPOSE_ROS_CACHE", str(tmp_path / "cache"))
    server = serve()
    weights = entry(server, file="net.pth")
    file = fetch_weights(weights, None, nothing)
    assert file == tmp_path / "cache/net.pth"
    noted = {
        "sha256": HASH,
        "bytes": len(CONTENT),
        "url": server.url,
        "fetched_sha256": HASH,
    }
    assert json.loads((tmp_path / "cache/hashes.json").read_text()) == {"net.pth": noted}
    server.content = CONTENT + b"changed"
    with pytest.raises(DownloadError, match=f"not {HASH}: it is another file than it was"):
        fetch_weights(weights, None, nothing)
    assert file.read_bytes() == CONTENT


def test_a_graph_is_taken_out_of_its_archive(serve, tmp_path):
    packed = archive("some/../../folder/end2end.onnx")
    weights = entry(
        serve(content=packed), onnx="net.onnx", sha256=hashlib.sha256(packed).hexdigest()
    )
    file = fetch_weights(weights, tmp_path / "mine", nothing)
    assert file == tmp_path / "mine/net.onnx"
    assert file.read_bytes() == CONTENT
    assert left(file) == ["hashes.json", "net.onnx"]
    assert recorded(file)["sha256"] == HASH
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (archive(), "must hold one .onnx"),
        (archive("a.onnx", "b.onnx"), "must hold one .onnx"),
        (archive("a.onnx")[:-100], "damaged archive"),
        (spoilt("encrypted"), "damaged archive .*encrypted"),
        (spoilt("unknown method"), "damaged archive"),
        (spoilt("no deflate stream"), "damaged archive"),
    ],
    ids=["none", "two", "damaged", "encrypted", "unknown method", "no deflate stream"],
)
def test_an_archive_that_holds_something_else_is_refused(serve, tmp_path, packed, message):
    with pytest.raises(DownloadError, match=message):
        fetch_weights(entry(serve(content=packed), onnx="net.onnx"), tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_would_fill_the_disk_is_not_unpacked(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "LARGEST_GRAPH_BYTES", len(CONTENT) - 1)
    server = serve(content=archive("a.onnx"))
    with pytest.raises(DownloadError, match=r"must hold one \.onnx of at most"):
        fetch_weights(entry(server, onnx="net.onnx"), tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_ends_too_early_is_refused(tmp_path, monkeypatch):
    def end(*arguments):
        raise EOFError

    monkeypatch.setattr(zipfile.ZipExtFile, "read", end)
    (tmp_path / "net.zip").write_bytes(archive("a.onnx"))
    with pytest.raises(DownloadError, match="damaged archive"):
        unpack_graph(tmp_path / "net.zip", tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.zip"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"net.pth": []}', '{"a": 1}', '{"net.pth": {"sha256": 1}}']
)
@pytest.mark.parametrize("use", [recorded, record])
def test_a_damaged_note_of_hashes_is_an_error(tmp_path, text, use):
    (tmp_path / "hashes.json").write_text(text)
    (tmp_path / "net.pth").touch()
    with pytest.raises(DownloadError, match=r"hashes.json is damaged \(.*\); delete it"):
        use(tmp_path / "net.pth")
    assert (tmp_path / "hashes.json").read_text() == text


def test_of_a_file_in_a_folder_that_is_none_nothing_is_recorded(tmp_path):
    (tmp_path / "afile").touch()
    assert recorded(tmp_path / "afile/net.pth") == {}
