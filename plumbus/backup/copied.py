"""Counts what a restore is to change and what it really does, as rsync lists it while it copies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plumbus.backup.changes import Change, Plan, Summary
from plumbus.backup.fresh import Coming
from plumbus.backup.listing import OutputReader
from plumbus.backup.plain import NewNames
from plumbus.backup.reporting import Reporter, readable
from plumbus.transfer.items import Item, TransferProgress
from plumbus.transfer.lookup import Found


@dataclass(slots=True)
class Counted:
    """Changes counted, the first ones shown in full. `files` counts all but folders, `written` files that get new content."""

    most_shown: int = 0
    files: int = 0
    written: int = 0
    written_last: bytes = b''
    shown: list[dict[str, Any]] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    @property
    def total_bytes(self) -> int:
        """The bytes to be written."""
        return sum(counts['bytes'] for counts in self.summary.counts.values())

    def add(self, change: Change) -> None:
        """Given a change, count it."""
        self.files += change.planned.kind != 'folder'
        if change.planned.kind == 'file' and change.action in {'create', 'overwrite'}:
            self.written, self.written_last = self.written + 1, change.planned.path
        self.summary.add(change)
        if len(self.shown) < self.most_shown:
            self.shown.append(change.shown())

    def add_new(self, coming: Coming) -> None:
        """Given how much comes to where nothing lies, count it."""
        self.files += coming.files + coming.others
        self.written += coming.files
        self.written_last = coming.last_file or self.written_last
        counts = self.summary.counts['create']
        counts['count'] += coming.folders + coming.files + coming.others
        counts['bytes'] += coming.content


@dataclass(kw_only=True, slots=True)
class Copied:
    """What came, of a plan, and what it took the place of. `seal` is that of our rsync."""

    plan: Plan
    found: Mapping[bytes, Found]
    reporter: Reporter
    seal: str
    counted: Counted = field(default_factory=Counted)
    _new: Coming = field(default_factory=Coming)
    _lines: list[str] = field(default_factory=list)
    _arrived: bytes = b''

    def reader(self) -> OutputReader:
        """Return what reads rsync's output."""
        return OutputReader(self._take, self._show, self.seal, NewNames(self._take_new, self.seal).skim)

    def count(self, item: Item) -> None:
        """Given an item, count it if it changes anything."""
        if not item.is_unchanged:
            planned = self.plan.planned(item)
            self.counted.add(Change(planned, self.found.get(planned.path)))

    def total(self) -> Counted:
        """Return all that was counted, at the end."""
        self.counted.add_new(self._new)
        self._new = Coming()
        return self.counted

    def _take(self, item: Item) -> None:
        self.count(item)
        if not item.is_unchanged:
            self._lines.append(f'{item.change.decode("ascii", "replace")} {readable(item.path)}')
            self._arrived = item.path if item.has_data else self._arrived

    def _take_new(self, change: str, size: int, _time: bytes, name: bytes) -> bool:
        if self.found and self.plan.into + b'/' + name in self.found:
            return False
        if change[1] == 'f':
            self._new.files += 1
            self._new.content += size
            self._arrived = name
        else:
            self._new.folders += 1
        self._lines.append(f'{change} {readable(name)}')
        return True

    def _show(self, progress: TransferProgress | None, _items: list[Item]) -> None:
        current = readable(self.plan.into + b'/' + self._arrived) if self._arrived else None
        self.reporter.show_copied(progress, self._lines, current)
        self._lines.clear()
