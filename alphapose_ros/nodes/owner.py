"""The file in which it stands what one person looks like, so that a restarted robot knows them."""

from __future__ import annotations

from pathlib import Path

from alphapose_ros.following.records import NOBODY
from alphapose_ros.tracking.gallery import Gallery

SAME = 1e-3  # cosine distance of looks that were written by the same gallery
REMEDY = "people are known again with tracker.name msim and reid.name other than none"


def enroll(person_id: int, gallery: Gallery | None, file: str) -> str:
    """Write what somebody looks like; return what was done.

    Args:
        person_id: who.
        gallery: who is known.
        file: takes the place of an old one.

    Raises:
        ValueError: it is not known what that person looks like; the message says why.
        OSError: the file cannot be written.
    """
    if not file:
        raise ValueError("target.file is empty; it names the file that ~/enroll writes")
    if gallery is None:
        raise ValueError(f"nobody can be known again: {REMEDY}")
    if person_id == NOBODY or person_id not in gallery.people:
        raise ValueError(
            "it is not known yet who the target is: choose one by ~/set_target, and have the "
            f"person in view for a few seconds ({REMEDY})"
        )
    one = Gallery(gallery.digest, people={person_id: gallery.people[person_id]})
    one.save(file)
    looks = len(gallery.people[person_id].embeddings)
    return f"person {person_id} is written to {file}, by {looks} looks"


def find_owner(gallery: Gallery | None, file: str) -> int:
    """Take the person of a file into the gallery; return the number, NOBODY where there is no file.

    Args:
        gallery: who is known.
        file: of enroll(); it need not be there yet.

    Raises:
        ValueError: it is no such file, or is of another re-ID network, or of no use without one.
    """
    if not file or not Path(file).exists():
        return NOBODY
    if gallery is None:
        raise ValueError(f"target.file {file} is there, but nobody can be known again: {REMEDY}")
    enrolled = Gallery(gallery.digest)
    enrolled.load(file)
    if not enrolled.people:
        raise ValueError(f"target.file {file} holds nobody; enroll the target again")
    ((number, person),) = list(enrolled.people.items())[-1:]
    known = gallery.people.get(number)
    if known is not None and gallery.distance(number, person.embeddings[0]) <= SAME:
        return number  # tracker.gallery_file holds the same person
    looks = zip(person.embeddings, person.qualities.tolist(), strict=True)
    first, *others = looks
    found = gallery.add(*first, stamp_ns=0)
    for embedding, quality in others:
        gallery.observe(found, embedding, quality, stamp_ns=0)
    return found
