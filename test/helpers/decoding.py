"""How videos of the test data are decoded."""

from __future__ import annotations

import cv2

# Before, its FFmpeg decodes them to other pixels than those that tests know results of.
DECODES_AS_KNOWN = tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 7)
WHY_NOT = "OpenCV before 4.7 decodes the clip to other pixels"
