"""Sorts what rsync prints on stdout: items to whoever takes them, progress, statistics, the checksum's name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from plumbus.transfer.items import (
    Item,
    TransferProgress,
    parse_checksum_name,
    parse_item,
    parse_progress,
    parse_stat,
)


@dataclass(slots=True)
class OutputReader:
    """Call it with batches of lines. `take` gets each item, `on_batch` the latest progress (if any) and the items."""

    take: Callable[[Item], None]
    on_batch: Callable[[TransferProgress | None, list[Item]], None]
    stats: dict[str, int] = field(default_factory=dict)
    algorithm: str | None = None

    def __call__(self, lines: list[bytes]) -> None:
        """Given a batch of lines, sort them."""
        progress: TransferProgress | None = None
        items: list[Item] = []
        for line in lines:
            item = parse_item(line)
            if item is not None:
                self.take(item)
                items.append(item)
            else:
                progress = parse_progress(line) or progress
                self._remember(line)
        self.on_batch(progress, items)

    def _remember(self, line: bytes) -> None:
        stat = parse_stat(line)
        if stat is not None:
            self.stats[stat[0]] = stat[1]
        elif self.algorithm is None:
            self.algorithm = parse_checksum_name(line)


def nul_separated(paths: list[bytes]) -> Iterator[bytes]:
    """Given paths, yield them as --files-from --from0 reads them (rsync(1)), in chunks."""
    for start in range(0, len(paths), 1000):
        yield b''.join(path + b'\0' for path in paths[start : start + 1000])
