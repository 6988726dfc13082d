"""What a weights file is for, read from the file itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alphapose_ros.architectures import Architecture
from alphapose_ros.checkpoints import recognise_file
from alphapose_ros.detection.darknet_weights import recognise_darknet
from alphapose_ros.models.official import OFFICIAL
from alphapose_ros.zoo import Weights, fitting


@dataclass(frozen=True)
class Identity:
    """What a file is for.

    Attributes:
        path: of the file.
        architecture: network, outputs and options.
        weights: the entries of the zoo with that architecture; first those with this file's name.
    """

    path: Path
    architecture: Architecture
    weights: tuple[Weights, ...]

    @property
    def official(self) -> tuple[str, ...]:
        """Names of the reference's configurations with that architecture."""
        wanted = self.architecture
        return tuple(
            name
            for name, official in OFFICIAL.items()
            if (official.network, official.keypoints, dict(official.options))
            == (wanted.network, wanted.outputs, dict(wanted.options))
        )

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.architecture.task}, {self.architecture}"]
        for weights in self.weights:
            named = ", the name of this file" if weights.file == self.path.name else ""
            lines.append(f"    as {weights.name} ({weights.decode or weights.licence}){named}")
        lines += [f"    as the reference's configuration {name}" for name in self.official]
        if len({weights.decode for weights in self.weights}) > 1:
            lines.append("    how heatmaps are to be decoded, the file does not say")
        if not self.weights:
            lines.append("    as no entry of `alphapose models list`")
        return "\n".join(lines)


def identify(path: str | Path) -> Identity:
    """Tell what a weights file is for.

    Args:
        path: .safetensors, .pth / .pt / .tar, or Darknet's .weights, which is known by its length.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or of no network that is known here.
    """
    path = Path(path)
    is_darknet = path.suffix == ".weights" and path.is_file()
    found = recognise_darknet(path) if is_darknet else recognise_file(path)
    fit = fitting(found)
    return Identity(path, found, tuple(sorted(fit, key=lambda entry: entry.file != path.name)))
