"""Where a restore goes: to a client over ssh, or into a folder of this very machine."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from plumbus.backup.execution import IDLE_TIMEOUT_S, judged
from plumbus.backup.removing import FOLDER
from plumbus.cancellation import Cancellation
from plumbus.failures import failed
from plumbus.transfer import process, rsync
from plumbus.transfer.items import Kind
from plumbus.transfer.lookup import Found, look_up
from plumbus.transfer.process import Outcome
from plumbus.transfer.room import MOST_FOLDERS, Ahead, Room, look_ahead, rooms
from plumbus.transfer.sources import WILDCARD
from plumbus.transfer.ssh import SshSession

KINDS: dict[int, Kind] = {stat.S_IFREG: 'file', stat.S_IFDIR: 'folder', stat.S_IFLNK: 'link'}


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What rsync is asked to restore: paths in the tree, the folder they go to, and how."""

    tree: Path
    paths: Sequence[bytes]
    target: bytes
    relative: bool
    delete: bool

    @property
    def above(self) -> list[bytes]:
        """The folders above what is put back to where it came from, the outermost first; these stay as they are if there."""
        if not self.relative or self.target != b'/':
            return []
        found = {parent for path in self.paths for parent in parents(path)}
        return sorted(found)


class Destination(Protocol):
    """What a restore needs of the place that it goes to."""

    @property
    def options(self) -> rsync.Options: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def bound(self) -> bool: ...
    @property
    def run(self) -> Callable[..., Outcome]: ...
    def arguments(self, order: Order, *, dry_run: bool) -> list[bytes]: ...
    def folders_arguments(self, order: Order, *, dry_run: bool) -> list[bytes]: ...
    def look_up(self, paths: Iterable[bytes]) -> dict[bytes, Found] | None: ...
    def look_ahead(self, paths: Sequence[bytes], folders: Sequence[bytes]) -> Ahead | None: ...
    def rooms(self, folders: Sequence[bytes]) -> list[Room | None]: ...
    def prepare(self, target: bytes, *, make: bool) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class OnClient:
    """A client, while a session with it is open."""

    connection: SshSession
    options: rsync.Options
    home: Path

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of rsync."""
        return {**rsync.environment(self.home), **self.connection.env}

    @property
    def bound(self) -> bool:
        """Whether the key may run rsync and nothing else, perhaps below one folder only."""
        return not self.options.secluded

    @property
    def run(self) -> Callable[..., Outcome]:
        """What runs rsync: see SharedLogin.run."""
        return self.connection.shared.run

    def arguments(self, order: Order, *, dry_run: bool) -> list[bytes]:
        """Return the run that restores, or lists what it would do."""
        return rsync.push_arguments(
            self.options,
            self.connection.rsync_shell,
            self.connection.alias,
            order.tree,
            paths=order.paths,
            target=order.target,
            relative=order.relative,
            delete=order.delete,
            dry_run=dry_run,
        )

    def folders_arguments(self, order: Order, *, dry_run: bool) -> list[bytes]:
        """Return the run that restores folders alone, those fed to its stdin."""
        shell, alias = self.connection.rsync_shell, self.connection.alias
        return rsync.push_folders_arguments(self.options, shell, alias, order.tree, dry_run=dry_run)

    def look_up(self, paths: Iterable[bytes]) -> dict[bytes, Found] | None:
        """Given absolute paths, return what lies there; None if nobody could look."""
        return look_up(self.connection, paths, sudo=self.options.sudo)

    def look_ahead(self, paths: Sequence[bytes], folders: Sequence[bytes]) -> Ahead | None:
        """Given absolute paths, return what lies there, None unless that is certain; and of folders the room, if that comes along.

        With sudo or a key bound to rsync only rsync can look. Where a shell may, it is quicker.
        """
        if not (self.options.sudo or self.bound) and len(paths) + len(folders) <= MOST_FOLDERS:
            return look_ahead(self.connection, paths, folders)
        found = look_up(self.connection, paths, sudo=self.options.sudo, certain=True)
        return None if found is None else Ahead(found, {})

    def rooms(self, folders: Sequence[bytes]) -> list[Room | None]:
        """Given folders, return of each how much is free on its disk, None where that cannot be told."""
        return rooms(self.connection, folders, sudo=self.options.sudo)

    def prepare(self, target: bytes, *, make: bool) -> None:
        """Make the target folder where rsync alone would not call it as it should. Raise TransferFailed, Cancelled."""
        if not (make and WILDCARD.search(target)):
            return
        scratch = self.connection.empty.parent / 'target'
        Path(os.fsdecode(os.fsencode(scratch) + target)).mkdir(parents=True, exist_ok=True)
        shell, alias = self.connection.rsync_shell, self.connection.alias
        outcome = self.connection.shared.run(
            rsync.make_folder_arguments(self.options, shell, alias, scratch, target),
            env=self.env,
            idle_timeout_s=IDLE_TIMEOUT_S,
        )
        judged(outcome, 'restore', self.connection.cancellation)


@dataclass(frozen=True, kw_only=True, slots=True)
class OnServer:
    """A folder below `base` on this machine. What others make of links in it leads nowhere else."""

    base: Path
    options: rsync.Options
    home: Path
    cancellation: Cancellation

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of rsync."""
        return rsync.environment(self.home)

    @property
    def bound(self) -> bool:
        """Whether / may be another folder: never."""
        return False

    @property
    def run(self) -> Callable[..., Outcome]:
        """What runs rsync: see process.run."""
        return process.run

    def arguments(self, order: Order, *, dry_run: bool) -> list[bytes]:
        """Return the run that restores, or lists what it would do."""
        here = replace(self.options, sudo=False, secluded=False, mark='', timeout_s=0)
        return rsync.push_arguments(
            here, '', '', order.tree, paths=order.paths, target=order.target, relative=order.relative,
            delete=order.delete, dry_run=dry_run,
        )  # fmt: skip

    def folders_arguments(self, order: Order, *, dry_run: bool) -> list[bytes]:  # noqa: ARG002 -- as its sister
        """Nothing: the folders above what is restored lie in the target and come along."""
        return []

    def look_up(self, paths: Iterable[bytes]) -> dict[bytes, Found] | None:
        """Given absolute paths, return what lies there."""
        return {path: found for path in paths if (found := _found(path))}

    def look_ahead(self, paths: Sequence[bytes], folders: Sequence[bytes]) -> Ahead | None:  # noqa: ARG002 -- as its sister
        """Nothing is certain here: there may be links on the way, and others may put them there."""
        return None

    def rooms(self, folders: Sequence[bytes]) -> list[Room | None]:
        """Given folders, return of each how much is free on its disk."""
        return [_room(folder) for folder in folders]

    def prepare(self, target: bytes, *, make: bool) -> None:
        """Make the target folder; follow no link to it. Raise TransferFailed if one is on the way, or it cannot be made."""
        below = os.path.relpath(target, os.fsencode(self.base))
        try:
            _walk(self.base, [part for part in below.split(b'/') if part != b'.'], make=make)
        except OSError as error:
            unfit = error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EEXIST}
            reason = 'a link or a file is on the way' if unfit else error.strerror
            raise failed('restore_base', folder=os.fsdecode(target), reason=reason) from error


def parents(path: bytes) -> list[bytes]:
    """Given a path in the tree, return the folders above it, the outermost first, each with a slash in front."""
    parts = path.strip(b'/').split(b'/')[:-1]
    return [b'/' + b'/'.join(parts[: count + 1]) for count in range(len(parts))]


def _walk(base: Path, parts: Sequence[bytes], *, make: bool) -> None:
    folder = os.open(base, FOLDER)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=folder)
            parent = folder
            folder = os.open(part, FOLDER, dir_fd=parent)
            os.close(parent)
    except FileNotFoundError:
        if make:
            raise
    finally:
        os.close(folder)


def _found(path: bytes) -> Found | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    kind = KINDS.get(stat.S_IFMT(status.st_mode), 'special')
    return Found(kind, status.st_size, int(status.st_mtime))


def _room(folder: bytes) -> Room | None:
    known = folder
    while not os.path.isdir(known) and known != b'/':
        known = os.path.dirname(known)
    try:
        status = os.statvfs(known)
    except OSError:
        return None
    return Room(
        free=status.f_bavail * status.f_frsize, disk=os.stat(known).st_dev.to_bytes(8, 'big'), sure=True
    )
