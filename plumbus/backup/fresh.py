"""What a restore brings to where nothing lies yet, told by the snapshot itself: the same as a dry run of rsync would list."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from plumbus.backup.changes import Plan
from plumbus.backup.destination import Destination, Order, parents
from plumbus.backup.explore import FIRST_SECOND, LAST_SECOND
from plumbus.backup.manifest import read_manifest
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.space import SPARSE_FROM
from plumbus.backup.tree import Tree
from plumbus.errors import PlumbusError
from plumbus.transfer.items import KINDS, Kind
from plumbus.transfer.room import Ahead

LETTERS = {chr(letter): kind for letter, kind in KINDS.items()}
FORMATS: dict[int, Kind] = {
    stat.S_IFREG: 'file',
    stat.S_IFDIR: 'folder',
    stat.S_IFLNK: 'link',
    stat.S_IFBLK: 'device',
    stat.S_IFCHR: 'device',
}


class Arrival(NamedTuple):
    """What is called so in the tree and comes with `chosen`. `room` is what a file takes on the disk, holes left out."""

    path: bytes
    chosen: bytes
    kind: Kind
    size: int
    mtime: int
    room: int


@dataclass(slots=True)
class Coming:
    """How much comes. `last_file` is where one of the files goes, `content` the bytes in them, `room` what they need where."""

    folders: int = 0
    files: int = 0
    others: int = 0
    last_file: bytes = b''
    content: int = 0
    room: Counter[bytes] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fresh:
    """What an order brings if nothing lies where it goes. `whole` if it is for all that the snapshot holds."""

    snapshot: Snapshot
    order: Order
    whole: bool

    def nothing_there(self, destination: Destination) -> Ahead | None:
        """Return which of the folders above are there, and the room, if nothing lies at the places themselves for certain."""
        places = self._places()
        above = self.order.above
        folders = sorted({self._lies_in(path) for path in self._chosen()})
        ahead = destination.look_ahead([*places, *above], folders) if places else None
        return ahead if ahead is not None and ahead.found.keys() <= set(above) else None

    def coming(self) -> Coming | None:
        """Return how much comes, None if the snapshot does not tell, or the login may not make all of it: devices."""
        coming = Coming()
        room = dict.fromkeys(self._chosen(), 0)
        last = None
        try:
            for one in self._arrivals():
                _, chosen, kind, size, _, needed = one
                if kind == 'file':
                    last = one
                    coming.files += 1
                    coming.content += size
                    room[chosen] += needed
                elif kind == 'folder':
                    coming.folders += 1
                elif kind == 'device':
                    return None
                else:
                    coming.others += 1
        except (OSError, PlumbusError):
            return None
        coming.last_file = self._into + self._name(last.path, last.chosen) if last else b''
        for chosen, needed in room.items():
            coming.room[self._lies_in(chosen)] += needed
        coming.room = +coming.room
        return coming

    def note(self, plan: Plan) -> None:
        """Given a plan, keep in it all that comes."""
        for path, chosen, kind, size, mtime, _ in self._arrivals():
            plan.take_new(self._name(path, chosen), kind, size, mtime)

    def _chosen(self) -> list[bytes]:
        """The paths in the tree that are restored, without those that come along with another one."""
        paths = [path.strip(b'/') for path in self.order.paths]
        if not self.order.relative:
            return paths
        chosen = set(paths)
        return sorted(path for path in chosen if not any(one[1:] in chosen for one in parents(path)))

    def _name(self, path: bytes, chosen: bytes) -> bytes:
        """What something is called below the target."""
        return path if self.order.relative else path[chosen.rfind(b'/') + 1 :]

    def _lies_in(self, chosen: bytes) -> bytes:
        """The folder to which something chosen goes, or that with the folders made above it."""
        place = self._into + self._name(chosen, chosen)
        return self.order.target if self._makes_folders else os.path.dirname(place)

    @property
    def _into(self) -> bytes:
        return self.order.target.rstrip(b'/') + b'/'

    def _places(self) -> list[bytes]:
        """Where the outermost of all that is made would lie; nothing if that takes rsync to tell, as where two have one name."""
        chosen = self._chosen()
        names = {self._name(path, path) for path in chosen}
        if b'' in names or len(names) < len(chosen):
            return []
        if self._makes_folders:
            names = {path.split(b'/')[0] for path in chosen}
        return sorted(self._into + name for name in names)

    @property
    def _makes_folders(self) -> bool:
        """Whether the folders above what is chosen are made as they are in the snapshot."""
        return self.order.relative and self.order.target != b'/'

    def _arrivals(self) -> Iterator[Arrival]:
        """In no order. From the manifest where all of it comes: to walk through the tree takes four times as long."""
        chosen = self._chosen()
        above = {parent[1:] for path in chosen for parent in parents(path)}
        with self.snapshot.open_tree() as tree:
            if self.whole:
                yield from self._listed(tree, chosen, above)
                return
            for folder in above if self._makes_folders else ():
                yield _arrival(folder, chosen[0], tree.lstat(folder))
            for path in chosen:
                yield from _below(tree, path)

    def _listed(self, tree: Tree, chosen: list[bytes], above: set[bytes]) -> Iterator[Arrival]:
        owner, inside = chosen[0], chosen[0] + b'/'
        for path, letter, size, mtime, *_ in read_manifest(self.snapshot.manifest):
            if path in above:
                if not self._makes_folders:
                    continue
            elif not path.startswith(inside) and path != owner:
                found = [one for one in chosen if path == one or path.startswith(one + b'/')]
                if not found:
                    continue
                owner, inside = found[0], found[0] + b'/'
            room = size
            if size >= SPARSE_FROM and letter == 'f':
                room = min(size, tree.lstat(path).st_blocks * 512)
            yield Arrival(path, owner, LETTERS[letter], size, mtime, room)


def _below(tree: Tree, chosen: bytes) -> Iterator[Arrival]:
    top = _arrival(chosen, chosen, tree.lstat(chosen))
    yield top
    folders = [chosen] if top.kind == 'folder' else []
    while folders:
        folder = folders.pop()
        for name, status in tree.entries(folder):
            one = _arrival(folder + b'/' + name, chosen, status)
            if one.kind == 'folder':
                folders.append(one.path)
            yield one


def _arrival(path: bytes, chosen: bytes, status: os.stat_result) -> Arrival:
    kind = FORMATS.get(stat.S_IFMT(status.st_mode), 'special')
    size, time = status.st_size, status.st_mtime_ns // 10**9
    mtime = time if FIRST_SECOND <= time <= LAST_SECOND else 0
    room = min(size, status.st_blocks * 512) if size >= SPARSE_FROM else size
    return Arrival(path, chosen, kind, size, mtime, room)
