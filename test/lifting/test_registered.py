from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.registered import check_registered


def camera(focal, width=1280, height=720, middle=None, model="plumb_bob", distortion=(0,) * 5):
    x, y = middle or (width / 2, height / 2)
    matrix = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]])
    return Camera(
        matrix=matrix,
        distortion=np.array(distortion, float),
        width=width,
        height=height,
        distortion_model=model,
    )


COLOUR = camera(910.0)


@pytest.mark.parametrize(
    ("frames", "depth_camera"),
    [
        (("color", "color"), None),
        (("/color", "color"), None),  # as tf of ROS 1 wrote it
        (("", "depth"), None),
        (("color", ""), None),
        (("color", "color"), camera(455.0, 640, 360)),
        (("color", "color"), camera(920.0, middle=(630, 365))),  # calibrated on another day
        (("infra1", "depth"), camera(910.0)),  # depth of a pair of cameras, beside one of the two
        (("infra1", "depth"), camera(455.0, 640, 360)),
        (("infra1", "depth"), camera(910.0, distortion=(0,) * 4)),  # a lens that bends nothing
        (("infra1", "depth"), camera(910.0, model="rational_polynomial", distortion=(0,) * 8)),
    ],
)
def test_depth_of_the_images_camera_is_believed(frames, depth_camera):
    check_registered(*frames, COLOUR, depth_camera)


@pytest.mark.parametrize(
    ("frames", "depth_camera", "text"),
    [
        (("color", "depth"), None, "'depth', the image in 'color'.*remap `depth_camera_info`"),
        (("color", "depth"), camera(910.0, distortion=(0.1, 0, 0, 0)), "frame 'depth'"),
        (("color", "depth"), camera(910.0, model="equidistant", distortion=(0,) * 4), "'depth'"),
        (("color", "depth"), camera(920.0), "depth is in frame 'depth'"),  # nearly the same lens
        # 848 x 480 at 1280 x 720: 425 px become 641.5
        (("color", "color"), camera(425.0, 848, 480), "focal length 642 px.* image's 910 px"),
        (("", ""), camera(910.0, middle=(700, 360)), "another lens than `camera_info`"),
        (("color", "color"), camera(910.0, 640, 480), "`depth_camera_info` is not of the depth"),
    ],
)
def test_depth_of_another_camera_is_refused_with_the_remedy(frames, depth_camera, text):
    with pytest.raises(ValueError, match=text) as caught:
        check_registered(*frames, COLOUR, depth_camera)
    if "not of the depth" not in text:
        assert "aligned_depth_to_color" in str(caught.value)
        assert "lifting.depth_registered to false" in str(caught.value)
