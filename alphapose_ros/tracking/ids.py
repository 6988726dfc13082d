"""Numbers of tracks and people, of which none is given twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Ids:
    """Numbers from 1; to be handed on where one tracker takes the place of another."""

    tracks: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    next_person: int = 1

    def person(self) -> int:
        """Return the number of somebody new."""
        self.next_person += 1
        return self.next_person - 1
