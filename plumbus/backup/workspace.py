"""Where a run builds its snapshot, and what earlier runs left there that did not come to an end."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from plumbus.backup import subvolumes
from plumbus.backup.manifest import FILE_NAME
from plumbus.backup.tree import Tree, remove_tree
from plumbus.model import Owners

REMAINS = '.remains-'
UNFINISHED = '.plumbus-unfinished-'


@dataclass(slots=True)
class Workspace:
    """Where a run builds its snapshot; it becomes one by a rename. `continued`: an earlier run has begun with it.
    `fetching`: there is something in it that would have to be fetched again. `base`: the folder of the snapshot that it goes on
    from; `filled`: its tree is like that one's already, without any inode in common."""

    path: Path
    owners: Owners = 'real'
    continued: bool = False
    fetching: bool = False
    base: Path | None = None
    filled: bool = False

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
        return self._aside / 'temporary'

    @property
    def temporary_of_rsync(self) -> Path:
        """The same, on the shortest way from the tree, where rsync works."""
        return self.temporary.relative_to(self.tree) if self.apart else self.temporary

    @property
    def partial(self) -> Path:
        """Where rsync keeps the part of a file that had come when it was stopped."""
        return self._aside / 'partial'

    @property
    def noted(self) -> Path:
        """What an interrupted first run had written of its manifest."""
        return self.path / 'noted'

    def tidy(self) -> None:
        """Remove all that does not belong to a snapshot, but for `begun`: it goes last, so that a run cut off now is continued."""
        if self.apart:
            with Tree(self.tree) as tree:
                tree.remove_quietly(self.apart)
        else:
            remove_tree(self.temporary)
            remove_tree(self.partial)
        for file in (self.noted, self.scanned, self._apart_note):
            file.unlink(missing_ok=True)

    def lay_out(self, *, alone: bool) -> None:
        """Make the folders for what is not whole. `alone`: the tree begins empty.

        They lie in the tree then, for rsync 3.5.0 walks a long way to another place, four times for each file; and must where
        it is a subvolume: no rename leads out of that.
        """
        begun_outside = self.partial.exists() and not self.apart
        if not begun_outside and not self.apart and (alone or subvolumes.is_subvolume(self.tree)):
            self._apart_note.write_text(UNFINISHED + secrets.token_hex(16))
        if self.apart:
            with Tree(self.tree) as tree:
                tree.make_folder_quietly(self.apart)
        self.partial.mkdir(exist_ok=True)
        self.temporary.mkdir(exist_ok=True)

    @property
    def apart(self) -> bytes:
        """The name of a folder in the tree that does not belong to it; empty if there is none. No client can guess it."""
        return self._apart_note.read_bytes() if self._apart_note.exists() else b''

    @property
    def _apart_note(self) -> Path:
        return self.path / 'apart'

    @property
    def _aside(self) -> Path:
        return self.tree / os.fsdecode(self.apart) if self.apart else self.path

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
