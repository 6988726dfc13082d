"""Values given for parameters that a node does not have: ROS ignores them in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from rclpy.node import Node

from alphapose_ros.nodes.parameters import OF_RCLPY


@contextmanager
def unknown_told(node: Node) -> Iterator[None]:
    """Have ``node`` declare its parameters in the block; then warn of others that were given.

    Args:
        node: made with ``automatically_declare_parameters_from_overrides``.
    """
    given = [name for name in node.get_parameters_by_prefix("") if name not in OF_RCLPY]
    for name in given:
        node.undeclare_parameter(name)  # to be declared by its owner, with meaning and type
    yield
    known = [name for name in node.get_parameters_by_prefix("") if name not in OF_RCLPY]
    for name in given:
        if name not in known:
            near = ", ".join(get_close_matches(name, known, n=3, cutoff=0.5))
            hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
            node.get_logger().warning(f"parameter ignored: unknown parameter {name!r}; {hint}")
