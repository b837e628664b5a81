"""Takes snapshots away: at once for everybody, from the disk by and by. Their records tell the truth all the time."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from plumbus.backup.occupancy import Holding, freed_bytes, holding
from plumbus.backup.snapshots import TIME_FORMAT, TIME_NAME, Snapshot, Snapshots
from plumbus.errors import Conflict, NotFound, StoreError
from plumbus.events import Changed, EventBus
from plumbus.model import Backup, Status
from plumbus.scheduling.queue import RunQueue
from plumbus.store.documents import Documents

UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Removal:
    """`readers`: the records of what reads snapshots (restores, verifications). `wake` is called when there is something
    to remove from the disk. Hold `one_by_one` from a decision to what follows from it."""

    backups: Documents[Backup]
    readers: Sequence[Documents[Any]]
    snapshots: Snapshots
    queue: RunQueue
    events: EventBus
    now: Callable[[], datetime]
    wake: Callable[[], None]
    one_by_one: threading.RLock = field(default_factory=threading.RLock)
    _held: Counter[int] = field(default_factory=Counter)
    _holding: threading.Lock = field(default_factory=threading.Lock)

    def in_use(self) -> set[int]:
        """Return the backups that a restore or a verification reads or waits to read, or that are held."""
        with self._holding:
            held = set(+self._held)
        return held | self._being_read()

    @contextmanager
    def held(self, backup_id: int) -> Iterator[None]:
        """Given a backup that is being downloaded, keep retention from removing it meanwhile. Someone may still delete it."""
        with self._holding:
            self._held[backup_id] += 1
        try:
            yield
        finally:
            with self._holding:
                self._held[backup_id] -= 1

    def _being_read(self) -> set[int]:
        return {run.backup_id for runs in self.readers for run in runs.all({'status': UNFINISHED})}

    def retire(self, backup_id: int) -> Backup | None:
        """Given a backup that is no longer kept, take its snapshot away; its record stays as history and is returned.

        Return None if it has no snapshot (any more), or if someone pinned it or began to use it meanwhile. Raise
        StoreError or OSError if that fails; the record is settled then when the files are removed.
        """
        with suppress(NotFound, Conflict):
            self._take_away(self.backups.get(backup_id), keep_record=True)
            return self.backups.get(backup_id)
        return None

    def delete(self, backup: Backup) -> None:
        """Given a backup that has ended, delete its record and its snapshot, if it has one. Raise Conflict if it is needed."""
        self._refuse(backup)
        try:
            self._take_away(backup, keep_record=False)
        except NotFound:  # it never had a snapshot of ours, or that is gone already
            self.backups.remove(backup.id)

    def take_job(self, job_id: int, folder: Path) -> None:
        """Given a job and its folder, take that away with all its snapshots. Raise Conflict if one of them is being read."""
        with self.one_by_one, self.backups.transaction():
            used = self._being_read()
            if used.intersection(self.backups.ids({'job_id': job_id})):
                message = 'A snapshot of this job is being restored or verified.'
                raise Conflict(message, 'Wait for the end of that, or cancel it.')
            self.snapshots.take_away(folder)
        self.wake()

    def settle(self, taken: Snapshot) -> None:
        """Given a snapshot that was taken away, make sure that its record says so. Raise StoreError if it cannot be."""
        with self.one_by_one:
            backup = self._unsettled(taken)
            if backup:
                self._record(backup, *self._share(taken, self._known_in(taken.path.parent)), keep_record=True)

    def freed(self, folder: Path, going: Collection[str]) -> int | None:
        """Given a job's folder and the names of snapshots in it, return the bytes that come free when all these go.

        None if that cannot be told, because what a snapshot says beside itself and its manifest cannot be read.
        """
        chains: dict[str, list[Snapshot]] = {}
        for snapshot in self.snapshots.of(folder):
            chains.setdefault(snapshot.owners, []).append(snapshot)
        try:
            return sum(
                freed_bytes(holding(one, goes=one.path.name in going) for one in chain)
                for chain in chains.values()
            )
        except StoreError as error:
            log.warning('What comes free cannot be told. %s', error)
            return None

    def _take_away(self, backup: Backup, *, keep_record: bool) -> None:
        with self.one_by_one:
            snapshot = self.snapshots.at(backup.backup_path)
            if not self.snapshots.owns(snapshot):
                raise NotFound('This backup has no snapshot that PLUMBUS made.')
            freed, heir = self._share(snapshot, self.snapshots.of(snapshot.path.parent))
            try:
                with self.backups.transaction():  # nobody can pin it or begin to read it from here on
                    self._refuse(self.backups.get(backup.id), held=keep_record and self._held[backup.id] > 0)
                    self.snapshots.take_away(snapshot.path)
                    self._record(backup, freed, heir, keep_record=keep_record)
            finally:
                self.wake()

    def _refuse(self, backup: Backup, *, held: bool = False) -> None:
        if backup.pinned:
            raise Conflict('This backup is pinned.', 'Unpin it first.')
        if held or backup.id in self._being_read():
            raise Conflict(
                'This backup is being restored or verified.', 'Wait for the end of that, or cancel it.'
            )
        if self._is_built_on(backup):
            message = 'A backup of this job is running and builds on this snapshot.'
            raise Conflict(message, 'Wait for its end, or cancel it.')

    def _is_built_on(self, backup: Backup) -> bool:
        running = [ticket.run_id for ticket in self.queue.running() if ticket.kind == 'backup']
        # A run whose record is final may not have left its worker yet.
        runs = [run for run in map(self.backups.find, running) if run and not run.status.finished]
        jobs = [run.job_id for run in runs]
        if not backup.backup_path or backup.job_id not in jobs:
            return False
        path = self.snapshots.data_dir / backup.backup_path
        return self.snapshots.of(path.parent)[-1:] == [Snapshot(path)]

    def _unsettled(self, taken: Snapshot) -> Backup | None:
        """Return the backup whose record still says that it has this snapshot, which was taken away; None if there is none."""
        return None if _place(taken).path.exists() else self._backup_of(taken)

    def _backup_of(self, snapshot: Snapshot) -> Backup | None:
        path = self.snapshots.relative(_place(snapshot))
        with suppress(StoreError, TypeError, ValueError):
            told = self.backups.find(int(snapshot.description()['backup'].get('id')))
            if told and told.backup_path == path:
                return told
        kept = {'kept': True}
        found = self.backups.select(lambda raw: raw.get('backup_path') == path, match=kept, limit=1).items
        return found[0] if found else None

    def _share(self, snapshot: Snapshot, known: Sequence[Snapshot]) -> tuple[int | None, Snapshot | None]:
        """Return the bytes that only this snapshot holds, and the next one, which inherits the rest of what it stored.

        `known` are the snapshots of its job, oldest first.
        """
        owners, place = snapshot.owners, [one.moment for one in known].index(snapshot.moment)
        older = next((one for one in reversed(known[:place]) if one.owners == owners), None)
        heir = next((one for one in known[place + 1 :] if one.owners == owners), None)
        before = [Holding(time=int(older.moment.timestamp()), goes=False, origins={})] if older else []
        after = [heir] if heir else []
        try:
            chain = [*before, holding(snapshot, goes=True), *(holding(one, goes=False) for one in after)]
        except StoreError as error:
            log.warning('What comes free with %s cannot be told. %s', snapshot.path.name, error)
            return None, None
        return freed_bytes(chain), heir

    def _known_in(self, folder: Path) -> list[Snapshot]:
        """Return the snapshots in a job's folder of which records tell, those among them that were taken away included."""
        known = self.snapshots.of(folder)
        for path in self.snapshots.taken_away():
            if path.parent == folder and TIME_NAME.search(path.name) and self._unsettled(Snapshot(path)):
                known.append(Snapshot(path))
        return sorted(known, key=lambda one: one.moment)

    def _record(self, backup: Backup, freed: int | None, heir: Snapshot | None, *, keep_record: bool) -> None:
        with self.backups.transaction():
            if heir and freed is not None:
                rest = max(0, backup.disk_bytes - freed)
                self._hand_on(rest, heir, inherited=rest if keep_record else backup.inherited_bytes)
            if keep_record:
                self.backups.set(backup.id, removed_at=self.now(), backup_path=None, freed_bytes=freed)
            else:
                self.backups.remove(backup.id)
        self.events.publish(
            Changed(noun='backup', id=backup.id, action='updated' if keep_record else 'deleted')
        )

    def _hand_on(self, size: int, heir: Snapshot, *, inherited: int) -> None:
        """What it stored and others still hold counts as stored by the next snapshot: so the sum stays what is on disk.

        `inherited` of it was there before the next snapshot was made, as the records that stay tell (see Growth).
        """
        backup = self._backup_of(heir)
        if backup and size:
            changed = self.backups.set(
                backup.id,
                disk_bytes=backup.disk_bytes + size,
                inherited_bytes=backup.inherited_bytes + inherited,
            )
            with suppress(StoreError, OSError):  # what stands beside it is for a rescan
                self.snapshots.note(heir, {'disk_bytes': changed.disk_bytes})


def _place(snapshot: Snapshot) -> Snapshot:
    """Return it as it is, or was before it was taken away."""
    return Snapshot(snapshot.path.with_name(snapshot.moment.strftime(TIME_FORMAT)))
