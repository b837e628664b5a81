"""What every contender can do, so that all go through the same phases."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from benchmarks.measuring import Stopwatch
from benchmarks.place import ALIAS, Place, run
from tests.support.sshd import IS_ROOT

APT = ('apt-get', '-o', 'DPkg::Lock::Timeout=300')
QUIET = {'DEBIAN_FRONTEND': 'noninteractive'}


class Contender(ABC):
    """One way to back up the files of the place. Each call returns when the work is done."""

    name: ClassVar[str]
    program: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()  # of apt
    slow: ClassVar[bool] = False  # takes part in fewer rounds
    big: ClassVar[bool] = True  # takes part with the big files

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.store / self.name.lower().replace(' ', '-')
        self.sources = [place.source]

    @classmethod
    def available(cls) -> bool:
        """Whether it can be run here."""
        return shutil.which(cls.program) is not None

    @classmethod
    def install(cls) -> None:
        """Install it by apt, as root. Raise RuntimeError with what apt said if it cannot be."""
        run(
            [*APT, 'install', '-y', '-q', '--no-install-recommends', *cls.packages],
            env={**os.environ, **QUIET},
        )

    @abstractmethod
    def version(self) -> str:
        """Its version, as it tells it."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """While it takes part; a server runs in this block."""
        yield

    def prepare(self, source: Path) -> None:
        """Begin anew, with an empty store, for the files below a folder of the client."""
        self.sources = [source]
        remove(self.folder)
        self.folder.mkdir()

    def finish(self) -> None:
        """Remove all that it stored."""
        remove(self.folder)

    @abstractmethod
    def backup(self) -> None:
        """Make the next snapshot."""

    @abstractmethod
    def restore(self, target: Path) -> None:
        """Copy all of the newest snapshot into a folder of the client."""

    @abstractmethod
    def restore_file(self, path: str, target: Path) -> None:
        """Copy one file, given relative to the source, of the newest snapshot into a folder of the client."""

    @abstractmethod
    def list_folder(self, path: str) -> int:
        """Return how many entries a folder of the newest snapshot has."""

    @abstractmethod
    def delete_oldest(self) -> None:
        """Remove the oldest snapshot and give its room back."""

    def manifest_bytes(self) -> int:
        """What its own lists of files take in the store, if it keeps such beside the files."""
        return 0

    def rest(self) -> None:
        """Return when nothing of it works any more in the background, and what it wrote is on the disk."""
        self.place.settle()

    def stopwatch(self) -> Stopwatch:
        """What measures it: all it starts here and on the client."""
        return Stopwatch(self.place.account, [self.place.sshd_pid])

    def used(self) -> tuple[int, int]:
        """Bytes and inodes that its store takes."""
        size = run(['du', '-s', '--block-size=1', str(self.folder)]).split()[0]
        inodes = run(['du', '-s', '--inodes', str(self.folder)]).split()[0]
        return int(size), int(inodes)

    @property
    def source(self) -> Path:
        """The folder of the client that is backed up."""
        return self.sources[0]

    @property
    def remote_source(self) -> str:
        """The source as rsync and scp name it."""
        return f'{ALIAS}:{self.source}'


def remove(folder: Path) -> None:
    """Remove a tree, if there is one."""
    if folder.exists():
        run(['rm', '-rf', '--', str(folder)])


def give_to_client(place: Place, folder: Path) -> None:
    """Let the login of the client write into a folder of the store."""
    if IS_ROOT:
        os.chown(folder, *place.sshd.ids)
        place.store.chmod(0o755)


def first_line(text: str) -> str:
    """The first line of what a program says."""
    return text.strip().splitlines()[0].strip() if text.strip() else 'unknown'
