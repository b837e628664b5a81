"""Finds the other snapshots of a job that have part in a damaged file, because they share its inode, or its blocks."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from plumbus.backup.manifest import read_manifest
from plumbus.backup.sameness import Identity, identity
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import Tree
from plumbus.backup.verify import Finding
from plumbus.errors import StoreError

MOST_NOTED = 100
MOST_PURSUED = 10_000
FAR = 2


class Sharing:
    """`others` are searched in their order; the nearest ones first find most. `keep_going` may raise to stop.

    `noted`: for each of them that shares a damaged file, path → what is wrong with it.
    """

    def __init__(
        self, snapshot: Snapshot, others: Sequence[Snapshot], keep_going: Callable[[], None]
    ) -> None:
        self.noted: dict[Snapshot, dict[bytes, str]] = {}
        self._snapshot = snapshot
        self._others = others
        self._keep_going = keep_going
        self._missing: dict[Identity, tuple[str, set[tuple[Snapshot, bytes]]]] = {}

    def look(self, finding: Finding) -> None:
        """Given a damaged file of the snapshot, look for the same file under the same path in the others."""
        if finding.inode is None or finding.inode.names == 1:
            return
        if not finding.inode.names:
            self._look_for_blocks(finding)
            return
        known = (finding.inode.device, finding.inode.number)
        _, seen = self._missing.get(known, ('', set()))
        seen.add((self._snapshot, finding.path))
        for other in self._others:
            if len(seen) >= finding.inode.names:
                break
            self._keep_going()
            if self._note_if_same(other, finding.path, known, finding.what):
                seen.add((other, finding.path))
        if len(seen) >= finding.inode.names:
            self._missing.pop(known, None)
        elif len(self._missing) < MOST_PURSUED:
            self._missing[known] = (finding.what, seen)

    def _look_for_blocks(self, finding: Finding) -> None:
        """Neighbours share a file, so beyond two in a row that do not (one on each side) nobody does."""
        missed = 0
        with suppress(OSError), Tree(self._snapshot.tree) as tree:
            known = identity(tree, finding.path)
            for other in self._others if known else ():
                self._keep_going()
                same = self._note_if_same(other, finding.path, known, finding.what)
                missed = 0 if same else missed + 1
                if missed == FAR:
                    return

    def look_for_further_names(self) -> None:
        """At the end: a damaged file some of whose names were not met has other names elsewhere; find those."""
        if not self._missing:
            return
        names: dict[Identity, set[bytes]] = {}
        for snapshot in (self._snapshot, *self._others):
            with suppress(StoreError, OSError), Tree(snapshot.tree) as tree:
                for entry in read_manifest(snapshot.manifest):
                    self._keep_going()
                    if entry.linked and entry.target and entry.kind == 'f':
                        found = identity(tree, entry.path)
                        if found is not None and found in self._missing:
                            names.setdefault(found, set()).update((entry.path, entry.target))
        for known, paths in names.items():
            for other in self._others:
                for path in sorted(paths):
                    self._note_if_same(other, path, known, self._missing[known][0])

    def _note_if_same(self, other: Snapshot, path: bytes, known: Identity | None, what: str) -> bool:
        with suppress(OSError), Tree(other.tree) as tree:
            if identity(tree, path) == known:
                noted = self.noted.setdefault(other, {})
                if len(noted) < MOST_NOTED:
                    noted[path] = what
                return True
        return False


def nearest_first(snapshot: Snapshot, all_of_the_job: Sequence[Snapshot]) -> list[Snapshot]:
    """Given a snapshot and all of its job, oldest first, return the others, those made next to it first."""
    place = next(
        (number for number, one in enumerate(all_of_the_job) if one == snapshot), len(all_of_the_job)
    )
    others = [(abs(number - place), one) for number, one in enumerate(all_of_the_job) if one != snapshot]
    return [one for _, one in sorted(others, key=lambda pair: pair[0])]
