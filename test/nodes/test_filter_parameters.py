from __future__ import annotations

import pytest
import rclpy
from rclpy.parameter import Parameter

from alphapose_ros.config import Config
from alphapose_ros.nodes.parameters import declare, watch


class Settings:
    """A node that runs, with our settings as its parameters."""

    def __init__(self, context):
        self.node = rclpy.create_node("settings", context=context)
        self.config = declare(self.node, Config())
        watch(self.node, lambda: self.config, self._accept, lambda: True)

    def _accept(self, config):
        self.config = config

    def set(self, name, value):
        return self.node.set_parameters([Parameter(name, value=value)])[0]


@pytest.fixture
def settings():
    context = rclpy.Context()
    rclpy.init(context=context)
    settings = Settings(context)
    try:
        yield settings
    finally:
        settings.node.destroy_node()
        rclpy.shutdown(context=context)


def test_a_region_changes_while_the_node_runs(settings):
    assert settings.set("filter.region", "0,0 1,0 1,1").successful
    assert settings.config.filter.corners == ((0, 0), (1, 0), (1, 1))


def test_a_bad_region_is_refused_and_the_old_one_stays(settings):
    settings.set("filter.region", "0,0 1,0 1,1")
    result = settings.set("filter.region", "0,0 1,0")
    assert not result.successful
    assert result.reason.startswith("filter.region: '0,0 1,0' is not three or more corners")
    assert settings.config.filter.region == "0,0 1,0 1,1"
    assert settings.node.get_parameter("filter.region").value == "0,0 1,0 1,1"


def test_the_mask_waits_until_the_node_is_inactive(settings):
    assert "deactivate the node first" in settings.set("filter.mask", "mask.png").reason
