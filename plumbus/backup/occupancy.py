"""Pure: what snapshots take on disk together, and what comes free with some of them. A file that several share counts once.

Each snapshot is made from the one before it, so the files it shares with older ones are those that were stored before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """A snapshot: its time in seconds, whether it is to go, and the bytes of its files by the time they were stored."""

    time: int
    goes: bool
    origins: Mapping[int, int]


def freed_bytes(chain: Iterable[Holding]) -> int:
    """Given all snapshots of a job that share files, oldest first, return the bytes that only those hold which go."""
    freed = 0
    before = kept_before = None  # times of the snapshot before this one, and of the last one that stays
    for one in chain:
        if one.goes:
            freed += _stored_between(one, before, None)
        else:
            if before != kept_before:  # it still holds some of what has gone before it
                freed -= _stored_between(one, kept_before, before)
            kept_before = one.time
        before = one.time
    return freed


def _stored_between(one: Holding, after: int | None, until: int | None) -> int:
    return sum(
        size
        for born, size in one.origins.items()
        if (after is None or born > after) and (until is None or born <= until)
    )
