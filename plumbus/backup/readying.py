"""Makes the link copy ready for the fetch: afterwards no inode of an older snapshot can be written through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Plan
from plumbus.backup.remains import adopt
from plumbus.backup.tree import Tree


@dataclass(frozen=True, slots=True)
class Readying:
    """`shared` tells that `tree` is a link copy of an older snapshot; `remains` are trees of interrupted runs. Files of
    subvolumes have one name whether they were fetched or come from a snapshot: what is `distrusted` there is not taken over.

    What was hard-linked and is no longer is made private in any case: rsync does not break a link by itself.
    """

    tree: Tree
    remains: Sequence[Tree]
    shared: bool
    keep_going: Callable[[], None]

    def make_ready(self, plan: Plan) -> None:
        """Given the plan, remove what is gone, link new names, and make private all that will be written.

        `keep_going` is called again and again and may raise to stop.
        """
        for path in plan.remove:
            self.keep_going()
            self.tree.remove(path)
        for leader, path in plan.links:
            self.keep_going()
            self.tree.link(leader, path)
        for path, entry in plan.fetch.items():
            self.keep_going()
            distrusted = path in plan.distrusted
            if distrusted:
                self.tree.remove(path)
            if (distrusted and not self.shared) or not self._adopted(path, entry):
                self._make_way(path, entry, private=self.shared or plan.hard_links.is_apart(entry))

    def _adopted(self, path: bytes, entry: Entry) -> bool:
        if entry.kind != 'f' or entry.linked:
            return False
        return any(adopt(remains, self.tree, path, self.keep_going) for remains in self.remains)

    def _make_private(self, path: bytes) -> None:
        try:
            self.tree.make_private(path, self.keep_going)
        except PermissionError:  # without root its own mode may keep us out: it comes whole then
            self.tree.remove(path)

    def _make_way(self, path: bytes, entry: Entry, *, private: bool) -> None:
        kind = self.tree.kind(path)
        if kind == 'd' and entry.kind == 'd':
            return
        if kind == 'f' and entry.kind == 'f' and not entry.linked:
            if private:
                self._make_private(path)
        elif kind:
            self.tree.remove(path)
