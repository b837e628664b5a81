"""Pure: what a scan listed and what the last manifest knows → what to fetch, link and remove, and how much that is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from plumbus.backup.entries import ROOT, entry_of
from plumbus.backup.hardlinks import HardLinks
from plumbus.backup.manifest import Entry, stamped
from plumbus.backup.tally import Tally
from plumbus.transfer.items import Item

# The first fields of an entry, up to the group.
Fields = tuple[bytes, str, int, int, int, int, int]


@dataclass(kw_only=True, slots=True)
class Plan:
    """What makes the link copy of the last tree equal to the client. All paths are relative to the root.

    `fetch`: path → the entry as the scan saw it (folders whose attributes differ included). `remove`: what is gone, deepest
    first. `links`: (leader, further name) of unchanged files. `touched`: folders that stay and
    get their times set again. `distrusted`: files whose copy is known as damaged. `as_before`:
    every entry is what the last manifest says of it.
    """

    tally: Tally
    fetch: dict[bytes, Entry]
    remove: list[bytes]
    links: list[tuple[bytes, bytes]]
    touched: set[bytes]
    hard_links: HardLinks
    distrusted: frozenset[bytes] = frozenset()
    as_before: bool = False

    @property
    def changes_anything(self) -> bool:
        """Whether the new tree differs from the last one at all."""
        return bool(self.fetch or self.remove or self.links)

    @property
    def is_empty(self) -> bool:
        """Whether every entry stays as the scan saw it: the name that leads hard links may be another now."""
        return not (self.changes_anything or self.hard_links.leaders)

    def wanted(self) -> list[bytes]:
        """Return what is asked of the client, folders whose content changes here included (their times change with it)."""
        return sorted({*self.fetch, *self.touched} - {ROOT})

    def around(self) -> set[bytes]:
        """Return the folders above what is wanted: they come along with it."""
        found: set[bytes] = set()
        for path in self.wanted():
            above = _parent(path)
            while above not in found:
                found.add(above)
                above = _parent(above)
        return found - {ROOT}

    def asked(self) -> list[bytes]:
        """Return what has to be asked for by its name, so that all that is wanted comes.

        rsync compares each name that comes with those that were asked for, one by one: what comes along need not be among them.
        """
        around = self.around()
        return [path for path in self.wanted() if path not in around]


@dataclass(slots=True)
class Planner:
    """Takes the scan's items one by one. `known` yields the last manifest; `keep` gets every entry in the scan's order.

    Both listings come from the same rsync over nearly the same tree, so they are joined by reading on in the old one
    until the name is found: what was passed over stays in `_passed`, which in the end holds what is gone. `above`: folders
    that lead to the sources; new times of theirs alone are no reason to fetch, they come along with what is. `keep_files`, if
    given, gets plain files in place of `keep`, many at once.
    """

    known: Iterator[Entry]
    keep: Callable[[Entry], None]
    distrusted: frozenset[bytes] = frozenset()
    above: frozenset[bytes] = frozenset()
    keep_files: Callable[[Sequence[Entry]], None] | None = None
    tally: Tally = field(default_factory=Tally)
    _hard_links: HardLinks = field(default_factory=HardLinks)
    _fetch: dict[bytes, Entry] = field(default_factory=dict)
    _links: list[Entry] = field(default_factory=list)
    _passed: dict[bytes, Entry] = field(default_factory=dict)
    _next: Entry | None = None
    _as_before: bool = True

    def keep_known(self, fields: Fields, target: bytes | None) -> bool:
        """Given what the scan tells of an entry that is unchanged, keep it as it is known if it comes next and is the same.

        Return False if it has to be added instead. It is worth a way of its own: most entries of most runs go it.
        """
        known = self._read_on()
        if (
            known is None
            or known[:7] != fields
            or known.target != target
            or known.linked
            or known.path in self.distrusted
        ):
            self._next = known
            return False
        self.tally.count(known)
        self.keep(as_before(known))
        return True

    def keep_expected(self, lines: list[bytes], start: int, expected: Callable[[Entry], bytes]) -> int:
        """Given lines, from which on, and how the line of an entry reads if it is a file that nothing of changed: keep entries
        as long as they come so. Return the place of the first line that is another one. Most lines of most runs end here.
        """
        kept = []
        for line in lines[start:]:
            known = self._read_on()
            if known is None or line != expected(known) or known.path in self.distrusted:
                self._next = known
                break
            kept.append(as_before(known))
        self.tally.files += len(kept)
        self.tally.bytes += sum(entry.size for entry in kept)
        if self.keep_files:
            self.keep_files(kept)
        else:
            for entry in kept:
                self.keep(entry)
        return start + len(kept)

    def miss(self, known: Entry) -> None:
        """Given an entry that was counted and is gone, or in whose place something else is, note that."""
        self.tally.uncount(known)
        self._passed[known.path] = known

    def replace(self, item: Item, known: Entry) -> None:
        """Given an entry that was counted and an item that tells how it is now, sort that in. Raise as `add` does."""
        self.tally.uncount(known)
        self.place(item, known)

    def add(self, item: Item) -> None:
        """Given the next item of the scan, sort it in. Raise TransferFailed if its name leads out of the tree.

        What is told as deleted (the content of a folder in whose place a file is now) is missed here anyway.
        """
        if not item.is_deleted:
            self.place(item, self._known(item))

    def place(self, item: Item, known: Entry | None) -> None:
        """Given an item and what was known of the same thing, sort it in. Raise TransferFailed if its name leads out of the tree."""
        if known is not None and item.path in self.above and item.only_times:
            self.tally.count(known)
            self.keep(known._replace(stored=False))
            return
        entry = entry_of(item, known)
        self._as_before = self._as_before and entry == known
        self.tally.see(item, entry, known)
        if known is not None:
            self._hard_links.see(entry, known, unchanged=item.is_unchanged)
        if item.is_hardlink and item.extra:
            self._links.append(entry)
        elif (not item.is_unchanged or item.path in self.distrusted) and item.path != ROOT:
            self._fetch[item.path] = entry
        self.keep(entry)

    def finish(self, scanned: Callable[[], Iterable[Entry]]) -> Plan:
        """Given what was kept, return the plan once every item was added."""
        while (entry := self._read_on()) is not None:
            self._passed[entry.path] = entry
        self._passed.pop(ROOT, None)
        self._hard_links.settle(self._passed, self._fetch)
        if self._hard_links.broken:
            self._fetch |= {one.path: one for one in scanned() if self._hard_links.is_apart(one)}
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
            hard_links=self._hard_links,
            distrusted=self.distrusted,
            as_before=self._as_before and not self._passed,
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

    def _known(self, item: Item) -> Entry | None:
        """What was there in place of a new thing is gone. A new link to another file may be told as one and stands over a file."""
        if item.is_new and not item.is_hardlink:
            return None
        known = self._look_up(item.path)
        if known is not None and known.kind != chr(item.change[1]):
            self._passed[known.path] = known
            return None
        return known

    def _look_up(self, path: bytes) -> Entry | None:
        found = self._passed.pop(path, None)
        if found is not None:
            return found
        while (entry := self._read_on()) is not None:
            if entry.path == path:
                return entry
            self._passed[entry.path] = entry
        return None

    def _read_on(self) -> Entry | None:
        ahead, self._next = self._next, None
        return ahead if ahead is not None else next(self.known, None)

    def _tally_fetch(self) -> None:
        files = [entry for entry in self._fetch.values() if entry.kind == 'f' and not entry.linked]
        self.tally.fetch_files = len(files)
        self.tally.fetch_bytes = sum(entry.size for entry in files)
        self.tally.fetch_largest, self.tally.largest_path = 0, b''  # up to here of all that is new or changed
        for entry in files:
            self.tally.weigh(entry.path, entry.size)


def folders_above(sources: Iterable[bytes]) -> frozenset[bytes]:
    """Given absolute paths, return the folders that lead to them and lie in none, relative to the root."""
    known = [source.strip(b'/') + b'/' for source in sources]
    above: set[bytes] = set()
    for path in known:
        parts = path.split(b'/')[:-2]
        above.update(b'/'.join(parts[:count]) for count in range(1, len(parts) + 1))
    return frozenset(
        one for one in above if not any(path == b'/' or (one + b'/').startswith(path) for path in known)
    )


def as_before(known: Entry) -> Entry:
    """Given an entry of the last manifest that is unchanged, return it as the new one has it."""
    return stamped(known, stored=False, born=known.born) if known.stored else known


def _parent(path: bytes) -> bytes:
    return path.rpartition(b'/')[0] or ROOT
