"""The changes since the files were written, one transaction a line: appended, synced, and torn only at the end."""

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from plumbus.errors import StoreError
from plumbus.store.disk import plain_errors, sync_folder, write_beside

# {"crc32": "<8 hex digits>", "change": {...}}: what is summed up lies between the two.
BEFORE, AFTER = b'{"crc32": "%08x", "change": ', b'}\n'
START = len(BEFORE % 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What one line holds, and where the next one begins."""

    content: dict[str, Any]
    end: int


class Journal:
    """The first line says since which change of each file (`after`) it tells. Append and replace only while the lock between
    processes is held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = f'{path.parent.name}/{path.name}'

    def signature(self) -> tuple[int, int]:
        """Return what tells this file from one that replaced it, and its size; (0, 0) if there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0
        return status.st_ino, status.st_size

    def lines(self, start: int = 0) -> Iterator[Line]:
        """Given where a line begins, yield it and those that follow. A torn line at the end was never acknowledged and is
        left out. Raise StoreError if another one is damaged, OSError if the file cannot be read."""
        try:
            file = self.path.open('rb')
        except FileNotFoundError:
            return
        with file:
            file.seek(start)
            yield from self._lines(file, start)

    def append(self, end: int, content: Mapping[str, Any]) -> int:
        """Given where the last whole line ends, write one behind it. Return where it ends; raise StoreError if it cannot be
        kept, and then nothing of it is there."""
        line = packed(content)
        with plain_errors(self._name):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                self._write(descriptor, end, line)
            finally:
                os.close(descriptor)
        return end + len(line)

    def begin(self, after: Mapping[str, int], since: int, end: int) -> tuple[int, int]:
        """Make a new journal for files that hold all changes up to `after`: with the lines of the old one between two places.

        Return its signature. Raise StoreError, with the old one still there, if it cannot be written.
        """
        with plain_errors(self._name):
            kept = self._between(since, end)
            beside, status = write_beside(self.path, (packed({'after': after}), kept))
            os.replace(beside, self.path)
            sync_folder(self.path.parent)
        return status.st_ino, status.st_size

    def _lines(self, file: BinaryIO, start: int) -> Iterator[Line]:
        for raw in file:
            content = unpacked(raw)
            if content is None:
                if raw.endswith(b'\n') and file.readline():
                    raise self._damaged(start)
                return  # torn, or being written by another process at this moment
            start += len(raw)
            yield Line(content=content, end=start)

    def _write(self, descriptor: int, end: int, line: bytes) -> None:
        try:
            os.ftruncate(descriptor, end)  # what a process that was killed left of its line
            os.lseek(descriptor, end, os.SEEK_SET)
            left = memoryview(line)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(descriptor, end)
            raise

    def _between(self, since: int, end: int) -> bytes:
        if since >= end:
            return b''
        with self.path.open('rb') as file:
            file.seek(since)
            return file.read(end - since)

    def _damaged(self, place: int) -> StoreError:
        return StoreError(
            f'{self._name} in the data folder is damaged at byte {place}.',
            'Put back a copy of the whole folder db/, or move it away and run "python main.py rescan".',
        )


def packed(content: Mapping[str, Any]) -> bytes:
    """Given what a line holds, return the line."""
    text = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    return BEFORE % zlib.crc32(text) + text + AFTER


def unpacked(line: bytes) -> dict[str, Any] | None:
    """Given a line, return what it holds; None if it is not whole."""
    text = line[START : -len(AFTER)]
    if line != BEFORE % zlib.crc32(text) + text + AFTER:
        return None
    content: dict[str, Any] = orjson.loads(text)
    return content
