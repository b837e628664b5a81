"""The thread that keeps the search index in line with the records: all of them at the start, then those that change."""

import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.resting import changes_since
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.errors import NotFound, StoreError
from plumbus.events import Changed, Event, EventBus
from plumbus.model import Backup
from plumbus.store.documents import Documents
from plumbus.store.rows import Match, decoded
from plumbus.store.search_index import GONE, Known, Row, SearchIndex

REST_S = 3600.0
PAUSE_S = 60.0
PATIENCE_S = 0.5
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Indexing:
    """Fills the index. What changes while it is at work is looked at when that is done."""

    index: SearchIndex
    backups: Documents[Backup]
    snapshots: Snapshots
    events: EventBus
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _moved: threading.Condition = field(default_factory=threading.Condition)
    _asked: int = 1  # how often something changed, and how much of that the index has seen
    _done: int = 0
    _changed: set[int] | None = None  # None: all backups are to be looked at
    _unreadable: set[int] = field(default_factory=set)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Let the thread begin: it takes up what is missing, and later what changes."""
        self.events.subscribe(self._on_event)
        self._thread = threading.Thread(target=self._keep, name='search-index', daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2) -> None:
        """End the thread; what it was taking up is taken up after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread:
            self._thread.join(timeout_s)

    def caught_up(self) -> bool:
        """Wait a moment for what just changed. Return whether the index knows all."""
        with self._moved:
            return self._moved.wait_for(lambda: self._done >= self._asked, PATIENCE_S)

    def doubt(self) -> None:
        """The index turned out to be damaged: have all of it looked at, and made anew if need be."""
        self._note(None)

    def bring_up_to_date(self, changed: Collection[int] | None = None) -> None:
        """Take up every backup that is not in the index yet, forget those that are gone. Raise StoreError.

        With the ids of backups that changed, only theirs and those of the same jobs are looked at.
        """
        wanted, known = self._compared(changed)
        moved = {one.id for one in known if one.id in wanted and wanted[one.id].job_id != one.job_id}
        lost = [one for one in known if one.id not in wanted or one.id in moved]
        kept = list(set(known) - set(lost))
        missing = [
            wanted[number] for number in sorted(wanted.keys() - {one.id for one in kept} - self._unreadable)
        ]
        again = _jobs_in_disorder(kept, missing)
        lost += [one for one in kept if one.job_id in again]
        if lost:
            self.index.remove(lost)
        if again:
            self.bring_up_to_date({one.id for one in (*lost, *missing)})
            return
        for one in missing:
            if self._stopping.is_set():
                return
            self._take_up(one)

    def _take_up(self, one: Known) -> None:
        try:
            manifest = self._snapshot(one.id).manifest
            changes = self._changes(one.job_id, manifest)
            if changes is None:
                self.index.add(one, _rows((entry, True) for entry in read_manifest(manifest)))
            else:
                self.index.add(one, _rows(changes), changes_only=True)
        except (NotFound, _Unreadable) as error:
            self._unreadable.add(one.id)
            log.info('Backup %d cannot be searched: %s', one.id, error)

    def _changes(self, job_id: int, manifest: Path) -> Iterator[tuple[Entry, bool]] | None:
        """What a manifest says otherwise than that of the job's newest backup in the index; None if it does not rest on that."""
        with suppress(NotFound):  # that one was deleted meanwhile, or there is none
            return changes_since(self._snapshot(self.index.newest(job_id)).manifest, manifest)
        return None

    def _snapshot(self, backup_id: int) -> Snapshot:
        return self.snapshots.at(self.backups.get(backup_id).backup_path)

    def _compared(self, changed: Collection[int] | None) -> tuple[dict[int, Known], list[Known]]:
        """Return what should be in the index, by id, and what is: all, or of the jobs that these backups are or were of."""
        if changed is None:
            return self._kept({'kept': True}), self.index.known()
        jobs = {one.job_id for one in self.index.known(changed)}
        records = map(decoded, self.backups.texts(changed).values())
        jobs |= {raw['job_id'] for raw in records if raw.get('backup_path')}
        wanted = self._kept({'job_id': frozenset(jobs)})
        near = self.index.known({*changed, *wanted})
        return wanted, [one for one in near if one.job_id in jobs or one.id in wanted]

    def _kept(self, match: Match) -> dict[int, Known]:
        root = str(self.snapshots.data_dir)
        return {
            raw['id']: Known(raw['id'], raw['job_id'], raw['client_id'])
            for raw in self.backups.raw(match)
            if raw.get('backup_path') and not raw.get('removed_at')
            if os.path.isdir(f'{root}/{raw["backup_path"]}')  # a Path for each would take long
        }

    def _keep(self) -> None:
        sound = False
        while not self._stopping.is_set():
            self._wake.clear()
            asked, changed = self._taken()
            try:
                if not sound:
                    self.index.prepare()
                self.bring_up_to_date(changed if sound else None)
                sound = True
                self._reached(asked)
            except StoreError as error:
                log.warning('%s', error)
                if not sound:
                    self._stopping.wait(PAUSE_S)
                sound = False
                continue
            except Exception:  # the border of this thread: searching must not end with one odd snapshot
                log.exception('The search index could not be brought up to date')
                sound = False  # what was to be looked at must not be forgotten
            if not self._wake.wait(REST_S):
                sound = False

    def _taken(self) -> tuple[int, set[int] | None]:
        """Return how often something changed, and what that was since the last time; None: it may be anything."""
        with self._moved:
            changed, self._changed = self._changed, set()
            return self._asked, changed

    def _note(self, backup_id: int | None) -> None:
        with self._moved:
            self._asked += 1
            if backup_id is None:
                self._changed = None
            elif self._changed is not None:
                self._changed.add(backup_id)
        self._wake.set()

    def _reached(self, asked: int) -> None:
        with self._moved:
            self._done = asked
            self._moved.notify_all()

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Changed):
            return
        if event.noun == 'backup':
            self._note(event.id)
        elif event.noun in {'job', 'client'} and event.action == 'deleted':  # with all their backups
            self._note(None)


class _Unreadable(Exception):
    """The manifest of a snapshot is missing or damaged: no fault of the index."""


def _rows(told: Iterable[tuple[Entry, bool]]) -> Iterator[Row]:
    """Given entries and whether each is there, yield them for the index."""
    try:
        for entry, is_there in told:
            if entry.path != b'.':
                folder, _, name = entry.path.rpartition(b'/')
                yield Row(folder, name, entry.kind if is_there else GONE, entry.size, entry.mtime)
    except StoreError as error:
        raise _Unreadable(str(error)) from error


def _jobs_in_disorder(known: Sequence[Known], missing: Sequence[Known]) -> set[int]:
    """The jobs of which a backup is to come that is older than one in the index: these are taken up from the start."""
    newest: dict[int, int] = {}
    for job_id, group in groupby(sorted(known, key=lambda one: one.job_id), key=lambda one: one.job_id):
        newest[job_id] = max(one.id for one in group)
    return {one.job_id for one in missing if one.id < newest.get(one.job_id, 0)}
