"""CameraInfo as drivers send it, to the camera of the image that was sent."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from alphapose_ros.frame import Camera
from alphapose_ros.lifting.camera import ALIASES, DISTORTIONS, project, rays
from alphapose_ros.lifting.camera_info import doubt, read_camera

K = [500.0, 0, 320, 0, 510, 240, 0, 0, 1]
P = [430.0, 0, 300, -21.5, 0, 440, 250, 0, 0, 0, 1, 0]  # the second camera of a pair
D = [-0.3, 0.1, 0.001, -0.002, 0.0]
TURN, _ = cv2.Rodrigues(np.array([0.02, -0.05, 0.03]))  # R of CameraInfo


def info(**changes):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    values = {
        **{"k": K, "d": [], "distortion_model": "plumb_bob", "width": 640, "height": 480},
        **{"binning_x": 0, "binning_y": 0, "roi": roi},
    }
    return SimpleNamespace(**{**values, **changes})


def test_the_matrix_and_the_size_are_read():
    camera = read_camera(info())
    assert camera.matrix.tolist() == [[500, 0, 320], [0, 510, 240], [0, 0, 1]]
    assert (camera.width, camera.height, camera.distortion.tolist()) == (640, 480, [0] * 4)


def test_the_names_of_ros_1_are_understood():
    message = info(K=K, D=[0.1, 0, 0, 0, 0])
    del message.k, message.d
    camera = read_camera(message)
    assert camera.matrix[1, 1] == 510 and camera.distortion[0] == 0.1


def test_a_part_of_the_sensor_with_binned_pixels_is_what_was_sent():
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    camera = read_camera(info(roi=roi, binning_x=2, binning_y=2))
    # By hand: the centre is 220 and 200 px into the part, and everything is halved.
    assert camera.matrix.tolist() == [[250, 0, 110], [0, 255, 100], [0, 0, 1]]
    assert (camera.width, camera.height) == (200, 150)


def test_an_uncalibrated_camera_is_none():
    assert read_camera(info(k=[0.0] * 9)) is None
    assert read_camera(info(k=np.zeros(9))) is None


@pytest.mark.parametrize(
    ("model", "d", "expected"),
    [
        ("", [0.1] * 5, ("plumb_bob", 5)),
        ("radtan", [0.1] * 4, ("plumb_bob", 4)),
        ("plumb_bob", [0.1] * 5 + [0.0] * 3, ("plumb_bob", 5)),  # zeros say nothing
        ("rational_polynomial", [0.1] * 8, ("rational_polynomial", 8)),
        ("fisheye", [0.1] * 4, ("equidistant", 4)),
        ("kannala_brandt4", [0.1] * 4, ("equidistant", 4)),
        ("none", [], ("plumb_bob", 4)),
        ("none", [0.0], ("plumb_bob", 4)),
    ],
)
def test_lenses_are_read_under_all_their_names(model, d, expected):
    camera = read_camera(info(distortion_model=model, d=d))
    assert (camera.distortion_model, len(camera.distortion)) == expected


@pytest.mark.parametrize("count", [0, 4, 5, 8, 12, 14])
@pytest.mark.parametrize("name", [*DISTORTIONS, *ALIASES])
def test_what_is_read_and_what_is_computed_with_are_the_same_lenses(name, count):
    d = np.resize([0.1, -0.02, 0.001, 0.002], count)
    taken = Camera(matrix=np.reshape(K, (3, 3)), distortion=d, distortion_model=name)
    if count and count not in DISTORTIONS[ALIASES.get(name, name)]:
        for use in (
            lambda: read_camera(info(distortion_model=name, d=d)),
            lambda: rays(np.zeros((1, 2)), taken),
            lambda: project(np.ones((1, 3)), taken),
        ):
            with pytest.raises(ValueError, match=f"has {DISTORTIONS[ALIASES.get(name, name)][0]}"):
                use()
        return
    read = read_camera(info(distortion_model=name, d=d))
    assert read.distortion_model in DISTORTIONS
    pixels = np.array([[300.0, 200.0], [350.0, 280.0]])
    points = rays(pixels, read)
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(points, rays(pixels, taken))
    np.testing.assert_allclose(project(2 * points, taken), pixels, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": [-1.0, *K[1:]]}, "no camera matrix"),
        ({"k": [float("nan"), *K[1:]]}, "no camera matrix"),
        ({"distortion_model": "polynomial9"}, "none of plumb_bob"),
        ({"d": [0.1] * 3}, "4 or 5 coefficients"),
        ({"d": [0.1, 0, 0, float("inf")]}, "coefficients"),
    ],
)
def test_what_cannot_be_a_camera_is_told(changes, message):
    with pytest.raises(ValueError, match=message):
        read_camera(info(**changes))


POINTS = np.array([[0.9, -0.5, 3.0], [-1.2, 0.7, 3.0], [0.0, 0.0, 3.0], [1.1, 0.8, 2.5]])


def to_rectified(points):
    """Directions in the frame of the rectified image, x y 1."""
    turned = points @ TURN.T
    return turned / turned[:, 2:]


@pytest.mark.parametrize(
    ("model", "d"),
    [("plumb_bob", D), ("equidistant", [0.02, -0.005, 0.001, -0.0002])],
)
def test_pixels_that_opencv_rectified_are_lifted_to_the_rays_that_they_came_by(model, d):
    k, d_of, p = np.reshape(K, (3, 3)), np.array(d), np.reshape(P, (3, 4))[:, :3]
    zero, opencv = np.zeros(3), cv2.fisheye if model == "equidistant" else cv2
    raw, _ = opencv.projectPoints(POINTS[:, None], zero, zero, k, d_of)
    pixels = opencv.undistortPoints(raw, k, d_of, R=TURN, P=p)[:, 0]
    said = info(distortion_model=model, d=d, p=P)
    camera = read_camera(said, is_rectified=True)
    np.testing.assert_allclose(rays(pixels, camera), to_rectified(POINTS), atol=1e-4)
    # As raw pixels they are far off: 10 cm and more at 3 m.
    assert np.abs(rays(pixels, read_camera(said)) - to_rectified(POINTS)).max() > 0.1 / 3


def test_a_dot_in_an_image_that_opencv_rectified_is_lifted_to_its_place():
    k, p = np.reshape(K, (3, 3)), np.reshape(P, (3, 4))[:, :3]
    maps = cv2.initUndistortRectifyMap(k, np.array(D), TURN, p, (640, 480), cv2.CV_32FC1)
    y, x = np.mgrid[:480, :640]
    camera = read_camera(info(d=D, p=P), is_rectified=True)
    for point in POINTS:
        raw, _ = cv2.projectPoints(point[None], np.zeros(3), np.zeros(3), k, np.array(D))
        far = (x - raw[0, 0, 0]) ** 2 + (y - raw[0, 0, 1]) ** 2
        image = cv2.remap(np.exp(-far / 18).astype(np.float32), *maps, cv2.INTER_LINEAR)
        pixel = np.array([(image * x).sum(), (image * y).sum()]) / image.sum()
        seen = TURN @ point
        np.testing.assert_allclose(rays(pixel, camera) * seen[2], seen, atol=2e-3)  # [m]


def test_the_camera_of_a_rectified_image_is_its_part_of_p_and_no_lens():
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    said = info(d=D, p=P, roi=roi, binning_x=2, binning_y=2)
    camera = read_camera(said, is_rectified=True)
    # By hand, as of K: (300 - 100) / 2, (250 - 40) / 2.
    assert camera.matrix.tolist() == [[215, 0, 100], [0, 220, 105], [0, 0, 1]]
    assert (camera.width, camera.height) == (200, 150)
    assert (camera.distortion_model, camera.distortion.tolist()) == ("plumb_bob", [0] * 4)


@pytest.mark.parametrize("changes", [{"distortion_model": "polynomial9"}, {"d": [0.1] * 3}])
def test_any_lens_will_do_where_images_are_rectified(changes):
    camera = read_camera(info(**{"d": D, "p": P, **changes}), is_rectified=True)
    assert camera.matrix[0, 0] == 430 and not camera.distortion.any()


def test_a_rectified_image_is_what_an_unknown_lens_is_advised_to_send():
    with pytest.raises(ValueError, match=r"rectified image .* and set image_rectified"):
        read_camera(info(distortion_model="polynomial9"))


def test_p_of_ros_1_is_understood():
    message = info(K=K, D=D, P=P)
    del message.k, message.d
    assert read_camera(message, is_rectified=True).matrix[1, 1] == 440


@pytest.mark.parametrize("p", [[0.0] * 12, [float("nan"), *P[1:]]])
def test_a_camera_without_p_is_told_where_images_are_rectified(p):
    with pytest.raises(ValueError, match=r"has P = .* no camera matrix; .* unset image_rectified"):
        read_camera(info(p=p), is_rectified=True)
    assert read_camera(info(p=p)) is not None
    assert read_camera(info(k=[0.0] * 9, p=p), is_rectified=True) is None  # never calibrated


@pytest.mark.parametrize(
    ("topic", "d", "is_doubtful"),
    [
        ("/camera/image_rect", D, True),
        ("/camera/image_rect_color", D, True),
        ("/camera/image_rect_color/compressed", D, True),
        ("/left/image_rectified", D, True),
        ("/zed/rgb/rect/image", D, True),
        ("/camera/imageRect", D, False),  # nobody calls it so
        ("/camera/image_raw", D, False),
        ("/direct/image", D, False),
        ("/rectory/image", D, False),
        ("/camera/image_rect", [0.0] * 5, False),
        ("/camera/image_rect", [], False),
    ],
)
def test_images_that_are_called_rectified_are_doubtful_where_there_is_distortion(
    topic, d, is_doubtful
):
    said = doubt(info(d=d), topic)
    assert ("set image_rectified" in said and topic in said) == bool(said) == is_doubtful
