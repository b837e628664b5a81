"""What a download takes along: chosen paths of a snapshot with all below them, read without following any link."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO

from plumbus.backup.tree import Tree, relative_parts
from plumbus.errors import StoreError
from plumbus.transfer.names import path_text

CHUNK = 256 * 1024
MOST_NOTED = 1000


@dataclass(frozen=True, slots=True)
class Member:
    """Something of the snapshot: `path` in the tree, `name` in the archive, and what lies there."""

    path: bytes
    name: bytes
    status: os.stat_result


@dataclass(kw_only=True, slots=True)
class Selection:
    """Chosen paths of an open tree. `left_out` grows as things turn out to be closed to PLUMBUS itself."""

    tree: Tree
    paths: Sequence[bytes]
    base: bytes
    left_out: list[bytes] = field(default_factory=list)

    def members(self) -> Iterator[Member]:
        """Yield what is chosen, each folder right before all that is in it: then tar sets its times when it is done with it.

        Only the names of folders to come are kept in memory.
        """
        pending = list(reversed(self.paths))
        while pending:
            path = pending.pop()
            status = self.tree.lstat(path)
            if path != self.base:
                yield self._member(path, status)
            if stat.S_ISDIR(status.st_mode):
                yield from self._files_in(path, pending)

    def open(self, member: Member) -> FileIO | None:
        """Given a regular file, return it opened for reading, or None (and note it) if PLUMBUS itself may not read it."""
        try:
            return FileIO(self.tree.open_file(member.path), 'r')
        except PermissionError:
            self.leave_out(member.path)
            return None

    def leave_out(self, path: bytes) -> None:
        """Given a path that cannot be read, note it: the archive ends with a list of these."""
        if len(self.left_out) < MOST_NOTED:
            self.left_out.append(path)

    def note(self) -> bytes:
        """Return the text of that list; empty if nothing is missing."""
        if not self.left_out:
            return b''
        listed = ''.join(f'{path_text(b"/" + path)}\n' for path in self.left_out)
        more = '…\n' if len(self.left_out) == MOST_NOTED else ''
        return f'These could not be read, or have names too long for this format; they are missing here:\n\n{listed}{more}'.encode()

    def _files_in(self, folder: bytes, pending: list[bytes]) -> Iterator[Member]:
        try:
            for name, status in self.tree.entries(folder):
                path = b'/'.join([folder, name]) if folder else name
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                else:
                    yield self._member(path, status)
        except PermissionError:
            self.leave_out(folder)

    def _member(self, path: bytes, status: os.stat_result) -> Member:
        return Member(path, path[len(self.base) :].lstrip(b'/'), status)


def outermost(paths: Sequence[bytes]) -> list[bytes]:
    """Given paths, return them in plain form and in order, without those that lie below another one of them.

    Raise NotFound for what cannot be a path in a snapshot.
    """
    kept: list[list[bytes]] = []
    for parts in sorted(relative_parts(path) for path in paths):
        if not kept or parts[: len(kept[-1])] != kept[-1]:
            kept.append(parts)
    return [b'/'.join(parts) for parts in kept]


def common_folder(paths: Sequence[bytes]) -> bytes:
    """Given plain paths, return the deepest folder that all of them lie in: names in an archive start below it."""
    return os.path.commonpath([path.rpartition(b'/')[0] for path in paths])


def chunks_of(file: FileIO, length: int) -> Iterator[bytes]:
    """Given an open file, yield so many bytes of it. Raise StoreError if it ends before."""
    left = length
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise StoreError('A file of the snapshot is shorter than it should be.', 'Verify this backup.')
        left -= len(chunk)
        yield chunk
