"""What is common to all formats of result files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alphapose_ros.io.formats.results import Given
from alphapose_ros.io.sinks import format_called


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        (
            "missing",
            "import arrow2",
            "need arrow2, which is not installed: pip install pyarrow",
        ),
        ("broken", "raise ImportError('NumPy 2')", "need pyarrow, which cannot be loaded: NumPy 2"),
    ],
)
def test_a_library_that_does_not_load_is_named(tmp_path, monkeypatch, name, code, told):
    (tmp_path / f"{name}_table.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    table = replace(format_called("parquet"), reader=f"{name}_table:read")
    with pytest.raises(ValueError, match=f"parquet files {told}"):
        table.read(Given(path=tmp_path / "x"))
