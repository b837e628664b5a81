"""What snapshots take on disk together, and what comes free with some of them. A file that several share counts once.

Each snapshot is made from the one before it, so the files it shares with older ones are those that were stored before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from plumbus.backup.manifest import read_manifest
from plumbus.backup.snapshots import Snapshot
from plumbus.errors import StoreError


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """A snapshot: its time in seconds, whether it is to go, and the bytes of its files by the time they were stored."""

    time: int
    goes: bool
    origins: Mapping[int, int]


def freed_bytes(chain: Iterable[Holding]) -> int:
    """Given snapshots of a job that share files, oldest first, return the bytes that only those hold which go.

    Of those that stay only the next ones to either side are needed.
    """
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


def holding(snapshot: Snapshot, *, goes: bool) -> Holding:
    """Given a snapshot, return what it says beside itself. Raise StoreError if neither that nor its manifest can be read."""
    return Holding(time=int(snapshot.moment.timestamp()), goes=goes, origins=origins(snapshot))


def origins(snapshot: Snapshot) -> Mapping[int, int]:
    """Given a snapshot, return the bytes of its files by the time (seconds) of the snapshot that stored them."""
    with suppress(StoreError, KeyError, AttributeError, TypeError, ValueError):
        told = snapshot.description()['origins'].items()
        return {int(time): int(size) for time, size in told}
    counted: Counter[int] = Counter()
    for entry in read_manifest(snapshot.manifest):
        if entry.kind == 'f' and not entry.linked:
            counted[entry.born] += entry.size
    return counted


def _stored_between(one: Holding, after: int | None, until: int | None) -> int:
    return sum(
        size
        for born, size in one.origins.items()
        if (after is None or born > after) and (until is None or born <= until)
    )
