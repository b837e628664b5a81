"""Pure: joins what a scan told that differs with all that the last manifest knows."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from plumbus.backup.entries import ROOT
from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Planner, Tally, as_before
from plumbus.transfer.items import Item

Place = tuple[tuple[int, bytes], ...]
Manifest = Callable[[], Iterable[Entry]]


@dataclass(kw_only=True, slots=True)
class Overview:
    """What a manifest holds in all. `origins`: bytes of its files by the time of the snapshot that stored them; `marked`: some of
    them were stored by its own."""

    tally: Tally
    origins: Counter[int]
    marked: bool

    @property
    def entries(self) -> int:
        """How many there are."""
        return self.tally.files + self.tally.folders


def overview(known: Iterable[Entry]) -> Overview:
    """Given the entries of a manifest without hard links, count them."""
    files = folders = 0
    marked = False
    origins: Counter[int] = Counter()
    for _, kind, size, _, _, _, _, _, _, stored, _, _, born in known:
        marked = marked or stored
        if kind == 'd':
            folders += 1
            continue
        files += 1
        if kind == 'f':
            origins[born] += size
    return Overview(
        tally=Tally(files=files, folders=folders, bytes=origins.total()), origins=origins, marked=marked
    )


@dataclass(slots=True)
class Differences:
    """Takes the items of a scan that tells of nothing unchanged. `linked`: hard links are among them."""

    new: dict[bytes, Item] = field(default_factory=dict)
    changed: dict[bytes, Item] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)
    linked: bool = False

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    def take(self, item: Item) -> None:
        """Given an item, sort it in."""
        self.linked = self.linked or item.is_hardlink
        if item.is_deleted:
            self.gone.add(item.path)
        elif item.is_new:
            self.new[item.path] = item
        else:
            self.changed[item.path] = item


@dataclass(slots=True)
class Joined:
    """The last manifest with what differs now. `fresh`: how that is listed."""

    manifest: Manifest
    told: Differences
    before: Overview
    fresh: dict[bytes, Entry] = field(default_factory=dict)

    @property
    def nothing_new(self) -> bool:
        """Whether the last manifest lists what is there now just as it would be listed."""
        return not (self.fresh or self.told.gone or self.before.marked)

    def plan(self, planner: Planner) -> int | None:
        """Let the planner have what differs, and return how many entries there are now; None if something is told as changed that
        nobody knew of. Raise TransferFailed if a name leads out of the tree.
        """
        planner.tally.add(self.before.tally)
        entries, left = self.before.entries + len(self.told.new), len(self.told.changed)
        for known in self.manifest() if self.told else ():
            path = known[0]
            if path in self.told.gone or path in self.told.new:
                planner.miss(known)
                entries -= 1
            elif path in self.told.changed:
                planner.replace(self.told.changed[path], known)
                left -= 1
                if self.fresh[path] == as_before(known):  # a folder above the sources has a new time
                    del self.fresh[path]
        for item in self.told.new.values():
            planner.place(item, None)
        return None if left else entries

    def entries(self) -> Iterator[Entry]:
        """Yield all that there is now, in the order of a listing."""
        waiting = Waiting(self.fresh[path] for path in self.told.new)
        for known in self.manifest():
            yield from waiting.before(known)
            path = known[0]
            if path not in self.told.gone and path not in self.told.new:
                yield self.fresh.get(path) or as_before(known)
        yield from waiting.rest


class Waiting:
    """New entries on their way into a listing: each goes before the first one that rsync would list after it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.rest = deque(sorted(entries, key=listing_place))
        self._folder = b''

    def before(self, entry: Entry) -> Iterable[Entry]:
        """Given the next entry of the listing, return those that go before it."""
        if not self.rest:
            return ()
        folder, last = entry.path.rpartition(b'/')[0], self._folder
        self._folder = folder
        if entry.kind != 'd' and folder == last != self.rest[0].path.rpartition(b'/')[0]:
            return ()  # the files of a folder stand together
        place, found = listing_place(entry), []
        while self.rest and listing_place(self.rest[0]) < place:
            found.append(self.rest.popleft())
        return found


def listing_place(entry: Entry) -> Place:
    """Given an entry, return what puts it in the order in which rsync lists: of each folder first its files, then folder after
    folder with all that is in it, by bytes, as if each had a slash at its end.

    >>> file, folder = Entry(b'b', 'f', 0, 0, 0, 0, 0), Entry(b'a', 'd', 0, 0, 0, 0, 0)
    >>> listing_place(file) < listing_place(folder) < listing_place(file._replace(path=b'a/z'))
    True
    """
    if entry.path == ROOT:
        return ()
    *above, name = entry.path.split(b'/')
    parents = tuple((1, part + b'/') for part in above)
    return (*parents, (1, name + b'/') if entry.kind == 'd' else (0, name))
