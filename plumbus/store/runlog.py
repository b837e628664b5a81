"""One text log a run: appended while it runs, followed by its tail, streamed whole, removed with its record.

The log of a first run names every file. So a long one is kept compressed once its run has ended: a tenth of the room.
"""

import io
import os
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

import zstandard

from plumbus.errors import StoreError
from plumbus.events import RunKind
from plumbus.store.disk import make_private_folder, plain_errors, write_beside

MAX_BYTES = 10_000_000
CHUNK_BYTES = 65_536
PACKED = '.zst'
LONG_BYTES = 65_536  # shorter ones are read as they are by whoever looks into the folder
CUT = '(The log is cut here: it has reached its greatest size.)'


class RunLogs:
    """Logs below one folder, one file a run. Thread-safe. A log that does not exist reads as empty."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def append(self, kind: RunKind, run_id: int, lines: Sequence[str]) -> None:
        """Given lines without line ends, add them; from `max_bytes` on they are dropped. Raise StoreError."""
        with self._lock, self._plain_errors(self._plain(kind, run_id)):
            make_private_folder(self._folder)
            path = self._path(kind, run_id)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), 'ab') as file:
                fitting = self._fitting(lines, os.fstat(file.fileno()).st_size)
                file.write(zstandard.compress(fitting) if path.suffix == PACKED else fitting)

    def pack(self, kind: RunKind, run_id: int) -> None:
        """Given a run that has ended, compress its log if that is long. Raise StoreError if that fails."""
        path = self._plain(kind, run_id)
        packed = _packed(path)
        with self._lock, self._plain_errors(path):
            if packed.exists() or not path.exists() or path.stat().st_size < LONG_BYTES:
                return
            with path.open('rb') as file:
                beside, _ = write_beside(packed, zstandard.ZstdCompressor().read_to_iter(file))
            beside.replace(packed)
            path.unlink()  # cut off before this, it stays unread until it is deleted

    def tail(self, kind: RunKind, run_id: int, count: int = 500) -> list[str]:
        """Return the last `count` lines, oldest first. Raise StoreError if the log cannot be read."""
        blocks: deque[bytes] = deque()
        ends = 0
        for block in self._backwards(kind, run_id):
            blocks.appendleft(block)
            ends += block.count(b'\n')
            if ends > count:
                break
        lines = b''.join(blocks).removesuffix(b'\n').split(b'\n') if blocks else []
        return [line.decode('utf-8', 'replace') for line in lines[max(len(lines) - count, 0) :]]

    def read(self, kind: RunKind, run_id: int) -> Iterator[bytes]:
        """Return the whole log in chunks. Raise StoreError if it cannot be read."""
        path, file = self._opened(kind, run_id)
        with self._plain_errors(path), file:
            if path.suffix == PACKED:
                yield from _unpacked(file)
                return
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def delete(self, kind: RunKind, run_id: int) -> None:
        """Remove the log, if there is one. Raise StoreError if that fails."""
        path = self._plain(kind, run_id)
        with self._lock, self._plain_errors(path):
            path.unlink(missing_ok=True)
            _packed(path).unlink(missing_ok=True)

    def exists(self, kind: RunKind, run_id: int) -> bool:
        """Return whether anything was logged for this run."""
        return self._path(kind, run_id).exists()

    def newest(self, kind: RunKind) -> int:
        """Return the highest id that has a log, 0 if none has."""
        names = os.listdir(self._folder) if self._folder.is_dir() else []
        found = (re.fullmatch(rf'{kind}-(\d{{1,9}})\.log(\.zst)?', name) for name in names)
        return max((int(match[1]) for match in found if match), default=0)

    def _path(self, kind: RunKind, run_id: int) -> Path:
        plain = self._plain(kind, run_id)
        return _packed(plain) if _packed(plain).exists() else plain

    def _plain(self, kind: RunKind, run_id: int) -> Path:
        return self._folder / f'{kind}-{int(run_id)}.log'

    def _opened(self, kind: RunKind, run_id: int) -> tuple[Path, BinaryIO]:
        with self._lock:  # so that it is not packed between the look and the opening
            path = self._path(kind, run_id)
            with self._plain_errors(path), suppress(FileNotFoundError):
                return path, path.open('rb')
            return path, io.BytesIO()

    def _plain_errors(self, path: Path) -> AbstractContextManager[None]:
        return plain_errors(f'{self._folder.name}/{path.name}')

    def _fitting(self, lines: Sequence[str], size: int) -> bytes:
        # The line that reaches the limit is written whole, so the size alone tells that the log is cut.
        data = bytearray()
        for line in lines:
            if size + len(data) >= self._max_bytes:
                break
            data += _encoded(line)
            if size + len(data) >= self._max_bytes:
                data += _encoded(CUT)
        return bytes(data)

    def _backwards(self, kind: RunKind, run_id: int) -> Iterator[bytes]:
        path, file = self._opened(kind, run_id)
        with self._plain_errors(path), file:
            if path.suffix == PACKED:
                yield b''.join(_unpacked(file))
                return
            position = file.seek(0, os.SEEK_END)
            while position > 0:
                length = min(CHUNK_BYTES, position)
                position = file.seek(position - length)
                yield file.read(length)


def _packed(plain: Path) -> Path:
    return plain.with_name(plain.name + PACKED)


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except zstandard.ZstdError as error:
        raise StoreError(
            'The log of this run is damaged.',
            'Its record tells how it ended; later runs have logs of their own.',
        ) from error


def _encoded(line: str) -> bytes:
    return line.replace('\r', ' ').replace('\n', ' ').encode('utf-8', 'replace') + b'\n'
