"""Sorts what rsync prints on stdout: items to whoever takes them, progress, statistics, the checksum's name."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from plumbus.backup.reporting import readable
from plumbus.failures import failed
from plumbus.transfer.items import (
    Item,
    TransferProgress,
    is_item,
    parse_checksum_name,
    parse_item,
    parse_progress,
    parse_stat,
    sealed,
    unescape,
)

MAX_UNREAD = 10
MAX_SKIPPED = 100
ONE_READ = 2048  # bytes of names
RETRIED = re.compile(
    rb'WARNING: (.{1,16384}) failed verification -- update (?:discarded|retained) \(will try again\)',
    re.DOTALL,
)
LOOKED_AT = (b'delete_in_dir(', b'[generator] delete_in_dir(')
SKIPPED = re.compile(rb'skipping non-regular file "(.+)"', re.DOTALL)

Skim = Callable[[list[bytes], int], int]


@dataclass(slots=True)
class OutputReader:
    """Call it with batches of lines. `take` gets each item, `on_batch` the latest progress (if any) and the items.

    `unread` holds the first lines that are items and could not be read as such, `skipped` the first paths that rsync
    left out because it may not make device files here. `seal` tells our rsync's items from what a client makes it print.
    `skim` may take lines by itself: given a batch and where to begin, it returns where it ends. Those are only counted here.
    `folders` counts those that a scan for differences is done with; the last one is `folder`, as rsync prints it.
    """

    take: Callable[[Item], None]
    on_batch: Callable[[TransferProgress | None, list[Item]], None]
    seal: str = ''
    skim: Skim | None = None
    skimmed: int = 0
    folders: int = 0
    folder: bytes = b''
    stats: dict[str, int] = field(default_factory=dict)
    algorithm: str | None = None
    unread: list[bytes] = field(default_factory=list)
    skipped: list[bytes] = field(default_factory=list)

    def __call__(self, lines: list[bytes]) -> None:
        """Given a batch of lines, sort them."""
        seal = self.seal.encode()
        latest = b''
        told: list[bytes] = []
        for line in lines:
            if line[:1] == b' ' and (not seal or seal not in line):  # nothing but progress begins with one
                latest = line
            else:
                told.append(line)
        items: list[Item] = []
        place = 0
        while (place := self._skim(told, place)) < len(told):
            self._sort(told[place], seal, items)
            place += 1
        self.on_batch(parse_progress(latest) if latest else None, items)

    def _skim(self, lines: list[bytes], start: int) -> int:
        if self.skim is None:
            return start
        end = self.skim(lines, start)
        self.skimmed += end - start
        return end

    def _sort(self, line: bytes, seal: bytes, items: list[Item]) -> None:
        told = sealed(line, seal)
        item = None if told is None else parse_item(told)
        if item is not None:
            self.take(item)
            items.append(item)
        elif told is not None and is_item(told):
            self.unread += [told] if len(self.unread) < MAX_UNREAD else []
        else:
            self._remember(line)

    def check(self) -> None:
        """Call it once the child has ended well. Raise TransferFailed if it listed something that could not be read.

        Nobody knows then which file that was: what is built on the list would lack it without a word.
        """
        if self.unread:
            raise failed('unreadable_item', line=readable(self.unread[0]))

    def _remember(self, line: bytes) -> None:
        if line.startswith(LOOKED_AT):
            self.folders += 1
            self.folder = line.partition(b'(')[2][:-1]
            return
        stat, skipped = parse_stat(line), SKIPPED.fullmatch(line)
        if stat is not None:
            self.stats[stat[0]] = stat[1]
        elif skipped:
            self.skipped += [unescape(skipped[1])] if len(self.skipped) < MAX_SKIPPED else []
        elif self.algorithm is None:
            self.algorithm = parse_checksum_name(line)


def retried_file(line: bytes) -> bytes | None:
    """Given a line of stderr, return the path of a file that came badly and is fetched again, else None."""
    match = RETRIED.match(line) if line.startswith(b'WARNING: ') else None
    return unescape(match[1]) if match else None


def nul_separated(paths: list[bytes]) -> Iterator[bytes]:
    """Given paths, yield them as --files-from --from0 reads them (rsync(1)), in chunks.

    Our rsync refuses what comes for a name that it had to read in three pieces (3.5.0). So very long ones go first, each where
    one of its reads begins; empty names are passed over.
    """
    long = [path for path in paths if len(path) >= ONE_READ]
    if long:
        yield b''.join(path.ljust((len(path) // ONE_READ + 1) * ONE_READ, b'\0') for path in long)
    short = [path for path in paths if len(path) < ONE_READ] if long else paths
    for start in range(0, len(short), 1000):
        yield b''.join(path + b'\0' for path in short[start : start + 1000])
