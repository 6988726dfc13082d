"""What the documentation says must be what the code does."""

from __future__ import annotations

import re

from alphapose_ros.images import ENCODINGS
from alphapose_ros.nodes.topics import TOPICS


def delivery(topic):
    words = ["reliable" if topic.is_reliable else "best effort"]
    return ", ".join(words + ["latched"] * topic.is_latched + [str(topic.depth)])


def test_the_table_of_topics_is_that_of_the_code(root):
    rows = [
        f"| `{topic.name}` | `{topic.type}` | {'in' if topic.is_input else 'out'} "
        f"| {delivery(topic)} | {topic.meaning} |"
        for topic in TOPICS.values()
    ]
    text = (root / "docs/nodes.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_the_encodings_are_listed(root):
    text = (root / "docs/nodes.md").read_text()
    listed = re.search(r"Encodings: (.*?), in either", text, re.DOTALL).group(1)
    assert listed.replace("\n", " ").split(", ") == list(ENCODINGS)


def test_links_between_pages_lead_somewhere(root):
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
