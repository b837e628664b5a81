"""What must hold before and while a run writes: the right disk is there, it has room, the source is what it was."""

import errno
import os
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import humanize

from plumbus.failures import failed

MARKER = '.plumbus-store'
LOOK_INTERVAL_S = 2.0
FEW_FILES = 10


@dataclass(slots=True)
class StoreGuard:
    """Knows the disk that the snapshots lie on by a marker file, what that says and its device, and refuses every other one.

    Where disks have no device of their own, as with btrfs and NFS, the number is another one after each mount.
    """

    root: Path
    _known: tuple[int, str] | None = None

    def prepare(self, *, holds_snapshots: bool) -> None:
        """At the start: mark a new store. Where records tell of snapshots a missing marker is left missing."""
        if not holds_snapshots:
            self.root.mkdir(parents=True, exist_ok=True)
            marker = self.root / MARKER
            if not marker.exists():
                marker.write_text(f'{uuid.uuid4()}\n')
        self._known = self._found()

    def check(self) -> None:
        """Raise TransferFailed if the disk with the snapshots is not there (any more)."""
        found = self._found()
        known = self._known = self._known or found
        if found is None or known is None:
            raise failed('data_missing', marker=MARKER)
        if found[0] != known[0] and (found[1] != known[1] or not found[1]):
            raise failed('data_missing', marker=MARKER)

    def _found(self) -> tuple[int, str] | None:
        marker = self.root / MARKER
        if not marker.exists():
            return None
        told = ''
        with suppress(OSError, UnicodeDecodeError):
            told = marker.read_text()
        return self.root.stat().st_dev, told


@dataclass(slots=True)
class RoomGuard:
    """Keeps a share of the disk free (percent), before a transfer and while it runs."""

    folder: Path
    reserve_percent: float
    _looked: float = field(default=0.0)

    def check(self, needed_bytes: int, needed_inodes: int) -> None:
        """Given what is to come, raise TransferFailed if the disk has no room for it besides the reserve."""
        status = os.statvfs(self.folder)
        free, reserve = self._room(status)
        if status.f_blocks and needed_bytes + reserve > free:  # some file systems tell no size
            raise failed('no_room', needed=size(needed_bytes), free=size(free), reserve=size(reserve))
        if status.f_files and needed_inodes > status.f_favail:
            raise failed('no_inodes', needed=f'{needed_inodes:,}', free=f'{status.f_favail:,}')

    def look(self) -> None:
        """Called again and again during a transfer; raise TransferFailed once half of the reserve is used up."""
        moment = time.monotonic()
        if moment - self._looked < LOOK_INTERVAL_S:
            return
        self._looked = moment
        free, reserve = self._room(os.statvfs(self.folder))
        if free < reserve / 2:
            raise failed('room_used_up', free=size(free))

    def _room(self, status: os.statvfs_result) -> tuple[int, int]:
        total = status.f_blocks * status.f_frsize
        return status.f_bavail * status.f_frsize, int(total * self.reserve_percent / 100)


def shrunk(files: int, total_bytes: int, before: Mapping[str, Any], percent: int) -> str | None:
    """Given a tree's figures and the record of the last trusted backup, return what is suspicious about them, or None.

    `percent` is the share by which files or bytes may become fewer from one backup to the next, 0 for any.
    """
    known_files, known_bytes = before.get('file_count') or 0, before.get('size_bytes') or 0
    if not percent or not known_files:
        return None
    kept = 1 - percent / 100
    fewer = known_files >= FEW_FILES and (files < known_files * kept or total_bytes < known_bytes * kept)
    if files and not fewer:
        return None
    return (
        f'The source shrank from {known_files:,} files ({size(known_bytes)}) to {files:,} ({size(total_bytes)}). '
        'Look whether a disk is missing there or something was deleted; older snapshots are kept.'
    )


def ran_full(error: BaseException) -> bool:
    """Given why a run ended, return whether it was for want of room on the disk."""
    return getattr(error, 'errno', None) in {errno.ENOSPC, errno.EDQUOT} or getattr(error, 'cause', '') in {
        'disk_full',
        'inodes_full',
        'room_used_up',
        'quota',
    }


def size(count: int) -> str:
    """Given bytes, return them for people ('1.9 GB')."""
    return str(humanize.naturalsize(count))
