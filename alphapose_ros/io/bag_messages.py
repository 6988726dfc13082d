"""How messages for bags are made: those of rosbags, with default values where none are given."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

from alphapose_ros.messages import Dialect

NAMES = (
    "alphapose_ros/msg/PersonPose",
    "alphapose_ros/msg/PoseArray",
    "alphapose_ros/msg/SkeletonDefinition",
    "alphapose_ros/msg/TargetStatus",
    "alphapose_ros/msg/TrackedPerson",
    "alphapose_ros/msg/TrackedPersonArray",
    "builtin_interfaces/msg/Duration",
    "builtin_interfaces/msg/Time",
    "geometry_msgs/msg/Point",
    "geometry_msgs/msg/Pose",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/Quaternion",
    "geometry_msgs/msg/Vector3",
    "std_msgs/msg/ColorRGBA",
    "std_msgs/msg/Header",
    "visualization_msgs/msg/Marker",
    "visualization_msgs/msg/MarkerArray",
)
DECLARED = {"geometry_msgs/msg/Quaternion": {"w": 1.0}}  # by definitions; rosbags passes them over


def bag_dialect(types: Typestore) -> Dialect:
    """Return how messages of a type store are made; they share the defaults, so never change one.

    Args:
        types: with our definitions.
    """
    makers = {name.rpartition("/")[2]: _maker(types, name) for name in NAMES}
    return Dialect(msgs=SimpleNamespace(**makers), flat=np.ravel)


def _maker(types: Typestore, name: str) -> Callable[..., Any]:
    message_class, defaults = types.types[name], _defaults(types, name)
    count = len(defaults)

    def make(**fields: object) -> Any:
        if len(fields) < count:
            fields = defaults | fields
        return message_class(**fields)

    return make


def header_of(stamp_ns: int, frame_id: str, dialect: Dialect) -> Any:
    """Make a std_msgs/Header."""
    sec, nanosec = divmod(stamp_ns, 10**9)
    stamp = dialect.msgs.Time(sec=sec, nanosec=nanosec)
    return dialect.msgs.Header(stamp=stamp, frame_id=frame_id)


def _defaults(types: Typestore, name: str) -> dict[str, Any]:
    """Return the fields of a message as rclpy would make it."""
    fields = {field: _default(types, kind) for field, kind in types.fielddefs[name][1]}
    return fields | DECLARED.get(name, {})


def _default(types: Typestore, kind: tuple[int, Any]) -> Any:
    node, details = kind
    if node == Nodetype.NAME:
        return types.types[details](**_defaults(types, details))
    if node == Nodetype.BASE:
        return _BASE.get(details[0], 0)
    (inner, of), length = details  # of an array; a sequence has none by default
    length = length if node == Nodetype.ARRAY else 0
    if inner == Nodetype.BASE and of[0] != "string":
        return np.zeros(length, _DTYPES.get(of[0], of[0]))
    return [_default(types, (inner, of)) for _ in range(length)]


_BASE: dict[str, Any] = {"string": "", "bool": False, "float32": 0.0, "float64": 0.0}
_DTYPES = {"char": "uint8", "byte": "uint8", "octet": "uint8"}
