"""What the documentation says must be what the code does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from alphapose_ros.config import Config, leaves
from alphapose_ros.images import ENCODINGS
from alphapose_ros.nodes.topics import SERVICES, TOPICS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from make_tables import TABLES, renewed

PAGES = sorted((ROOT / "docs").glob("*.md"))


def rows(page, name):
    """The first cells of one table of a page."""
    text = (ROOT / "docs" / page).read_text()
    block = re.search(f"<!-- {name} -->(.*?)<!-- end of {name} -->", text, re.DOTALL).group(1)
    return re.findall(r"^\| `(.+?)` \|", block, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_tables_are_those_of_the_code(page):
    text = page.read_text()
    assert renewed(text) == text, "run `python tools/make_tables.py`"


def test_every_table_stands_somewhere():
    text = "".join(page.read_text() for page in PAGES)
    assert sorted(re.findall(r"<!-- end of (.+?) -->", text)) == sorted(TABLES)


def test_every_topic_service_and_parameter_has_its_row():
    assert rows("nodes.md", "topics") == list(TOPICS)
    assert rows("nodes.md", "services") == list(SERVICES)
    assert rows("parameters.md", "parameters") == list(leaves(Config()))


def test_what_tables_say_of_a_setting():
    text = (ROOT / "docs/parameters.md").read_text()
    assert (
        "| `tracker.max_age_s` | `4.0` | 0 to 3600 | yes | Seconds until a lost track ends |"
        in text
    )
    assert "| `runtime` | `auto` | auto, onnx, torch |  | What runs networks" in text
    assert "| `pose.flip` | `false` | true, false |  | Flip test" in text


def test_a_table_changes_with_the_code_and_nothing_else_does():
    page = "before\n<!-- services -->\nold\n<!-- end of services -->\nafter | all\n"
    once = renewed(page)
    assert once.startswith("before\n<!-- services -->\n| service |")
    assert once.endswith("|\n<!-- end of services -->\nafter | all\n")
    assert "old" not in once
    assert renewed(once) == once


def test_the_encodings_are_listed(root):
    text = (root / "docs/inputs.md").read_text()
    section = text.partition("## Encodings")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)[1:]  # after the head
    assert set(re.findall(r"`(.+?)`", " ".join(cells))) == set(ENCODINGS)


def test_links_between_pages_lead_somewhere(root):
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
