#!/usr/bin/env python3
"""`python -m alphapose_ros`, `ros2 run alphapose_ros alphapose`: the command off the path."""

from __future__ import annotations

import sys

from alphapose_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
