"""Files from the web: resumed where they broke off, checked, and never half there."""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from alphapose_ros.zoo import main_path
from alphapose_ros.zoo_table import Weights

MIRROR = "ALPHAPOSE_ROS_MIRROR"
CHUNK_BYTES = 1 << 18
TIMEOUT_S = 30.0
TRIES = 4  # without a single new byte, until it is given up
FIRST_PAUSE_S = 1.0  # doubled with every such try
LARGEST_GRAPH_BYTES = 2 << 30  # what an archive may unpack to
RECORD = "hashes.json"
HASHES = ("sha256", "fetched_sha256")  # in its entries
OTHER_FOLDER = "choose another folder (--folder, ALPHAPOSE_ROS_CACHE)"
BROKEN = (http.client.HTTPException, OSError)
DAMAGED = (  # what zipfile raises; RuntimeError: encrypted, or packed in a way it does not know
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
)
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers after which one tries again

Progress = Callable[[int, int], None]  # bytes there, bytes in all or 0 where not known


class DownloadError(OSError):
    """A file cannot be fetched; the message says what to do."""


class _BrokenOff(Exception):
    """The connection ended too early, or the server has trouble: worth another try."""


def fetch_weights(weights: Weights, folder: Path | None, progress: Progress) -> Path:
    """Fetch the file of ``weights``, and take it out of its archive where it lies in one.

    What was fetched is noted in hashes.json beside it: where the table has no hash, that of the
    first download holds from then on.

    Args:
        weights: an entry that has a url.
        folder: where to; None for where the networks look for it.
        progress: called as it grows.

    Returns:
        The file.

    Raises:
        DownloadError: it cannot be fetched, is not what it should be, or cannot be written.
    """
    file = main_path(weights) if folder is None else folder / main_path(weights).name
    known = recorded(file)
    _require_writable(file)
    is_archive = weights.url.endswith(".zip")
    fetched = file.with_name(f"{file.name}.zip") if is_archive else file
    sha256 = weights.sha256 or known.get("fetched_sha256", "")
    found = download(weights.url, fetched, sha256=sha256, progress=progress)
    if is_archive:
        try:
            unpack_graph(fetched, file)
        finally:
            fetched.unlink()
    record(file, url=weights.url, fetched_sha256=found)
    return file


def download(
    url: str, file: Path, *, sha256: str = "", progress: Progress = lambda there, total: None
) -> str:
    """Fetch ``url`` into ``file``, going on with FILE.part where one was left.

    Proxies are those of http_proxy, https_proxy and no_proxy. ALPHAPOSE_ROS_MIRROR, where set,
    takes the place of scheme and host. A file with a wrong hash is deleted, since nothing can be
    made of it: it is another version, a page of a proxy, or damaged.

    Args:
        url: http or https.
        file: where it lies in the end; until then it is not there, or the old one.
        sha256: that it must have; "" for any.
        progress: called as it grows.

    Returns:
        The SHA-256 that it has.

    Raises:
        DownloadError: it cannot be fetched, has another hash, or cannot be written.
    """
    url = mirrored(url)
    part = _part(file)
    _require_writable(file)
    most, failures = _size(part), 0
    while True:
        try:
            _fetch(url, part, progress)
            break
        except _BrokenOff as error:
            most, failures = (size, 0) if (size := _size(part)) > most else (most, failures + 1)
            if failures >= TRIES:
                raise DownloadError(_unreachable(url, file, error)) from error
            time.sleep(FIRST_PAUSE_S * 2 ** max(failures - 1, 0))
    found = hash_of(part)
    if sha256 and found != sha256.lower():
        _forget(part)
        raise DownloadError(
            f"{url} has the SHA-256 {found}, not {sha256}: it is another file than it was, or "
            f"damaged on its way. It is deleted; try again, or get it by hand and save it as {file}"
        )
    with _writing(file.parent):
        part.replace(file)
    _forget(part)
    return found


def mirrored(url: str) -> str:
    """Return ``url`` as ALPHAPOSE_ROS_MIRROR would have it, or as it is where that is not set.

    Raises:
        DownloadError: one of them is not http or https.
    """
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    if mirror:
        url = mirror + urlsplit(url).path
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url}: only http and https are read; see {MIRROR}")
    return url


def unpack_graph(archive: Path, file: Path) -> None:
    """Take the one .onnx out of a zip archive; its own name and folder play no part.

    Raises:
        DownloadError: the archive is damaged, or holds none, several, or a huge one, or the graph
            cannot be written.
    """
    part = _part(file)
    try:
        with zipfile.ZipFile(archive) as opened:
            graphs = [entry for entry in opened.infolist() if entry.filename.endswith(".onnx")]
            if len(graphs) != 1 or graphs[0].file_size > LARGEST_GRAPH_BYTES:
                raise DownloadError(f"{archive}: must hold one .onnx of at most 2 GiB")
            with _writing(file.parent):
                with opened.open(graphs[0]) as packed, part.open("wb") as copy:
                    shutil.copyfileobj(packed, copy, CHUNK_BYTES)
                part.replace(file)
    except DAMAGED as error:
        part.unlink(missing_ok=True)
        raise DownloadError(f"{archive}: damaged archive ({error}); try again") from error


