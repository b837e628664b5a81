"""Takes in what the first run of a job brings, as rsync lists it: into a list, its counts and the log."""

from collections.abc import Callable
from dataclasses import dataclass, field

from plumbus.backup.entries import entry_of
from plumbus.backup.finishing import Listed
from plumbus.backup.listing import OutputReader
from plumbus.backup.manifest import Entry
from plumbus.backup.plain import NewEntries
from plumbus.backup.reporting import Reporter, readable
from plumbus.backup.tally import Tally
from plumbus.transfer.items import Item, TransferProgress


@dataclass(kw_only=True, slots=True)
class FirstCopy:
    """`noted` gets every entry, `came` counts them. `moment`: the time that the snapshot will be named by, in seconds; `seal` is that
    of our rsync; `look` is called again and again and may raise to stop."""

    noted: Listed
    reporter: Reporter
    moment: int
    seal: str
    look: Callable[[], None]
    came: Tally = field(default_factory=Tally)
    reader: OutputReader = field(init=False)
    _plain: NewEntries = field(init=False)
    _lines: list[str] = field(default_factory=list)
    _arrived: bytes = b''

    def __post_init__(self) -> None:
        self._plain = NewEntries(self._note, self.moment, self.seal)
        self.reader = OutputReader(self._take, self._show, self.seal, self._skim)

    def _skim(self, lines: list[bytes], start: int) -> int:
        return self._plain.skim(lines, start, self.reader.algorithm)

    def _take(self, item: Item) -> None:
        if item.is_deleted:
            return
        entry = entry_of(item, algorithm=self.reader.algorithm, born=self.moment)
        self.came.see(item, entry)
        self.noted.add(entry)
        self._tell(item.change.decode('ascii', 'replace'), item.path, item.has_data)

    def _note(self, change: str, entry: Entry) -> None:
        self.came.count(entry)
        if entry.kind == 'f':
            self.came.new += 1
            self.came.weigh(entry.path, entry.size)
        self.noted.add(entry)
        self._tell(change, entry.path, entry.kind == 'f')

    def _tell(self, change: str, path: bytes, has_data: bool) -> None:
        self._lines.append(f'{change} {readable(path)}')
        self._arrived = path if has_data else self._arrived

    def _show(self, progress: TransferProgress | None, _items: list[Item]) -> None:
        self.look()
        current = f'/{readable(self._arrived)}' if self._arrived else None
        self.reporter.show_copied(progress, self._lines, current)
        self._lines.clear()
