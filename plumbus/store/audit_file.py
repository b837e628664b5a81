"""The audit log on disk: lines that are only ever added, in a file that is set aside when it is full and never removed."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from plumbus.store.disk import ProcessLock, make_private_folder, plain_errors, sync_folder

FILE_NAME = 'audit.log'
LARGEST_BYTES = 10_000_000


class AuditFile:
    """`audit.log` in a folder, and the full ones as `audit-TIME.log` beside it. For threads, and for other processes too."""

    def __init__(self, folder: Path, largest_bytes: int = LARGEST_BYTES) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME
        self._largest_bytes = largest_bytes
        self._lock = threading.Lock()
        self._process_lock = ProcessLock(folder / '.audit.lock')

    def append(self, line: bytes) -> None:
        """Given a line without its end, add it and have it on disk. Raise StoreError if that cannot be."""
        if b'\n' in line or b'\r' in line:
            raise ValueError('one line at a time')
        with self._lock, plain_errors(f'logs/{FILE_NAME}'):
            make_private_folder(self._folder)
            self._process_lock.acquire()
            try:
                self._write(line + b'\n')
            finally:
                self._process_lock.release()

    def newest_first(self) -> Iterator[bytes]:
        """Yield every line without its end, the last one first. Raise StoreError if a file cannot be read."""
        for path in self._files():
            with plain_errors(f'logs/{path.name}'):
                lines = path.read_bytes().splitlines()
            yield from reversed(lines)

    def _files(self) -> list[Path]:
        full = sorted(self._folder.glob('audit-*.log'), reverse=True)
        return [path for path in (self._path, *full) if path.is_file()]

    def _write(self, data: bytes) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b'\n':
                data = b'\n' + data  # the power went off in the middle of a line
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if size + len(data) >= self._largest_bytes:
            self._set_aside()

    def _set_aside(self) -> None:
        name = f'audit-{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}Z.log'
        os.link(self._path, self._folder / name)  # unlike a rename, it never replaces one that is there
        self._path.unlink()
        sync_folder(self._folder)
