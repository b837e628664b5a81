"""A manifest that rests on that of the snapshot before: it holds what changed, and shares the rest by hard links.

A snapshot's folder holds all that its manifest rests on (`manifest-0…`, `manifest-1…`), so it needs no other snapshot.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from operator import ne
from pathlib import Path

from plumbus.backup.manifest import (
    FORMAT_OF_CHANGES,
    Entry,
    ManifestWriter,
    depth_of,
    part,
    read_changes,
    read_manifest,
)
from plumbus.errors import StoreError

DEEPEST = 12  # each level is one more file to read; and one that is damaged takes all that rest on it along
SHARE = 0.5  # of the room of a whole one: so much may all changes together take
LEAST_BYTES = 65_536  # whole ones of less than that are not worth it
AHEAD = 4096
FEW = 1024
NEAR = 64  # so many are compared at once: after each that differs it begins anew


class ChangesWriter(ManifestWriter):
    """Writes what is to be other than in the manifest below, told step by step."""

    def __init__(self, path: Path, depth: int) -> None:
        super().__init__(path)
        self._header = {'format': FORMAT_OF_CHANGES, 'depth': depth}
        self._run = 0  # entries that follow each other, to keep, or less than 0 to leave out

    def take_step(self, number: int) -> None:
        """Given how many of the next entries below follow here as well, or, if it is less than 0, are left out, note that."""
        self._flush()
        self.count += max(number, 0)
        self._follow(number)

    def _flush(self) -> None:
        for entry in self._batch:
            self._say(entry)
        self._batch.clear()

    def _end(self) -> None:
        self._flush()
        self._tell_run()

    def _follow(self, number: int) -> None:
        if number and (self._run > 0) is not (number > 0):
            self._tell_run()
        self._run += number

    def _say(self, entry: Entry) -> None:
        self._tell_run()
        self._write(entry)

    def _tell_run(self) -> None:
        if self._run:
            self._write(self._run)
        self._run = 0


class ComparingWriter(ChangesWriter):
    """Finds out by itself what is other than in the manifest below, which is read along. Entries in another order come out right,
    and long."""

    def __init__(self, path: Path, depth: int) -> None:
        super().__init__(path, depth)
        self._below = read_manifest(part(path, depth - 1))
        self._ahead: list[Entry] = []
        self._places: dict[bytes, int] = {}  # path → how many entries of all below come before it
        self._passed = 0

    def _flush(self) -> None:
        batch = self._batch
        while batch:
            self._look_ahead()
            same = _same(batch[:NEAR], self._ahead)
            self._pass(same, keep=True)
            del batch[:same]
            if batch and (self._ahead or not same):
                self._place(batch.pop(0))

    def _end(self) -> None:
        self._flush()
        self._pass(len(self._ahead), keep=False)
        while more := len(list(islice(self._below, AHEAD))):
            self._follow(-more)
        self._tell_run()

    def _look_ahead(self) -> None:
        if len(self._ahead) < FEW and (more := list(islice(self._below, AHEAD - len(self._ahead)))):
            self._ahead += more
            self._places = {entry.path: self._passed + place for place, entry in enumerate(self._ahead)}

    def _place(self, entry: Entry) -> None:
        """An entry that is not what comes next below: it is new, or other, or what comes next is gone."""
        place = self._places.get(entry.path, -1) - self._passed
        if place >= 0:
            self._pass(place, keep=False)
            if self._ahead[0] == entry:
                self._pass(1, keep=True)
                return
            self._pass(1, keep=False)
        self._say(entry)

    def _pass(self, number: int, *, keep: bool) -> None:
        del self._ahead[:number]
        self._passed += number
        self._follow(number if keep else -number)


def writer_on(manifest: Path, last: Path | None) -> Callable[[Path], ManifestWriter]:
    """Given the manifest to come and that of the last snapshot, return what writes it, or another file beside it, on top of
    that one if it can."""
    if last and (depth := ground(manifest, last)):
        return lambda path: ComparingWriter(path, depth)
    return ManifestWriter


def ground(manifest: Path, last: Path) -> int:
    """Given the manifest to come and that of the last snapshot, let it share what it may rest on, and return how deep that is; 0
    if it is to be a whole one."""
    with suppress(StoreError, OSError):  # it was deleted meanwhile
        depth = depth_of(last) + 1 if _is_long(last) else 0
        if 0 < depth <= DEEPEST and _shared(last, manifest, part(manifest, depth - 1)):
            return depth
    return 0


def take_over(last: Path, manifest: Path) -> bool:
    """Given the manifest of the last snapshot, let the one to come be the same. Return False if they cannot share."""
    with suppress(StoreError):
        return _shared(last, manifest, manifest)
    return False


def changes_since(last: Path, manifest: Path) -> Iterator[tuple[Entry, bool]] | None:
    """Given the manifests of two snapshots, yield what the later one has not (False) and has besides (True); None if it does not
    rest on the other one. Raise StoreError while it is read and turns out to be damaged."""
    with suppress(OSError, StoreError):
        if manifest.samefile(last):
            return iter(())
        depth = depth_of(manifest)
        if depth and part(manifest, depth - 1).samefile(last):
            return read_changes(manifest)
    return None


def shorten(manifest: Path) -> None:
    """Given a finished manifest, write it whole if all the changes that it rests on take too much."""
    below = _parts(manifest)
    changes = sum(file.stat().st_size for file in (*below[1:], manifest))
    if below and changes > SHARE * below[0].stat().st_size:
        whole = manifest.with_suffix('.whole')
        with ManifestWriter(whole) as writer:
            for entry in read_manifest(manifest):
                writer.add(entry)
        whole.replace(manifest)
        for file in below:
            file.unlink()


def _is_long(manifest: Path) -> bool:
    return [*_parts(manifest), manifest][0].stat().st_size >= LEAST_BYTES


def _parts(manifest: Path) -> list[Path]:
    return [part(manifest, depth) for depth in range(depth_of(manifest))]


def _shared(last: Path, manifest: Path, name: Path) -> bool:
    """Link the last manifest, under that name, and all that it rests on beside the one to come."""
    links = [(file, manifest.with_name(file.name)) for file in _parts(last)] + [(last, name)]
    try:
        for file, link in links:
            link.unlink(missing_ok=True)
            link.hardlink_to(file)
    except OSError:  # as often linked as a file can be
        for _, link in links:
            link.unlink(missing_ok=True)
        return False
    return True


def _same(some: list[Entry], others: list[Entry]) -> int:
    """How many entries at the beginning of both are the same."""
    differs = list(map(ne, some, others))
    return differs.index(True) if True in differs else len(differs)
