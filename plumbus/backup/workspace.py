"""Where a run builds its snapshot, and what earlier runs left there that did not come to an end."""

from dataclasses import dataclass
from pathlib import Path

from plumbus.backup.manifest import FILE_NAME
from plumbus.backup.tree import Tree, remove_tree
from plumbus.model import Owners

REMAINS = '.remains-'


@dataclass(slots=True)
class Workspace:
    """Where a run builds its snapshot; it becomes one by a rename. `continued`: an earlier run has begun with it.
    `fetching`: there is something in it that would have to be fetched again."""

    path: Path
    owners: Owners = 'real'
    continued: bool = False
    fetching: bool = False

    @property
    def tree(self) -> Path:
        """The tree being built."""
        return self.path / 'tree'

    @property
    def manifest(self) -> Path:
        """The finished list of entries."""
        return self.path / FILE_NAME

    @property
    def temporary(self) -> Path:
        """Where rsync keeps files until they are whole."""
        return self.path / 'temporary'

    @property
    def partial(self) -> Path:
        """Where rsync keeps the part of a file that had come when it was stopped."""
        return self.path / 'partial'

    @property
    def noted(self) -> Path:
        """What an interrupted first run had written of its manifest."""
        return self.path / 'noted'

    def tidy(self) -> None:
        """Remove all that does not belong to a snapshot."""
        for folder in (self.temporary, self.partial):
            remove_tree(folder)
        for file in (self.noted, self.begun):
            file.unlink(missing_ok=True)

    @property
    def begun(self) -> Path:
        """Tells how the tree was begun: how it keeps owners, and whether it is alone or shares with a snapshot."""
        return self.path / 'begun'

    @property
    def told(self) -> str:
        """What `begun` says; empty if it is not there."""
        return self.begun.read_text() if self.begun.exists() else ''

    def open_tree(self) -> Tree:
        """Return the tree being built, with what lies there told as it was on the client."""
        return Tree(self.tree, fake_super=self.owners == 'fake-super')

    @property
    def remains(self) -> list['Workspace']:
        """What earlier runs left, the newest first."""
        found = self.path.parent.glob(f'{REMAINS}*') if self.path.parent.is_dir() else []
        return [Workspace(path) for path in sorted(found, reverse=True)]

    @property
    def usable_remains(self) -> list['Workspace']:
        """Those whose files can become part of this tree: they keep owners the same way."""
        return [one for one in self.remains if one.told.startswith(f'{self.owners} ')]

    @property
    def scanned(self) -> Path:
        """The entries as the scan saw them."""
        return self.path / 'scanned.msgpack.zst'
