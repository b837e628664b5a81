"""Every version of one file that the snapshots of a job hold."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

from plumbus.backup.explore import moment, tree_path
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import relative_parts
from plumbus.errors import NotFound, StoreError


class Version(BaseModel):
    """What the file was in these backups. `first_seen` and `last_seen` are when the first and last of them began."""

    backup_ids: list[int]
    first_seen: datetime
    last_seen: datetime
    size: int
    modified: datetime
    checksum: str | None
    algorithm: str | None


class Dated(NamedTuple):
    """A snapshot, the backup that made it and when that began."""

    backup_id: int
    time: datetime
    snapshot: Snapshot


def versions(snapshots: Iterable[Dated], path: str) -> list[Version]:
    """Given a job's snapshots, oldest first, and a path, return each distinct version of the file, the newest first.

    Snapshots that share its inode hold the same version; only for another inode is a manifest asked for the checksum. An inode
    that subvolumes have from each other has the same number and times in each.
    Raise NotFound if none of them has a plain file there.
    """
    where = b'/'.join(relative_parts(tree_path(path)))
    found: dict[tuple[object, ...], Version] = {}
    keys: dict[tuple[int, ...], tuple[object, ...]] = {}
    for dated in snapshots:
        status = _file(dated.snapshot, where)
        if status is None:
            continue
        inode = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if inode not in keys:
            version = _version(dated, where, status)
            keys[inode] = (version.size, status.st_mtime_ns, version.checksum or inode)
            found.setdefault(keys[inode], version)
        _seen(found[keys[inode]], dated)
    if not found:
        raise NotFound('No backup of this job has a plain file there.')
    return sorted(found.values(), key=lambda version: version.last_seen, reverse=True)


def _file(snapshot: Snapshot, path: bytes) -> os.stat_result | None:
    with suppress(NotFound, FileNotFoundError), snapshot.open_tree() as tree:  # it may just be deleted
        status = tree.lstat(path)
        return status if stat.S_ISREG(status.st_mode) else None
    return None


def _version(dated: Dated, path: bytes, status: os.stat_result) -> Version:
    entry = _entry(dated.snapshot, path)
    known = entry.checksum if entry and entry.size == status.st_size else None
    return Version(
        backup_ids=[],
        first_seen=dated.time,
        last_seen=dated.time,
        size=status.st_size,
        modified=moment(status.st_mtime),
        checksum=known.hex() if known else None,
        algorithm=entry.algorithm if entry and known else None,
    )


def _entry(snapshot: Snapshot, path: bytes) -> Entry | None:
    with suppress(StoreError):
        return next((entry for entry in read_manifest(snapshot.manifest) if entry.path == path), None)
    return None


def _seen(version: Version, dated: Dated) -> None:
    version.backup_ids.append(dated.backup_id)
    version.last_seen = max(version.last_seen, dated.time)
