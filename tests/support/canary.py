"""A folder of the server that nobody may read, change or link to: it notices all three."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

FIELDS = ('ino', 'mode', 'nlink', 'uid', 'gid', 'size', 'mtime_ns', 'ctime_ns', 'atime_ns')
LONG_AGO = 1_000_000_000
State = dict[bytes, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Canary:
    """With relatime a read moves the time of the last access if that lies before the last change, as it does here."""

    folder: Path
    known: State

    def touched(self) -> list[str]:
        """A line for everything that was read, changed or linked to."""
        return self._other(len(FIELDS))

    def changed(self) -> list[str]:
        """A line for everything that was changed or linked to; reading it is allowed."""
        return self._other(-1)

    def _other(self, count: int) -> list[str]:
        now = _state(self.folder)
        return [
            f'{path!r}: {self.known.get(path)} -> {now.get(path)}'
            for path in sorted({*self.known, *now})
            if self.known.get(path, ())[:count] != now.get(path, ())[:count]
        ]


def make_canary(folder: Path) -> Canary:
    """Given where it shall be, make a canary there: a few files and folders with names that others have too."""
    for name in ('a', 'b', 'keep', 'd/a', 'd/passwd', 'd/d/b'):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'a secret of the server, {name}')
    for path in [*folder.rglob('*'), folder]:
        os.utime(path, (LONG_AGO, LONG_AGO + 1_000))
    return Canary(folder, _state(folder))


def _state(folder: Path) -> State:
    """Looked at without opening a file; folders are opened for it, so their last access does not count."""
    found: State = {}
    for path in sorted(os.fsencode(path) for path in [folder, *folder.rglob('*')]):
        status = os.lstat(path)
        state = tuple(getattr(status, f'st_{name}') for name in FIELDS)
        found[path] = (*state[:-1], 0) if stat.S_ISDIR(status.st_mode) else state
    return found
