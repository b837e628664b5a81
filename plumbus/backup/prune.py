"""Removes what was taken away, at low priority. Whatever cuts it off, the next sweep goes on with what is left."""

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from plumbus.backup import subvolumes
from plumbus.backup.reporting import readable
from plumbus.backup.snapshots import TIME_NAME, Snapshot, Snapshots
from plumbus.cancellation import Cancellation
from plumbus.errors import PlumbusError, StoreError
from plumbus.transfer import process, rsync

DESCRIPTION = 'backup.json'
SILENCE_S = 12 * 3600.0  # rm says nothing while it works; what is left then is for the next sweep
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Sweeper:
    """`settle` is told of each snapshot before its files go: its record must not say any more that there is one."""

    snapshots: Snapshots
    settle: Callable[[Snapshot], None]

    def settle_all(self) -> None:
        """At the start: let every record tell the truth of what a crash left taken away, before anything else is."""
        for path in self.snapshots.taken_away():
            if TIME_NAME.search(path.name):
                try:
                    self.settle(Snapshot(path))
                except PlumbusError as error:
                    log.warning('The record of %s does not tell yet that it is gone: %s', path.name, error)

    def sweep(self, cancellation: Cancellation) -> None:
        """Remove everything that was taken away; what cannot be removed is logged and left. Raise Cancelled."""
        for path in self.snapshots.taken_away():
            try:
                self._remove(path, cancellation)
            except (PlumbusError, OSError) as error:
                cancellation.check()
                if path.exists():  # else its job was taken away meanwhile
                    log.warning('%s is left for later: %s', path.relative_to(self.snapshots.data_dir), error)

    def _remove(self, path: Path, cancellation: Cancellation) -> None:
        """The folder of a snapshot and its description go last: until its record tells the truth, they are needed for that.

        Subvolumes go at once, and files as any others where that is not allowed.
        """
        if TIME_NAME.search(path.name):
            with suppress(PlumbusError):  # the disk may be full, and what now goes makes room
                self.settle(Snapshot(path))
            subvolumes.remove(Snapshot(path).tree)
            self._delete([child for child in path.iterdir() if child.name != DESCRIPTION], cancellation)
            self.settle(Snapshot(path))
        for tree in self._trees(path):
            cancellation.check()
            subvolumes.remove(tree)
        self._delete([path], cancellation)

    def _trees(self, path: Path) -> list[Path]:
        """Where trees may be in what was taken away: a snapshot, what a run left, or the folder of a job with all of them."""
        is_job = path.parent.parent == self.snapshots.root
        folders = [path / name for name in sorted(os.listdir(path))] if is_job else [path]
        return [Snapshot(folder).tree for folder in folders if not folder.is_symlink()]

    def _delete(self, paths: Sequence[Path], cancellation: Cancellation) -> None:
        if not paths:
            return
        names = [os.fspath(path) for path in paths]
        if os.geteuid():
            # Without root a folder may keep us out. No snapshot shares one, but files share their modes with others.
            closed = ['-type', 'd', '!', '-perm', '-700', '-exec', 'chmod', 'u+rwx', '{}', ';']
            self._run(['find', *names, *closed], cancellation)
        self._run([*low_priority(), 'rm', '-rf', '--', *names], cancellation)

    def _run(self, arguments: Sequence[str], cancellation: Cancellation) -> None:
        outcome = process.run(
            arguments,
            cancellation=cancellation,
            env=rsync.environment(self.snapshots.data_dir),
            idle_timeout_s=SILENCE_S,
        )
        cancellation.check()
        if outcome.exit_code:
            said = '; '.join(map(readable, outcome.error_lines[-1:])) or f'exit code {outcome.exit_code}'
            raise StoreError(f'It cannot be removed ({said}).')


def low_priority() -> list[str]:
    """Return what to put in front of a command so that backups and pages come first: nice(1), ionice(1)."""
    idle = ['ionice', '-t', '-c', '3'] if shutil.which('ionice') else []
    return ['nice', '-n', '19', *idle]
