from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from alphapose_ros.training.synthetic.studio import Sources, Studio

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def assets_folder() -> Path:
    """What people are made of, which is not part of the package."""
    default = ROOT / "../shared/assets/synthetic_people"
    folder = Path(os.environ.get("ALPHAPOSE_ASSETS", default))
    if not folder.is_dir():
        pytest.skip(f"needs the assets of docs/synthetic.md in {folder} (or ALPHAPOSE_ASSETS)")
    return folder.resolve()


@pytest.fixture(scope="session")
def studio(assets_folder) -> Studio:
    torch.set_num_threads(1)
    return Studio(Sources(assets_folder, seed=7))
