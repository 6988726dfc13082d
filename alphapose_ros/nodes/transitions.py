"""Lifecycle transitions as rclpy leaves them to be wished: errors told, wrong requests survived."""

from __future__ import annotations

import functools
import gc
import traceback
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def reported(transition: Transition) -> Transition:
    """Log what a transition raises: rclpy swallows it."""

    @functools.wraps(transition)
    def wrapped(node: LifecycleNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except TimeoutError as error:  # its message says it all
            node.get_logger().error(f"{transition.__name__} failed: {error}")
        except Exception:  # noqa: BLE001  top of the callback, see above
            node.get_logger().error(f"{transition.__name__} failed:\n{traceback.format_exc()}")
        return TransitionCallbackReturn.ERROR

    return wrapped


def survive_wrong_requests(node: LifecycleNode) -> None:
    """Have requests of transitions that the present state does not allow refused.

    As it is, rclpy raises in the executor, which ends the process and leaves the client without
    an answer.
    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = _refusing(service.callback, node)


def _refusing(callback: Callable[..., Any], node: LifecycleNode) -> Callable[..., Any]:
    def change(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            return callback(request, response)
        except RuntimeError as error:  # rclpy's RCLError, which has no public name
            node.get_logger().error(f"transition refused: {str(error).partition(', at ')[0]}")
            response.success = False
            return response

    return change


def forget_destroyed(node: Node) -> None:
    """Let go of what rclpy keeps of every publisher, subscription and timer that there ever was.

    Its callback groups hold weak references to them, also to those that were destroyed, so that a
    node that is activated again and again grows.
    """
    gc.collect()  # some hold each other
    group = node.default_callback_group
    group.entities = {entity for entity in group.entities if entity() is not None}
