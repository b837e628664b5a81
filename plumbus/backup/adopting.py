"""Makes snapshots of folders that another program has filled with rsync: they share its files, and it stays as it is."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from plumbus.backup.finishing import Finishing, Pulled
from plumbus.backup.guards import RoomGuard
from plumbus.backup.linking import link_copy
from plumbus.backup.remains import entries_below
from plumbus.backup.snapshots import TIME_FORMAT, Snapshot, Snapshots
from plumbus.backup.syncing import sync
from plumbus.backup.tally import Tally
from plumbus.backup.tree import relative_parts
from plumbus.backup.workspace import Workspace
from plumbus.cancellation import Cancellation
from plumbus.errors import Conflict, StoreError
from plumbus.model import Owners

UNDER_WAY = '.taking-over'
RESERVE_PERCENT = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """A folder, the absolute source path that rsync was given with it, and how many bytes its files have."""

    folder: Path
    source: str
    size_bytes: int = 0

    @property
    def place(self) -> str:
        """Where below the tree of a snapshot it belongs, without a slash in front."""
        return os.fsdecode(b'/'.join(relative_parts(os.fsencode(self.source))))

    @property
    def content(self) -> Path:
        """What lies there of the source itself: with a slash at the end of the source rsync copied what is in it (rsync(1))."""
        inside = self.folder / self.place.rpartition('/')[2]
        return inside if not self.source.endswith('/') and os.path.lexists(inside) else self.folder


@dataclass(kw_only=True, slots=True)
class Adoption:
    """`copies`: the files are copied, which needs room for them; else they are hard links, on the same disk only.

    `checksums`: each file is read once, so that later damage can be told.
    """

    snapshots: Snapshots
    cancellation: Cancellation
    copies: bool = False
    checksums: bool = True

    def check(self, folder: Path) -> None:
        """Given what is to be taken over, raise Conflict if hard links do not reach it."""
        self.snapshots.root.mkdir(parents=True, exist_ok=True)
        if not self.copies and folder.stat().st_dev != self.snapshots.root.stat().st_dev:
            raise Conflict(
                f'{folder} is not on the disk of {self.snapshots.root}, so no snapshot there can share its files.',
                'Put the data folder on the same disk with --data-dir, or let the files be copied with --copy.',
            )

    def take_over(
        self,
        foreign: Foreign,
        job_folder: Path,
        moment: datetime,
        describe: Callable[[Pulled, str], Mapping[str, Any]],
    ) -> Snapshot:
        """Given a folder, the job's folder here, the time of the backup and how to describe it, return the new snapshot.

        Raise StoreError with the reason if that is not possible; nothing is left then. Raise Cancelled if asked to stop.
        """
        name = self.snapshots.free_time(job_folder, moment).strftime(TIME_FORMAT)
        workspace = Workspace(job_folder / UNDER_WAY, owners())
        self.snapshots.take_away(workspace.path)
        try:
            self._fill(foreign, workspace)
            pulled = self._listed(workspace, int(moment.timestamp()))
            sync(workspace.path, self.snapshots.data_dir, self.cancellation)
            path = str((job_folder / name).relative_to(self.snapshots.data_dir))
            return self.snapshots.publish(workspace, name, describe(pulled, path))
        except OSError as error:
            raise StoreError(f'{foreign.folder} could not be taken over: {error}.') from None
        finally:
            self.snapshots.take_away(workspace.path)

    def _fill(self, foreign: Foreign, workspace: Workspace) -> None:
        target = workspace.tree / foreign.place if foreign.place else workspace.tree
        target.parent.mkdir(parents=True)
        if self.copies:
            RoomGuard(self.snapshots.root, RESERVE_PERCENT).check(foreign.size_bytes, 0)
        outcome = link_copy(
            foreign.content, target, self.snapshots.data_dir, self.cancellation, shared=not self.copies
        )
        self.cancellation.check()
        if outcome.exit_code:
            why = b' '.join(outcome.error_lines[:1]).decode('utf-8', 'replace').removeprefix('cp: ')
            raise StoreError(f'{foreign.folder} could not be taken over: {why or "cp failed"}.')

    def _listed(self, workspace: Workspace, moment: int) -> Pulled:
        keep_going = self.cancellation.check
        pulled = Pulled(tally=Tally())
        finishing = Finishing(
            pulled=pulled, workspace=workspace, previous=None, moment=moment, keep_going=keep_going,
            checksums=self.checksums,
        )  # fmt: skip
        with workspace.open_tree() as tree:
            finishing.write(entries_below(tree, workspace.noted, keep_going), lambda entry: entry)
        return pulled


def owners() -> Owners:
    """Return how files that rsync wrote with -a keep owners: only root may give files away (rsync(1), --owner)."""
    return 'real' if os.geteuid() == 0 else 'none'
