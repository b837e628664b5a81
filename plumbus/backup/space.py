"""Whether what a restore brings fits where it goes, before a byte moves."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from plumbus.backup.changes import Change, Plan
from plumbus.backup.destination import Destination
from plumbus.backup.guards import size
from plumbus.failures import failed
from plumbus.transfer.names import path_text
from plumbus.transfer.room import MOST_FOLDERS, Room

UNKNOWN = 'How much room is free where the files go could not be told.'
SPARSE_FROM = 2**20
Rooms = Mapping[bytes, Room | None]


@dataclass(kw_only=True, slots=True)
class Space:
    """What is needed in which folder. `stored` tells the bytes that a file of the plan takes on the disk of the snapshot, for
    it may have holes. With `keeping` what is overwritten stays, and is copied to `copies`. `rooms` are known already."""

    plan: Plan
    stored: Callable[[bytes], int]
    keeping: bool
    rooms: Rooms = field(default_factory=dict)
    needed: Counter[bytes] = field(default_factory=Counter)
    copies: int = 0
    _largest: int = 0

    def add(self, change: Change) -> None:
        """Given a change, count what it needs."""
        bytes_to_come = change.bytes
        if bytes_to_come >= SPARSE_FROM:
            bytes_to_come = min(bytes_to_come, self.stored(change.planned.path))
        more = max(0, bytes_to_come - (0 if self.keeping else change.old_bytes))
        if more:
            self.needed[self.plan.existing_folder(change.planned.path)] += more
        if change.old and self.keeping and change.old.kind == 'file':
            self.copies += change.old.size
        elif change.action == 'overwrite':
            self._largest = max(self._largest, bytes_to_come - more)

    def check(self, destination: Destination, copies_to: bytes) -> str | None:
        """Return a sentence if it cannot be told whether there is room. Raise TransferFailed if there is none."""
        wanted = Counter(self.needed)
        if self.copies:
            wanted[copies_to] += self.copies
        if not wanted:
            return None
        folders = [folder for folder, _ in wanted.most_common(MOST_FOLDERS)]
        rooms = {folder: self.rooms[folder] for folder in folders if folder in self.rooms}
        if len(rooms) < len(folders):
            rooms = dict(zip(folders, destination.rooms(folders), strict=True))
        on_disk: Counter[bytes] = Counter()
        for folder, count in wanted.items():
            room = rooms.get(_nearest(folder, rooms))
            if room and room.sure:
                on_disk[room.disk] += count
        for folder, room in rooms.items():
            if room and room.sure and on_disk[room.disk] + self._largest > room.free:
                raise failed(
                    'no_room_there',
                    folder=path_text(folder),
                    needed=size(on_disk[room.disk] + self._largest),
                    free=size(room.free),
                )
        return None if any(room and room.sure for room in rooms.values()) else UNKNOWN


def _nearest(folder: bytes, known: Iterable[bytes]) -> bytes:
    while folder not in known and folder != b'/':
        folder = os.path.dirname(folder)
    return folder
