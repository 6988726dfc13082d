"""`python -m alphapose_ros`: the command `alphapose` where it is not on the path."""

from __future__ import annotations

import sys

from alphapose_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
