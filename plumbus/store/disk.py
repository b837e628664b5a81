"""Private files that are whole or absent, a lock between processes, and disk troubles in plain words."""

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plumbus.errors import StoreError

LOCK_TIMEOUT_S = 30.0
LOCK_PAUSE_S = 0.001
# Files in snapshots have owners of their own, which are worth keeping.
GIVE_IT = 'Give it to the user that runs PLUMBUS (chown, but not -R below backups/; python main.py check says more).'
CAUSES = {errno.ENOSPC: 'disk_full', errno.EDQUOT: 'quota', errno.EROFS: 'read_only'}
REMEDIES = {
    errno.ENOSPC: ('the disk is full', 'Free some space there, for instance by deleting old backups.'),
    errno.EDQUOT: ('the disk quota is used up', 'Free some space there, or raise the quota.'),
    errno.EROFS: ('the file system is read-only', 'Check the disk for errors and mount it writable.'),
    errno.EACCES: ('permission is denied', GIVE_IT),
    errno.EPERM: ('it is not permitted', GIVE_IT),
    errno.EMFILE: ('too many files are open', 'Raise the limit of open files (ulimit -n), then restart.'),
}


def explained(error: OSError, what: str) -> StoreError:
    """Given an error of the system on `what` (like 'db/config.json'), return it as a sentence with a remedy."""
    reason, remedy = REMEDIES.get(
        error.errno or 0, (error.strerror or str(error), 'Check the disk, its mount and its permissions.')
    )
    message = f'PLUMBUS cannot use {what} in its data folder: {reason}.'
    return StoreError(message, remedy, CAUSES.get(error.errno or 0, 'storage'))


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn each OSError of the block into a StoreError about `what`."""
    try:
        yield
    except OSError as error:
        raise explained(error, what) from error


def make_private_folder(folder: Path) -> None:
    """Given a folder, create it if need be and close it to other users. Raise OSError if it cannot be."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # somebody else's folder, or a file system without modes
            folder.chmod(0o700)


def write_beside(path: Path, pieces: Iterable[bytes]) -> tuple[Path, os.stat_result]:
    """Given a file to come, write `pieces` synced to disk in a file beside it. Return that file and its status."""
    beside = path.with_name(f'{path.name}.new')
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(beside, flags, 0o600), 'wb') as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
            return beside, os.fstat(file.fileno())
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Given a folder, make the names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ProcessLock:
    """Keeps two processes (the server, a command) from changing the same files. Not for threads."""

    def __init__(self, path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raise StoreError if another process keeps it, OSError if its file cannot be made."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreError(
                        'Another PLUMBUS process keeps the database busy.',
                        'Stop it (two servers must not share a data folder), then try again.',
                    ) from None
                time.sleep(LOCK_PAUSE_S)
            else:
                return
