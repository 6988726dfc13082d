"""Settings as ROS parameters: declared with meaning and range, changed with the same checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from alphapose_ros.config import Rules, Section, leaves, shown_choices, with_values
from alphapose_ros.nodes.reliability import OVERRIDES, is_being_declared

OF_RCLPY = ("use_sim_time", "start_type_description_service")  # declared by every node
Settings = TypeVar("Settings", bound=Section)
LATE = (
    "qos_overrides are taken only when the node starts: give them there, by `-p NAME:=VALUE` or in "
    "a parameter file"
)


def declare(node: Node, defaults: Settings, others: Section | None = None) -> Settings:
    """Declare every setting on ``node`` and return the tree with the values that ROS gives.

    Values given for parameters that do not exist, which ROS ignores in silence, are warned of;
    for that ``node`` must be made with ``automatically_declare_parameters_from_overrides``.

    Args:
        node: that shall have them.
        defaults: its settings.
        others: settings of another node, which may stand in the same file.

    Raises:
        ValueError: a value given to the node breaks the rules of its setting.
        ParameterException: it is of another type.
    """
    known = leaves(defaults)
    of_others = {} if others is None else leaves(others)
    for name in node.get_parameters_by_prefix(""):
        if name in OF_RCLPY:
            continue
        node.undeclare_parameter(name)  # to be declared by its owner, with meaning and range
        if name not in known and name not in of_others and not is_override(name):
            node.get_logger().warning(f"parameter ignored: {_unknown(name, defaults)}")
    values = {
        name: node.declare_parameter(name, default, _descriptor(default, rules)).value
        for name, (default, rules) in known.items()
    }
    return with_values(defaults, values)


def is_override(name: str) -> bool:
    """Whether a parameter changes the quality of service of a topic; topics declare them."""
    return name.startswith(OVERRIDES)


def _unknown(name: str, config: Section) -> str:
    """Return what is wrong with a name that no setting has, and which ones are near."""
    try:
        with_values(config, {name: None})
    except KeyError as error:
        return str(error.args[0])
    raise AssertionError(f"{name} is a setting")


def _descriptor(default: Any, rules: Rules) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=rules.meaning)
    descriptor.dynamic_typing = isinstance(default, float)  # 3 for 3.0, as in YAML files
    constraints = []
    if rules.choices:
        constraints.append(f"one of {shown_choices(rules)}")
    if not rules.live:
        constraints.append("changes only while the node is inactive")
    descriptor.additional_constraints = "; ".join(constraints)
    if rules.low is not None and isinstance(default, int):
        limits = IntegerRange(from_value=int(rules.low), to_value=int(rules.high), step=1)
        descriptor.integer_range = [limits]
    elif rules.low is not None:
        limits = FloatingPointRange(from_value=float(rules.low), to_value=float(rules.high))
        descriptor.floating_point_range = [limits]
    return descriptor


def watch(
    node: Node,
    current: Callable[[], Settings],
    accept: Callable[[Settings], None],
    is_active: Callable[[], bool],
) -> None:
    """Have changes of parameters checked as a whole, then handed to ``accept``.

    For names that no setting has, the nearest are given: ``node`` must be made with
    ``allow_undeclared_parameters``, or rclpy refuses before, without even the name.

    While ``is_active`` only settings marked live may change. ``accept`` may refuse with a
    ValueError or OSError, whose message becomes the reason.
    """

    def on_set(parameters: Sequence[Parameter]) -> SetParametersResult:
        known = leaves(current())
        for parameter in parameters:
            name = parameter.name
            if name in known or node.has_parameter(name) or is_being_declared(name):
                continue
            reason = LATE if is_override(name) else _unknown(name, current())
            return SetParametersResult(successful=False, reason=reason)
        changes = {p.name: p.value for p in parameters if p.name in known}
        fixed = [
            name
            for name, value in changes.items()
            if not known[name][1].live and value != known[name][0]
        ]
        if fixed and is_active():
            return SetParametersResult(
                successful=False,
                reason=f"{', '.join(fixed)}: deactivate the node first, then set, then activate",
            )
        try:
            accept(with_values(current(), changes))
        except (ValueError, OSError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(on_set)
