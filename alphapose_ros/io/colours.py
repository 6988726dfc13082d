"""Colours that tell people apart and stay with them."""

from __future__ import annotations

import colorsys
from collections import OrderedDict

from alphapose_ros.frame import Tracks

Colour = tuple[int, int, int]  # blue, green, red, 0 to 255

_GOLDEN = 0.6180339887498949  # turns of this fraction never come close to an earlier hue soon
_MOST_PEOPLE = 1000  # known ones whose colours are remembered


def colour_of(number: int) -> Colour:
    """Return the colour of a track's number: the same for a number everywhere and always."""
    hue = (int(number) * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.78, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


class IdentityColours:
    """Gives the people of a stream colours that stay with the identity; call it once per frame.

    A track has the colour of its number, and keeps it when re-identification says for the first
    time who it is. Somebody who comes back as a new track gets the earlier colour as soon as that
    person is known again.
    """

    def __init__(self) -> None:
        self._of_tracks: dict[int, int] = {}  # track -> the number whose colour it has
        self._of_people: OrderedDict[int, int] = OrderedDict()  # person -> the same

    def __call__(self, tracks: Tracks) -> list[Colour]:
        """Return the colours of N tracks."""
        numbers = {}
        for track_id, person_id in zip(
            tracks.ids.tolist(), tracks.person_ids.tolist(), strict=True
        ):
            number = self._of_tracks.get(track_id, track_id)
            numbers[track_id] = number if person_id < 0 else self._known(person_id, number)
        self._of_tracks = numbers  # those of tracks that have ended go
        return [colour_of(numbers[track_id]) for track_id in tracks.ids.tolist()]

    def _known(self, person_id: int, number: int) -> int:
        """Return the number whose colour a person has; ``number`` where there is none yet."""
        if person_id not in self._of_people:
            is_free = (
                number not in self._of_people.values()
            )  # not where a track was taken for somebody else
            self._of_people[person_id] = number if is_free else -person_id
        self._of_people.move_to_end(person_id)
        if len(self._of_people) > _MOST_PEOPLE:
            self._of_people.popitem(last=False)
        return self._of_people[person_id]
