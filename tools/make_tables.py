"""Write the tables of docs/*.md anew from the code: topics, services, parameters, arguments.

    python tools/make_tables.py

A table stands between <!-- NAME --> and <!-- end of NAME -->; what is around it stays.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor

from alphapose_ros.config import Config, Rules, leaves, shown_choices
from alphapose_ros.nodes.recorder import Recorder
from alphapose_ros.nodes.topics import GESTURE_TOPICS, SERVICES, TOPICS, Topic
from alphapose_ros.nodes.video_source import VideoSourceNode

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- (?P<name>[a-z_.]+) -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL)
MIDDLEWARE = {bool: "true, false", int: "integer", float: "number", str: "text"}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    cells = [list(heads), *(list(row) for row in rows)]
    cells.insert(1, ["---"] * len(cells[0]))
    return "".join(
        f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |\n" for row in cells
    )


def topics(of: dict[str, Topic] = TOPICS) -> str:
    """Return what a node subscribes to and publishes, by default the pose node."""
    return table(
        ("topic", "type", "direction", "delivery", "what"),
        (
            (f"`{t.name}`", f"`{t.type}`", "in" if t.is_input else "out", delivery(t), t.meaning)
            for t in of.values()
        ),
    )


OFFERED = ("image", "depth")  # by default


def delivery(topic: Topic) -> str:
    """Return the quality of service in words: reliability, durability, depth."""
    reliability = "reliable" if topic.is_reliable else "best effort"
    if topic.name in OFFERED:
        reliability = "as the camera offers"
    return ", ".join([reliability, *["latched"] * topic.is_latched, str(topic.depth)])


def services() -> str:
    """Return the services of the pose node."""
    rows = ((f"`{s.name}`", f"`{s.type}`", s.meaning) for s in SERVICES.values())
    return table(("service", "type", "what"), rows)


def parameters() -> str:
    """Return all settings, section by section."""
    sections: dict[str, list[list[str]]] = {}
    for name, (value, rules) in leaves(Config()).items():
        section, _, _ = name.rpartition(".")
        row = [f"`{name}`", shown(value), limits(value, rules), "yes" * rules.live, rules.meaning]
        sections.setdefault(section, []).append(row)
    heads = ("parameter", "default", "values", "live", "what")
    tables = []
    for section, rows in sections.items():
        title = f"## {section}\n\n" if section else ""
        tables.append(title + table(heads, rows))
    return "\n".join(tables)


def shown(value: Any) -> str:
    """Return a value as YAML files have it."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "empty" if value == "" else f"`{value}`"


def limits(value: Any, rules: Rules) -> str:
    """Return which values a setting may have."""
    if rules.choices:
        return shown_choices(rules).replace('""', "empty")
    if rules.low is not None:
        return f"{rules.low:g} to {rules.high:g}"
    return MIDDLEWARE[type(value)]


class Declared:
    """Stands for a node that declares its parameters, and keeps what it says of them."""

    def __init__(self, node: type[VideoSourceNode | Recorder]) -> None:
        self.rows: list[tuple[str, str, str]] = []
        node._declare(self)

    def declare_parameter(self, name: str, value: Any, descriptor: ParameterDescriptor) -> None:
        """Take what is meant for rclpy."""
        self.rows.append((f"`{name}`", shown(value), descriptor.description))


def declared(node: type[VideoSourceNode | Recorder]) -> str:
    """Return the parameters of a node that has no settings besides."""
    return table(("parameter", "default", "what"), Declared(node).rows)


def arguments(file: str) -> str:
    """Return the arguments of a launch file of its own, read from its constant ARGUMENTS."""
    heads = ("argument", "default", "what")
    rows = ((f"`{name}`", default(node), text(node)) for name, node in constant(file, "ARGUMENTS"))
    return table(heads, rows)


def refused() -> str:
    """Return the arguments that pose.launch.py takes with one value only."""
    heads = ("argument", "only value", "why")
    rows = constant("pose.launch.py", "REFUSED")
    return table(heads, ((f"`{name}`", default(node), text(node)) for name, node in rows))


def constant(file: str, name: str) -> list[tuple[str, ast.Tuple]]:
    """Return the items of a dictionary of pairs in a launch file, without running the file."""
    for node in ast.parse((ROOT / "launch" / file).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            names = map(ast.literal_eval, node.value.keys)
            return list(zip(names, node.value.values, strict=True))
    raise LookupError(f"launch/{file} has no {name}")


def default(pair: ast.Tuple) -> str:
    """Return the default of an argument: a text, none, or a file of the package."""
    first = pair.elts[0]
    if isinstance(first, ast.Constant):
        return "must be given" if first.value is None else shown(first.value)
    (file,) = (node.value for node in ast.walk(first) if isinstance(node, ast.Constant))
    return f"`{file}` of the package"


def text(pair: ast.Tuple) -> str:
    """Return the meaning of an argument."""
    return ast.literal_eval(pair.elts[1])


TABLES = {
    "topics": topics,
    "gesture_topics": lambda: topics(GESTURE_TOPICS),
    "services": services,
    "parameters": parameters,
    "pose.launch.py": lambda: arguments("pose.launch.py"),
    "pose_rgbd.launch.py": lambda: arguments("pose_rgbd.launch.py"),
    "follow.launch.py": lambda: arguments("follow.launch.py"),
    "demo.launch.py": lambda: arguments("demo.launch.py"),
    "refused": refused,
    "video_source": lambda: declared(VideoSourceNode),
    "recorder": lambda: declared(Recorder),
}


def renewed(page: str) -> str:
    """Return a page with its tables as the code has them now.

    Raises:
        KeyError: the page has a place for a table of another name.
    """
    return BLOCK.sub(lambda m: m[1] + TABLES[m["name"]]() + m[3], page)


def main() -> None:
    """Renew all pages."""
    for path in sorted((ROOT / "docs").glob("*.md")):
        before = path.read_text()
        after = renewed(before)
        if after != before:
            path.write_text(after)
            sys.stdout.write(f"{path.relative_to(ROOT)} renewed\n")


if __name__ == "__main__":
    main()
