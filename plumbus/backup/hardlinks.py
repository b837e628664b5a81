"""Pure: follows hard links from the last manifest to a scan. rsync tells of links that are new, but not of those that broke.

A group is known by its leader in the last manifest: each has exactly one entry that is not `linked`.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from plumbus.backup.manifest import Entry


@dataclass(slots=True)
class HardLinks:
    """`_loose`: old leader → unchanged files that were further names of it and are none now. `_joined`: the other way round."""

    _loose: dict[bytes, list[bytes]] = field(default_factory=dict)
    _joined: set[bytes] = field(default_factory=set)
    leaders: dict[bytes, bytes] = field(default_factory=dict)
    broken: frozenset[bytes] = frozenset()
    _apart: set[bytes] = field(default_factory=set)

    def see(self, entry: Entry, known: Entry, *, unchanged: bool) -> None:
        """Given an entry of the scan and what the last manifest knew under that name, remember if its link is not what it was."""
        if entry.kind != 'f' or entry.linked == known.linked:
            return
        if entry.linked:
            self._joined.add(entry.path)
        elif unchanged and known.target is not None:
            self._loose.setdefault(known.target, []).append(entry.path)

    def settle(self, gone: Container[bytes], fetched: Container[bytes]) -> None:
        """Given, once all was seen, what is gone and what is fetched: a group with one leader goes on, one with more is broken."""
        broken = set()
        for leader, loose in self._loose.items():
            leads = leader not in gone and leader not in fetched and leader not in self._joined
            if leads or len(loose) > 1:
                broken.add(leader)
                self._apart.update(loose)
            else:
                self.leaders[leader] = loose[0]
        self.broken = frozenset(broken)

    def is_apart(self, entry: Entry) -> bool:
        """Given an entry of the scan, return whether it is or was in a broken group: its inode may be shared wrongly."""
        group = entry.target if entry.linked else None
        return entry.kind == 'f' and (
            entry.path in self.broken or entry.path in self._apart or group in self.broken
        )

    def led(self, entry: Entry) -> Entry:
        """Given an unchanged entry, return it with the name that leads its group now."""
        if not (entry.linked and entry.kind == 'f' and self.leaders):
            return entry
        leader = self.leaders.get(entry.target or entry.path)
        return entry if leader is None else entry._replace(target=leader)