def hash_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def recorded(file: Path) -> dict[str, Any]:
    """Return what hashes.json beside ``file`` says of it; empty where nothing.

    Raises:
        DownloadError: hashes.json is damaged.
    """
    return _records(file.parent).get(file.name, {})


def record(file: Path, **origin: str) -> None:
    """Note hash and size of ``file`` in hashes.json beside it, and where it came from.

    Raises:
        DownloadError: hashes.json is damaged, or cannot be written.
    """
    path = file.parent / RECORD
    known = _records(file.parent)
    known[file.name] = {"sha256": hash_of(file), "bytes": file.stat().st_size, **origin}
    part = _part(path)
    with _writing(file.parent):
        part.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", "utf-8")
        part.replace(path)


def _records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what hashes.json in ``folder`` says, by the names of files; empty without any.

    Raises:
        DownloadError: it is damaged.
    """
    path = folder / RECORD
    try:
        known = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise DownloadError(f"{path} is damaged ({error}); delete it") from error
    if not isinstance(known, dict) or not all(map(_is_record, known.values())):
        raise DownloadError(f"{path} is damaged (no hashes by names of files); delete it")
    return known


def _is_record(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key, ""), str) for key in HASHES)


def _require_writable(file: Path) -> None:
    """Find out before anything is fetched whether ``file`` can be written; make its folder.

    Raises:
        DownloadError: it cannot.
    """
    part = _part(file)
    with _writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir():
            raise DownloadError(f"{file} is a folder, not a file: delete it, or {OTHER_FOLDER}")
        with part.open("ab"):
            pass
        if not _size(part):
            part.unlink()


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Write what is missing of ``url`` to ``part``.

    Raises:
        _BrokenOff: something is still missing.
        DownloadError: the server has no such file, or it cannot be written.
    """
    with _answer(url, part) as answer:
        there = _first_byte(answer, part)
        total = there + int(answer.headers.get("Content-Length") or 0)
        is_known = answer.headers.get("Content-Length") is not None
        with _writing(part.parent):
            _tag(part).write_text(_validator(answer), "utf-8")
            opened = part.open("ab" if there else "wb")
        with opened:
            for chunk in _chunks(answer):
                with _writing(part.parent):
                    opened.write(chunk)
                there += len(chunk)
                progress(there, total if is_known else 0)
        if is_known and there < total:
            raise _BrokenOff(f"it broke off after {there:,} of {total:,} bytes")


@contextmanager
def _answer(url: str, part: Path) -> Iterator[http.client.HTTPResponse]:
    """Ask for what is missing, or for all where what is there may be of another version."""
    headers = {"User-Agent": "alphapose_ros", "Accept-Encoding": "identity"}
    tag = _tag(part).read_text("utf-8") if _tag(part).is_file() else ""
    if tag and _size(part):
        headers |= {"Range": f"bytes={_size(part)}-", "If-Range": tag}
    try:
        # A new opener each time: the proxies are those that are set now.
        opener = urllib.request.build_opener()
        answer = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            _forget(part)  # there is as much as of the whole file, or more: not of this one
            raise _BrokenOff("what is there is no part of it") from error
        if error.code in PASSING:
            raise _BrokenOff(f"the server answers {error.code} {error.reason}") from error
        raise DownloadError(
            f"{url}: the server answers {error.code} {error.reason}; is there a newer address? "
            f"{MIRROR} sets another server"
        ) from error
    except BROKEN as error:
        raise _BrokenOff(str(getattr(error, "reason", error)) or type(error).__name__) from error
    with answer:
        if answer.headers.get_content_type() == "text/html":
            raise DownloadError(f"{url} is a web page, not a file: a log-in of the network?")
        yield answer


def _first_byte(answer: http.client.HTTPResponse, part: Path) -> int:
    """Return where in the file the answer begins: 0 where the server sends all of it."""
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {_size(part)}-"):
        _forget(part)
        raise _BrokenOff("the server sends another part than was asked for")
    return _size(part)


def _validator(answer: http.client.HTTPResponse) -> str:
    """Return what tells this version of the file from others; "" where nothing surely does."""
    tag = answer.headers.get("ETag", "")
    return answer.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(CHUNK_BYTES)
        except BROKEN as error:
            raise _BrokenOff(f"it broke off ({error})") from error
        if not chunk:
            return
        yield chunk


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn errors of the disk into what one can do about them."""
    try:
        yield
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room; what is there is gone on with" if is_full else OTHER_FOLDER
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        cause = "it is no folder" if is_file else error.strerror or error
        raise DownloadError(f"cannot write to {folder}: {cause}; {remedy}") from error


def _unreachable(url: str, file: Path, error: Exception) -> str:
    place = urlsplit(url)
    is_direct = urllib.request.proxy_bypass(place.hostname or "")
    proxy = "" if is_direct else urllib.request.getproxies().get(place.scheme, "")
    way = f"through the proxy {proxy}" if proxy else "without a proxy (https_proxy is not set)"
    return (
        f"cannot fetch {url} {way}: {error}. Try again to go on where it stopped; without a "
        f"network, fetch it elsewhere and save it as {file}; {MIRROR} sets another server"
    )


def _part(file: Path) -> Path:
    return file.with_name(f"{file.name}.part")


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)
