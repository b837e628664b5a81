"""A folder of the server that nobody may read, change or link to: it notices all three."""

import os
from dataclasses import dataclass
from pathlib import Path

LONG_AGO = 1_000_000_000
State = dict[bytes, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Canary:
    """With relatime a read moves the time of the last access if that lies before the last change, as it does here."""

    folder: Path
    known: State

    def touched(self) -> list[str]:
        """A line for everything that is not as it was."""
        now = _state(self.folder)
        return [
            f'{path!r}: {self.known.get(path)} -> {now.get(path)}'
            for path in sorted({*self.known, *now})
            if self.known.get(path) != now.get(path)
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
        found[path] = (
            status.st_ino, status.st_mode, status.st_nlink, status.st_uid, status.st_gid, status.st_size,
            status.st_mtime_ns, status.st_ctime_ns, 0 if os.path.isdir(path) else status.st_atime_ns,
        )  # fmt: skip
    return found
