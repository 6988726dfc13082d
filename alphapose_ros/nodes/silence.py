"""Why no image arrives on a topic, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.topic_endpoint_info import TopicEndpointInfo

from alphapose_ros.nodes.middleware import room_for_images
from alphapose_ros.nodes.publishers import fitting
from alphapose_ros.nodes.reliability import is_compatible, shown_profile

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
SUFFIX = "/compressed"
NAMED = 3  # topics, at most
MARKS = {  # services by which our pose nodes are known among all others
    "change_state": "lifecycle_msgs/srv/ChangeState",
    "set_target": "alphapose_ros/srv/SetTarget",
}


def cameras(node: Node) -> dict[str, list[TopicEndpointInfo]]:
    """Return who publishes images on which topic; pictures that pose nodes draw are left out."""
    found = {}
    for topic, types in node.get_topic_names_and_types():
        if not {RAW, COMPRESSED}.intersection(types):
            continue
        publishers = [
            one
            for one in node.get_publishers_info_by_topic(topic)
            if one.topic_type in (RAW, COMPRESSED)  # topics also have the types of subscribers
            and not is_pose_node(node, one.node_name, one.node_namespace)
        ]
        if publishers:
            found[topic] = publishers
    return found


def is_pose_node(node: Node, name: str, namespace: str) -> bool:
    """Whether a node has the services of our pose nodes, as far as ``node`` sees."""
    services = services_of(node, name, namespace)
    own = f"{namespace.rstrip('/')}/{name}"
    return all(kind in services.get(f"{own}/{service}", ()) for service, kind in MARKS.items())


def services_of(node: Node, name: str, namespace: str) -> dict[str, list[str]]:
    """Return the types of a node's services by their full names; nothing of unknown nodes."""
    try:
        return dict(node.get_service_names_and_types_by_node(name, namespace))
    except RuntimeError:  # RCLError: its name has not come yet, or it has just ended
        return {}


def reason_of_silence(
    node: Node,
    topic: str,
    type_name: str,
    asked: QoSProfile,
    name: str = "image",
    remedy: Callable[[list[TopicEndpointInfo], QoSProfile], str] = fitting,
) -> str:
    """Return who publishes on a topic that nothing arrives on, and the remedy.

    Args:
        node: the subscriber.
        topic: in full.
        type_name: of the messages that the subscriber takes, RAW or COMPRESSED.
        asked: the profile of the subscription, in use.
        name: of the input: "image", which can be compressed, or another one, which cannot.
        remedy: says what to do about publishers that do not fit.
    """
    publishers = node.get_publishers_info_by_topic(topic)
    count = f"{len(publishers)} publisher{'' if len(publishers) == 1 else 's'} there"
    if not publishers:
        return f"{count}. Remap `{name}` to the camera's topic{_near(node, topic, type_name, name)}"
    ours = [one for one in publishers if one.topic_type == type_name]
    if not ours:
        others = ", ".join(sorted({one.topic_type for one in publishers}))
        return f"{count}, of {others} instead of {type_name}. {_other_type(topic, others, name)}"
    unfit = [one for one in ours if not is_compatible(one, asked)]
    if unfit:
        return (
            f"{count}, {len(unfit)} of an incompatible quality of service: requested "
            f"{shown_profile(asked)}, offered {_offers(unfit)}. {remedy(unfit, asked)}"
        )
    return (
        f"{count}, compatible ({_offers(ours)}). Either the camera sends nothing, or DDS loses "
        f"all of it: start {room_for_images()}"
    )


def _offers(publishers: list[TopicEndpointInfo]) -> str:
    return "; ".join(sorted({shown_profile(one.qos_profile) for one in publishers}))


def _other_type(topic: str, found: str, name: str) -> str:
    """Return how to receive images of the type ``found`` from ``topic``."""
    if name != "image":
        return f"Remap `{name}` to a topic of raw images"
    if found == COMPRESSED and topic.endswith(SUFFIX):
        return f"Start with `-p image_transport:=compressed -r image:={topic.removesuffix(SUFFIX)}`"
    if found == COMPRESSED:
        return (
            f"Start with `-p image_transport:=compressed -r image{SUFFIX}:={topic}` and without "
            "remapping `image`"
        )
    if found == RAW:
        return f"Start with `-p image_transport:=raw -r image:={topic}`"
    return "Remap `image` to a topic of images"


def _near(node: Node, topic: str, asked: str, input_name: str) -> str:
    """Return how to remap an input to the existing topics most like ``topic``; "" if none is.

    Args:
        node: the subscriber.
        topic: in full.
        asked: the type of the messages that it takes.
        input_name: the name of the input.
    """
    own = (node.get_name(), node.get_namespace())
    takes = {RAW, COMPRESSED} if input_name == "image" else {RAW}
    candidates = []
    for name, publishers in cameras(node).items():
        others = [one for one in publishers if (one.node_name, one.node_namespace) != own]
        types = takes.intersection(one.topic_type for one in others)
        if types:
            candidates.append((name, COMPRESSED if RAW not in types else RAW))
    if not candidates:
        return "; no other node publishes images on any topic: start the camera driver"
    candidates.sort(key=lambda one: -SequenceMatcher(None, topic, one[0]).ratio())
    ways = ", ".join(f"`{_way(*candidate, asked, input_name)}`" for candidate in candidates[:NAMED])
    return f": {ways}"


def _way(topic: str, type_name: str, asked: str, name: str) -> str:
    """Return the arguments with which a node that takes ``asked`` receives from ``topic``."""
    if type_name == RAW:
        return f"-r {name}:={topic}" + (" -p image_transport:=raw" if asked == COMPRESSED else "")
    if topic.endswith(SUFFIX):
        return f"-r image:={topic.removesuffix(SUFFIX)} -p image_transport:=compressed"
    return f"-r image{SUFFIX}:={topic} -p image_transport:=compressed"
