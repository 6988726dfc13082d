"""Who was seen before: a few embeddings of each person, by which they are known again."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from alphapose_ros.tracking.ids import Ids
from alphapose_ros.tracking.tracks import NOBODY

NEAREST = 3  # embeddings of a person whose mean distance counts
FORM = 1  # of the file
UNREADABLE = (  # what NumPy raises for damaged files
    ValueError,
    KeyError,
    OSError,
    EOFError,
    TypeError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
ARRAYS = ("form", "digest", "next_id", "person_ids", "embeddings", "qualities")


@dataclass
class Person:
    """What is known of one person."""

    embeddings: np.ndarray  # (E, D) unit vectors
    qualities: np.ndarray  # (E,) in [0, 1]
    seen_ns: int = 0


@dataclass(frozen=True)
class Likeness:
    """Whom an embedding is like."""

    person_id: int  # of the nearest person, NOBODY where there is none
    distance: float  # cosine distance of that person, infinite where there is none
    second: float  # of the next one


@dataclass
class Gallery:
    """A bounded number of people, each with a bounded number of embeddings; ids are never reused.

    Args:
        digest: names the network that makes the embeddings.
        max_people: most people; the one not seen for longest is forgotten first.
        max_embeddings: most embeddings of one person.
        ids: where people get their numbers from.
    """

    digest: str = ""
    max_people: int = 100
    max_embeddings: int = 16
    people: dict[int, Person] = field(default_factory=dict)
    ids: Ids = field(default_factory=Ids)

    def __len__(self) -> int:
        return len(self.people)

    def match(self, embedding: np.ndarray, excluded: frozenset[int] = frozenset()) -> Likeness:
        """Return whom ``embedding`` (D,) is like, but for the ``excluded``."""
        ids, known, counts = self._stack
        if not ids or known.shape[2] != len(embedding):
            return Likeness(NOBODY, np.inf, np.inf)
        distances = np.sort(1 - known @ embedding, axis=1)[:, :NEAREST]  # NaN of none come last
        distances = np.nansum(distances, axis=1) / np.minimum(counts, NEAREST)
        distances[[number in excluded for number in ids]] = np.inf
        order = np.argsort(distances, kind="stable")
        nearest, second = np.append(distances[order], np.inf)[:2].tolist()
        return Likeness(ids[order[0]] if nearest < np.inf else NOBODY, nearest, second)

    @cached_property
    def _stack(self) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Ids of all P people, their embeddings (P, E, D) with NaN for none, and how many (P,)."""
        people = list(self.people.values())
        counts = np.array([len(person.embeddings) for person in people], int)
        size = people[0].embeddings.shape[1] if people else 0
        known = np.full((len(people), counts.max(initial=0), size), np.nan, np.float32)
        for row, person in enumerate(people):
            known[row, : len(person.embeddings)] = person.embeddings
        return list(self.people), known, counts

    def _changed(self) -> None:
        """Have the stack made anew when it is needed."""
        self.__dict__.pop("_stack", None)

    def distance(self, person_id: int, embedding: np.ndarray) -> float:
        """Return the mean cosine distance of the nearest embeddings of a person."""
        known = self.people[person_id].embeddings
        if known.shape[1] != len(embedding):
            return np.inf
        return float(np.sort(1 - known @ embedding)[:NEAREST].mean())

    def add(self, embedding: np.ndarray, quality: float, stamp_ns: int) -> int:
        """Take in somebody new; return the new id."""
        if len(self.people) >= self.max_people:
            del self.people[min(self.people, key=lambda number: self.people[number].seen_ns)]
        person_id = self.ids.person()
        embeddings = np.asarray(embedding, np.float32)[None].copy()
        self.people[person_id] = Person(embeddings, np.array([quality], np.float32), stamp_ns)
        self._changed()
        return person_id

    def observe(self, person_id: int, embedding: np.ndarray, quality: float, stamp_ns: int) -> None:
        """Learn what a known person looks like now.

        Of the two embeddings most alike the poorer one goes where there are too many, so that
        different views stay.
        """
        person = self.people[person_id]
        person.seen_ns = stamp_ns
        embeddings = np.concatenate((person.embeddings, np.asarray(embedding, np.float32)[None]))
        qualities = np.append(person.qualities, np.float32(quality))
        if len(embeddings) > self.max_embeddings:
            alike = embeddings @ embeddings.T
            np.fill_diagonal(alike, -np.inf)
            pair = np.array(np.unravel_index(np.argmax(alike), alike.shape))
            poorer = pair[np.argmin(qualities[pair])]
            embeddings = np.delete(embeddings, poorer, axis=0)
            qualities = np.delete(qualities, poorer)
        person.embeddings, person.qualities = embeddings, qualities
        self._changed()

    def save(self, path: str | Path) -> None:
        """Write all people to an .npz file, which takes the place of an old one all at once.

        They are in the order in which they were last seen.

        Raises:
            OSError: it cannot be written.
        """
        ids = sorted(self.people, key=lambda number: self.people[number].seen_ns)
        people = [self.people[number] for number in ids]
        counts = [len(person.embeddings) for person in people]
        part = Path(f"{path}.part")
        with part.open("wb") as file:
            np.savez(
                file,
                form=FORM,
                digest=self.digest,
                next_id=self.ids.next_person,
                person_ids=np.repeat(np.array(ids, np.int64), counts),
                embeddings=np.concatenate([p.embeddings for p in people] or [np.empty((0, 0))]),
                qualities=np.concatenate([p.qualities for p in people] or [np.empty(0)]),
            )
        part.replace(path)

    def load(self, path: str | Path) -> None:
        """Take the place of what is known by what save() wrote; ids go on after all of both.

        Raises:
            FileNotFoundError: there is no file.
            ValueError: it is no gallery, is damaged, or was made with another network.
        """
        found = _read(Path(path))
        digest = str(found["digest"])
        if digest != self.digest:
            raise ValueError(
                f"{path}: made with re-ID network {digest!r}, but {self.digest!r} is in use; their "
                "embeddings cannot be compared. Use that network, or begin a new gallery"
            )
        owners, embeddings, qualities = (found[name] for name in ARRAYS[3:])
        ids = list(dict.fromkeys(owners.tolist()))
        self.people = {}
        for age, number in enumerate(reversed(ids[-self.max_people :]), start=1):
            rows = np.flatnonzero(owners == number)
            rows = rows[np.argsort(-qualities[rows], kind="stable")[: self.max_embeddings]]
            self.people[number] = Person(embeddings[rows], qualities[rows], seen_ns=-age)
        self._changed()
        self.ids.next_person = max(
            self.ids.next_person, int(found["next_id"]), *(number + 1 for number in ids)
        )


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file, checked."""
    if not path.is_file():
        raise FileNotFoundError(f"gallery {path} does not exist")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in ARRAYS}
    except UNREADABLE as error:
        raise ValueError(f"{path}: not a gallery of people ({error})") from None
    if found["form"].shape or found["form"] != FORM or found["next_id"].shape:
        raise ValueError(f"{path}: form {found['form']}, expected {FORM}")
    ids = found["person_ids"]
    if ids.ndim != 1 or ids.dtype.kind != "i" or (ids < 1).any():
        raise ValueError(f"{path}: person_ids are no numbers from 1")
    count = len(found["person_ids"])
    embeddings = found["embeddings"]
    if embeddings.ndim != 2 or len(embeddings) != count or found["qualities"].shape != (count,):
        raise ValueError(
            f"{path}: {count} person_ids, embeddings {embeddings.shape}, "
            f"qualities {found['qualities'].shape}"
        )
    if count and not np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3):
        raise ValueError(f"{path}: embeddings are not of unit length")
    return found
