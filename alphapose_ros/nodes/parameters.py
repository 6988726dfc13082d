"""Settings as ROS parameters: declared with meaning and range, changed with the same checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from alphapose_ros.config import Config, Rules, leaves, shown_choices, with_values


def declare(node: Node, defaults: Config) -> Config:
    """Declare every setting on ``node`` and return the tree with the values that ROS gives.

    Raises:
        ValueError: a value given to the node breaks the rules of its setting.
    """
    values = {
        name: node.declare_parameter(name, default, _descriptor(default, rules)).value
        for name, (default, rules) in leaves(defaults).items()
    }
    return with_values(defaults, values)


def _descriptor(default: Any, rules: Rules) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=rules.meaning)
    descriptor.dynamic_typing = isinstance(default, float)  # 3 for 3.0, as in YAML files
    if rules.choices:
        descriptor.additional_constraints = f"one of {shown_choices(rules)}"
    if rules.low is not None and isinstance(default, int):
        limits = IntegerRange(from_value=int(rules.low), to_value=int(rules.high), step=1)
        descriptor.integer_range = [limits]
    elif rules.low is not None:
        limits = FloatingPointRange(from_value=float(rules.low), to_value=float(rules.high))
        descriptor.floating_point_range = [limits]
    return descriptor


def watch(
    node: Node,
    current: Callable[[], Config],
    accept: Callable[[Config], None],
    is_active: Callable[[], bool],
) -> None:
    """Have changes of parameters checked as a whole, then handed to ``accept``.

    While ``is_active`` only settings marked live may change.
    """

    def on_set(parameters: Sequence[Parameter]) -> SetParametersResult:
        rules = {name: rules for name, (_, rules) in leaves(current()).items()}
        changes = {p.name: p.value for p in parameters if p.name in rules}
        fixed = [name for name in changes if not rules[name].live]
        if fixed and is_active():
            return SetParametersResult(
                successful=False,
                reason=f"{', '.join(fixed)}: deactivate the node first, then set, then activate",
            )
        try:
            changed = with_values(current(), changes)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        accept(changed)
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(on_set)
