"""One web page that shows the results of a run, without a server and without a network."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from alphapose_ros.io.formats.results import Results
from alphapose_ros.io.page_data import page_data
from alphapose_ros.io.page_pictures import Pictures

TEMPLATES = Path(__file__).parent
KEYPOINT_SCORE = 0.3  # of keypoints that are shown at first


def write_page(
    path: Path,
    results: Results,
    *,
    pictures: Pictures | None = None,
    keypoint_score: float = KEYPOINT_SCORE,
    privacy: bool = False,
) -> int:
    """Write the page.

    Args:
        path: of the page; an older one is replaced.
        results: of the run.
        pictures: what to show besides; none with privacy.
        keypoint_score: keypoints below are not shown at first.
        privacy: whether neither pictures nor keypoints of the face get into the page.

    Returns:
        The size of the file [bytes].

    Raises:
        ValueError: there is no frame, or there are pictures though privacy is asked for.
        OSError: the file cannot be written.
    """
    if privacy and pictures is not None:
        raise ValueError("pictures show faces: leave them out, or set output.privacy to false")
    data = page_data(results, privacy=privacy)
    facts = {**data.facts, **({} if pictures is None else pictures.facts())}
    filled = page(results.source_name or path.stem, facts, data.text(), keypoint_score)
    return path.write_bytes(filled.encode("utf-8", errors="backslashreplace"))


def page(title: str, facts: dict[str, Any], numbers: str, keypoint_score: float) -> str:
    """Fill the template.

    Args:
        title: of the page.
        facts: for JSON.
        numbers: all columns, as ASCII.
        keypoint_score: as the slider begins.
    """
    parts = {
        "TITLE": html.escape(f"{title} - alphapose"),
        "STYLE": (TEMPLATES / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": (TEMPLATES / "page.js").read_text(encoding="utf-8"),
        "SCORE": f"{keypoint_score:g}",
        # No tag in a name of a file can end the script early.
        "FACTS": json.dumps(facts, separators=(",", ":")).replace("<", "\\u003c"),
        "NUMBERS": numbers,
    }
    template = (TEMPLATES / "page.html").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z]+)@", lambda found: parts[found.group(1)], template)
