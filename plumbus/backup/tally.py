"""Counts what is in a tree, and what of it is new, changed, gone or to be fetched."""

from dataclasses import dataclass

from plumbus.backup.manifest import Entry
from plumbus.transfer.items import Item

Name = bytes  # a field of that name hides the type


@dataclass(kw_only=True, slots=True)
class Tally:
    """Counts of a whole tree. Bytes count every file once, however many names it has; folders are not files.

    `linked` are further names of files; `fetch_largest`: the bytes of the largest file to fetch, `largest_path` where it is.
    """

    files: int = 0
    folders: int = 0
    linked: int = 0
    bytes: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0
    fetch_files: int = 0
    fetch_bytes: int = 0
    fetch_largest: int = 0
    largest_path: Name = b''

    @property
    def inodes(self) -> int:
        """How many the new snapshot needs: folders are never shared, files only while nothing of them changes."""
        return self.folders + self.new + self.changed

    def count(self, entry: Entry) -> None:
        """Given one more entry, count it."""
        if entry.kind == 'd':
            self.folders += 1
            return
        self.files += 1
        if entry.linked:
            self.linked += 1
        elif entry.kind == 'f':
            self.bytes += entry.size

    def uncount(self, entry: Entry) -> None:
        """Given an entry that was counted and has no further names, count it no longer."""
        if entry.kind == 'd':
            self.folders -= 1
            return
        self.files -= 1
        if entry.kind == 'f':
            self.bytes -= entry.size

    def add(self, known: 'Tally') -> None:
        """Given the counts of other entries, add these."""
        self.files += known.files
        self.folders += known.folders
        self.bytes += known.bytes

    def see(self, item: Item, entry: Entry, known: Entry | None = None) -> None:
        """Given one more item, its entry and what was known under its name, count it, also as new or changed."""
        self.count(entry)
        if entry.kind == 'd':
            return
        if entry.kind == 'f':
            self.weigh(entry.path, entry.size)
        if known is None:
            self.new += 1
        elif not item.is_unchanged:
            self.changed += 1

    def weigh(self, path: Name, size: int) -> None:
        """Given a file to fetch, remember it if it is the largest so far."""
        if size > self.fetch_largest:
            self.fetch_largest, self.largest_path = size, path
