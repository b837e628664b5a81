"""Pure: joins what a scan told that differs with all that the last manifest knows."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from plumbus.backup.entries import ROOT
from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Planner, as_before
from plumbus.backup.tally import Tally
from plumbus.transfer.items import Item

Place = tuple[tuple[int, bytes], ...]
Manifest = Callable[[], Iterable[Entry]]


@dataclass(kw_only=True, slots=True)
class Overview:
    """What a manifest holds in all. `origins`: bytes of its files by the time of the snapshot that stored them; `settled`: each has
    its checksum, and none says of itself that it was stored by that snapshot, as they did once."""

    tally: Tally
    origins: Counter[int]
    settled: bool

    @property
    def entries(self) -> int:
        """How many there are."""
        return self.tally.files + self.tally.folders


def overview(known: Iterable[Entry]) -> Overview:
    """Given the entries of a manifest without hard links, count them."""
    files = folders = 0
    settled = True
    origins: Counter[int] = Counter()
    for _, kind, size, _, _, _, _, checksum, _, stored, _, _, born in known:
        settled = settled and not stored
        if kind == 'd':
            folders += 1
            continue
        files += 1
        if kind == 'f':
            origins[born] += size
            settled = settled and checksum is not None
    return Overview(
        tally=Tally(files=files, folders=folders, bytes=origins.total()), origins=origins, settled=settled
    )


@dataclass(slots=True)
class Differences:
    """Takes the items of a scan that tells of nothing unchanged. `linked`: hard links are among them. `above`: folders that lead to
    the sources; new times of theirs alone say nothing, they come along with what does differ."""

    above: frozenset[bytes] = frozenset()
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
        elif not (item.only_times and item.path in self.above):
            self.changed[item.path] = item

    def folders_above(self) -> set[bytes]:
        """Return the folders on the way to all of it."""
        found: set[bytes] = set()
        for path in (*self.new, *self.changed, *self.gone):
            above = path.rpartition(b'/')[0]
            while above and above not in found:
                found.add(above)
                above = above.rpartition(b'/')[0]
        return found


@dataclass(slots=True)
class Joined:
    """The last manifest with what differs now. `fresh`: how that is listed, `left_out`: how it was; `around`: unchanged folders on
    the way to it, which come along with it. `steps` lead from the last listing to the one of now: so many entries follow, or,
    if less than 0, are left out; or the path of a fresh one or of such a folder."""

    manifest: Manifest
    told: Differences
    before: Overview
    fresh: dict[bytes, Entry] = field(default_factory=dict)
    left_out: list[Entry] = field(default_factory=list)
    around: dict[bytes, Entry] = field(default_factory=dict)
    steps: list[int | bytes] = field(default_factory=list)

    @property
    def nothing_new(self) -> bool:
        """Whether the last manifest lists what is there now just as it would be listed."""
        return self.before.settled and not (self.fresh or self.left_out)

    def plan(self, planner: Planner) -> int | None:
        """Let the planner have what differs, and return how many entries there are now; None if something is told as changed that
        nobody knew of. Raise TransferFailed if a name leads out of the tree.
        """
        planner.tally.add(self.before.tally)
        if not self.told:
            self.steps.append(self.before.entries)
            return self.before.entries
        for item in self.told.new.values():
            planner.place(item, None)
        told, waiting = self.told, Waiting(self.fresh.values())
        concerned = {*told.folders_above(), *told.changed, *told.gone, *told.new}
        kept = 0
        for known in self.manifest():
            path = known[0]
            if waiting.is_near(known) and (placed := waiting.before(known)):
                self._follow(kept)
                self.steps += placed
                kept = 0
            if path not in concerned:
                kept += 1
                continue
            self._follow(kept)
            kept = 0
            if path in told.gone or path in told.new:
                planner.miss(known)
                self._leave_out(known)
            elif path in told.changed:
                planner.replace(told.changed.pop(path), known)
                self._leave_out(known)
                self.steps.append(path)
            else:
                self.around[path] = as_before(known)
                self.steps.append(path)
        self._follow(kept)
        self.steps += waiting.rest
        count = self.before.entries - len(self.left_out) + len(self.fresh)
        return None if told.changed else count

    def remaining(self) -> tuple[Tally, Counter[int]]:
        """Return the counts and the origins of what is as it was."""
        tally, origins = replace(self.before.tally), Counter(self.before.origins)
        for known in self.left_out:
            tally.uncount(known)
            origins[known.born] -= known.size if known.kind == 'f' else 0
        return tally, +origins

    def entries(self) -> Iterator[Entry]:
        """Yield all that there is now, in the order of a listing."""
        known = iter(self.manifest())
        for step in self.steps:
            if isinstance(step, bytes):
                yield self.fresh.get(step) or self.around[next(known).path]
            else:
                passed = islice(known, abs(step))
                yield from (as_before(entry) for entry in passed if step > 0)

    def _leave_out(self, known: Entry) -> None:
        self.left_out.append(known)
        last = self.steps[-1] if self.steps else b''
        if isinstance(last, int) and last < 0:
            self.steps[-1] = last - 1
        else:
            self.steps.append(-1)

    def _follow(self, kept: int) -> None:
        self.steps += [kept] if kept else []


class Waiting:
    """New entries on their way into a listing: each goes before the first one that rsync would list after it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._waiting = deque(sorted((listing_place(entry), entry.path) for entry in entries))
        self._here = True  # what lies in no folder comes first

    @property
    def rest(self) -> list[bytes]:
        """The paths of those that go to the end."""
        return [path for _, path in self._waiting]

    def is_near(self, entry: Entry) -> bool:
        """Given the next entry of the listing, return whether one may go before it: a folder's files follow its own entry."""
        if entry[1] != 'd':
            return self._here
        self._here = bool(self._waiting) and self._waiting[0][1].rpartition(b'/')[0] == entry[0]
        return bool(self._waiting)

    def before(self, entry: Entry) -> list[bytes]:
        """Given the next entry of the listing, return the paths of those that go before it."""
        place, found = listing_place(entry), []
        while self._waiting and self._waiting[0][0] < place:
            found.append(self._waiting.popleft()[1])
        if found and entry.kind == 'd':
            self.is_near(entry)
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
