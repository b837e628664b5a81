"""Pure: what a scan listed and what the last manifest knows → what to fetch, link and remove, and how much that is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from plumbus.backup.manifest import Entry
from plumbus.failures import failed
from plumbus.transfer.items import Item

ROOT = b'.'
PERMISSION_BITS = (0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001)
SPECIAL_BITS = {2: 0o4000, 5: 0o2000, 8: 0o1000}


@dataclass(kw_only=True, slots=True)
class Tally:
    """Counts of a whole tree. Bytes count every file once, however many names it has; folders are not files."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0
    fetch_files: int = 0
    fetch_bytes: int = 0

    @property
    def inodes(self) -> int:
        """How many the new snapshot needs: folders are never shared, files only while nothing of them changes."""
        return self.folders + self.new + self.changed

    def see(self, item: Item, entry: Entry) -> None:
        """Given one more item and its entry, count it."""
        if entry.kind == 'd':
            self.folders += 1
            return
        self.files += 1
        if entry.kind == 'f' and not entry.linked:
            self.bytes += entry.size
        if item.is_new:
            self.new += 1
        elif not item.is_unchanged:
            self.changed += 1


@dataclass(kw_only=True, slots=True)
class Plan:
    """What makes the link copy of the last tree equal to the client. All paths are relative to the root.

    `fetch`: path → the entry as the scan saw it (folders whose attributes differ included). `remove`: what is gone, deepest
    first. `links`: (leader, further name) of unchanged files. `touched`: folders that stay and
    get their times set again. `distrusted`: files whose copy is known as damaged.
    """

    tally: Tally
    fetch: dict[bytes, Entry]
    remove: list[bytes]
    links: list[tuple[bytes, bytes]]
    touched: set[bytes]
    distrusted: frozenset[bytes] = frozenset()

    @property
    def changes_anything(self) -> bool:
        """Whether the new tree differs from the last one at all."""
        return bool(self.fetch or self.remove or self.links)

    def wanted(self) -> list[bytes]:
        """Return what is asked of the client, folders whose content changes here included (their times change with it)."""
        return sorted({*self.fetch, *self.touched} - {ROOT})


@dataclass(slots=True)
class Planner:
    """Takes the scan's items one by one. `known` yields the last manifest; `keep` gets every entry in the scan's order.

    Both listings come from the same rsync over nearly the same tree, so they are joined by reading on in the old one
    until the name is found: what was passed over stays in `_passed`, which in the end holds what is gone.
    """

    known: Iterator[Entry]
    keep: Callable[[Entry], None]
    distrusted: frozenset[bytes] = frozenset()
    tally: Tally = field(default_factory=Tally)
    _fetch: dict[bytes, Entry] = field(default_factory=dict)
    _links: list[Entry] = field(default_factory=list)
    _passed: dict[bytes, Entry] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Given the next item of the scan, sort it in. Raise TransferFailed if its name leads out of the tree."""
        known = None if item.is_new else self._look_up(item.path)
        entry = entry_of(item, known)
        self.tally.see(item, entry)
        if item.is_hardlink and item.extra:
            self._links.append(entry)
        elif (not item.is_unchanged or item.path in self.distrusted) and item.path != ROOT:
            self._fetch[item.path] = entry
        self.keep(entry)

    def finish(self) -> Plan:
        """Return the plan once every item was added."""
        for entry in self.known:
            self._passed[entry.path] = entry
        links = self._settle_links()
        self.tally.deleted = sum(entry.kind != 'd' for entry in self._passed.values())
        self._tally_fetch()
        touched = {_parent(path) for path in (*self._passed, *self._fetch, *(name for _, name in links))}
        return Plan(
            tally=self.tally,
            fetch=self._fetch,
            remove=sorted(self._passed, reverse=True),
            links=links,
            touched=touched - self._passed.keys(),
            distrusted=self.distrusted,
        )

    def _settle_links(self) -> list[tuple[bytes, bytes]]:
        """A further name of a file that is fetched is fetched with it, so that rsync links them; else we link it."""
        local = []
        for entry in self._links:
            if entry.target is None or entry.target in self._fetch:
                self._fetch[entry.path] = entry
            else:
                local.append((entry.target, entry.path))
        return local

    def _look_up(self, path: bytes) -> Entry | None:
        found = self._passed.pop(path, None)
        if found is not None:
            return found
        for entry in self.known:
            if entry.path == path:
                return entry
            self._passed[entry.path] = entry
        return None

    def _tally_fetch(self) -> None:
        files = [entry for entry in self._fetch.values() if entry.kind == 'f' and not entry.linked]
        self.tally.fetch_files = len(files)
        self.tally.fetch_bytes = sum(entry.size for entry in files)


def entry_of(item: Item, known: Entry | None = None, algorithm: str | None = None) -> Entry:
    """Given an item and what the last manifest knew, return its entry.

    A transferred file is stored by this snapshot and brings its checksum; an unchanged one inherits it. Raise
    TransferFailed if the name leads out of the tree.
    """
    if b'..' in item.path.split(b'/') or not item.path:
        raise failed('hostile')
    kind = chr(item.change[1])
    inherited = known if known is not None and not item.has_data else None
    checksum = bytes.fromhex(item.checksum.decode()) if item.checksum and item.checksum.strip(b'0') else None
    return Entry(
        path=item.path,
        kind=kind,
        size=0 if kind == 'd' else item.size,
        mtime=item.mtime,
        mode=mode_bits(item.mode),
        uid=item.uid,
        gid=item.gid,
        checksum=inherited.checksum if inherited else checksum,
        algorithm=inherited.algorithm if inherited else (algorithm if checksum else None),
        stored=not item.is_unchanged,
        linked=item.is_hardlink,
        target=item.extra or (inherited.target if inherited else None),
        born=known.born if known else 0,
    )


@lru_cache(maxsize=4096)
def mode_bits(text: str) -> int:
    """Given permissions as rsync prints them ('rwxr-sr-t'), return the number.

    >>> oct(mode_bits('rwsr-x--T'))
    '0o5750'
    """
    bits = 0
    for place, (letter, bit) in enumerate(zip(text, PERMISSION_BITS, strict=True)):
        if letter in 'rwxst':
            bits |= bit
        if letter in 'sStT':
            bits |= SPECIAL_BITS[place]
    return bits


def _parent(path: bytes) -> bytes:
    return path.rpartition(b'/')[0] or ROOT
