"""Makes bodies.py, which these tests share, known to them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
