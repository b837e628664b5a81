"""The files that are backed up, and what happens to them in a day: the same bytes every time, on every machine."""

import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES, FOLDERS = 60_000, 3_000
MEDIAN_BYTES = 4096
SPREAD = 1.335  # of the logarithm: with it 60,000 files have 607 MB, most of that in few of them
LARGEST_BYTES = 64 * 2**20
BIG_FILES, BIG_BYTES = 8, 256 * 2**20
MODIFIED, ADDED, DELETED, RENAMED = 0.01, 0.003, 0.002, 0.001  # of all files, each day
BASE_TIME = 1_700_000_000
DAY_S = 86_400
POOL_BYTES = 2**20
CHUNK_BYTES = 2**20
CHANGED_CHUNKS = 4
CHANGED_BYTES = CHANGED_CHUNKS * CHUNK_BYTES
SEED = 'grumbo'


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """How many files a day has changed."""

    modified: int
    added: int
    deleted: int
    renamed: int


class Workload:
    """Many small files below a folder, and days that change some of them."""

    def __init__(
        self, folder: Path, files: int = FILES, folders: int = FOLDERS, owner: tuple[int, int] | None = None
    ) -> None:
        self.folder = folder
        self._owner = owner
        self._count, self._folders = files, folders
        self._pool = _pool()
        self._paths: list[str] = []
        self._made = 0
        self._day = 0

    @property
    def paths(self) -> list[str]:
        """The files that are there now, relative to the folder."""
        return self._paths

    def fill(self) -> None:
        """Write all files."""
        for number in range(self._folders):
            (self.folder / folder_name(number)).mkdir(parents=True, exist_ok=True)
        for _ in range(self._count):
            self._add()
        for folder in (self.folder, *sorted(self.folder.rglob('*/'))):
            if self._owner:
                os.chown(folder, *self._owner)
            os.utime(folder, (BASE_TIME, BASE_TIME))

    def pass_day(self) -> Day:
        """Let a day pass: files are rewritten, added, deleted and renamed."""
        self._day += 1
        chance = random.Random(f'{SEED} day {self._day}')
        modified, deleted, renamed = self._chosen(chance)
        for path in modified:
            self._write(path, f'{path} {self._day}')
        for path in renamed:
            new = f'{path}-moved-{self._day}'
            (self.folder / path).rename(self.folder / new)
            self._paths[self._paths.index(path)] = new
        for path in deleted:
            (self.folder / path).unlink()
        gone = set(deleted)
        self._paths = [path for path in self._paths if path not in gone]
        added = max(1, round(self._count * ADDED))
        for _ in range(added):
            self._add()
        return Day(modified=len(modified), added=added, deleted=len(deleted), renamed=len(renamed))

    def _chosen(self, chance: random.Random) -> tuple[list[str], list[str], list[str]]:
        shares = [max(1, round(self._count * share)) for share in (MODIFIED, DELETED, RENAMED)]
        chosen = chance.sample(self._paths, sum(shares))
        first, second = shares[0], shares[0] + shares[1]
        return chosen[:first], chosen[first:second], chosen[second:]

    def _add(self) -> None:
        path = f'{folder_name(self._made % self._folders)}/file-{self._made:06}.dat'
        self._write(path, path)
        self._paths.append(path)
        self._made += 1

    def _write(self, path: str, letter: str) -> None:
        chance = random.Random(f'{SEED} {letter}')
        file = self.folder / path
        file.write_bytes(content(chance, size(chance), self._pool))
        if self._owner:
            os.chown(file, *self._owner)
        moment = BASE_TIME + self._day * DAY_S + chance.randrange(DAY_S // 2)
        os.utime(file, (moment, moment))


def folder_name(number: int) -> str:
    """Where the files of a folder lie: three levels, ten folders beside each other at the lowest."""
    return f'area-{number // 100:02}/part-{number // 10 % 10}/folder-{number % 10}'


def size(chance: random.Random) -> int:
    """The bytes of one file, log-normal, as those on real disks are."""
    return min(LARGEST_BYTES, int(MEDIAN_BYTES * math.exp(chance.gauss(0, SPREAD))))


def content(chance: random.Random, length: int, pool: bytes) -> bytes:
    """Half of it can be compressed, as text can, and half cannot."""
    random_part = chance.randbytes(length // 2)
    wanted = length - len(random_part)
    start = chance.randrange(len(pool))
    text = (pool[start:] + pool * (wanted // len(pool) + 1))[:wanted]
    return random_part + text


def _pool() -> bytes:
    chance = random.Random(f'{SEED} words')
    letters = 'etaoinshrdlucmfwypvbgkjqxz'
    words = [''.join(chance.choices(letters, k=chance.randrange(2, 11))) for _ in range(4000)]
    return ' '.join(chance.choices(words, k=POOL_BYTES // 5)).encode()[:POOL_BYTES]


@dataclass(kw_only=True, slots=True)
class BigFiles:
    """A few files of hundreds of megabytes that no compression makes smaller, as those of virtual machines or films."""

    folder: Path
    count: int = BIG_FILES
    bytes_each: int = BIG_BYTES

    def fill(self) -> None:
        """Write all of them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(self.count):
            with self._path(number).open('wb') as file:
                file.writelines(_chunks(random.Random(f'{SEED} big {number}'), self.bytes_each))

    def change(self, time_number: int) -> Path:
        """Overwrite some chunks of the first file, each somewhere else, and return its path."""
        chance = random.Random(f'{SEED} change {time_number}')
        path = self._path(0)
        with path.open('r+b') as file:
            for _ in range(CHANGED_CHUNKS):
                file.seek(chance.randrange(max(1, self.bytes_each - CHUNK_BYTES)))
                file.write(chance.randbytes(min(CHUNK_BYTES, self.bytes_each // 8)))
        moment = BASE_TIME + (time_number + 1) * DAY_S
        os.utime(path, (moment, moment))
        return path

    def _path(self, number: int) -> Path:
        return self.folder / f'image-{number}.raw'


def _chunks(chance: random.Random, length: int) -> Iterator[bytes]:
    for start in range(0, length, CHUNK_BYTES):
        yield chance.randbytes(min(CHUNK_BYTES, length - start))
