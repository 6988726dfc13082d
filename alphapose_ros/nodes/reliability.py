"""The quality of service that users may choose, by name."""

from __future__ import annotations

from rclpy.qos import ReliabilityPolicy

RELIABILITIES = {
    "reliable": ReliabilityPolicy.RELIABLE,
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
}


def reliability(parameter: str, name: str) -> ReliabilityPolicy:
    """Return the policy of a name.

    Raises:
        ValueError: there is none; the message names ``parameter``.
    """
    if name not in RELIABILITIES:
        raise ValueError(f"{parameter}: {name!r} is none of {', '.join(RELIABILITIES)}")
    return RELIABILITIES[name]
