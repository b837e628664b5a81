"""One server a data folder: two would run the same jobs into the same snapshots."""

import contextlib
import os
from pathlib import Path

from plumbus.errors import StoreError
from plumbus.store.disk import ProcessLock, make_private_folder, plain_errors

FILE_NAME = '.lock'


class Claim:
    """Held by the server as long as it runs; the system frees it when the process ends in whatever way.

    Commands that only read or write the store need none: the store has a lock of its own.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / FILE_NAME
        self._lock: ProcessLock | None = None

    def take(self) -> None:
        """Take the data folder for this process; more than once is as good as once. Raise StoreError if another has it."""
        if self._lock:
            return
        lock = ProcessLock(self._path, timeout_s=0)
        with plain_errors(FILE_NAME):
            make_private_folder(self._data_dir)
            try:
                lock.acquire()
            except StoreError:
                raise self._taken() from None
            self._path.write_text(f'{os.getpid()}\n', encoding='ascii')
        self._lock = lock

    def give_up(self) -> None:
        """Leave the data folder to others, if it is held."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def _taken(self) -> StoreError:
        holder = ''
        with contextlib.suppress(OSError):
            holder = self._path.read_text(encoding='ascii', errors='replace').strip()
        who = f'Another PLUMBUS (process {holder})' if holder.isdigit() else 'Another PLUMBUS'
        return StoreError(
            f'{who} runs on the data folder {self._data_dir} already.',
            'Use that one, stop it first, or choose another folder with --data-dir or PLUMBUS_DATA_DIR.',
        )
