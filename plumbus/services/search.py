"""Finds names in all snapshots, from an index that a thread of its own keeps in line with the records."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from pydantic import BaseModel

from plumbus.backup.explore import moment
from plumbus.backup.manifest import read_manifest
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.errors import InvalidInput, NotFound, StoreError
from plumbus.events import Changed, Event, EventBus
from plumbus.model import Backup
from plumbus.store.documents import Documents
from plumbus.store.search_index import Hit, Known, Row, SearchIndex
from plumbus.transfer.names import name_text, path_text

EVERYTHING = 10**9
LONGEST_QUERY = 500
REST_S = 3600.0
PAUSE_S = 60.0
PATIENCE_S = 0.5
log = logging.getLogger(__name__)


class FoundFile(BaseModel):
    """A path of a job as it was last, and the first and the last of its backups that have it. `gone`: the newest has not."""

    name: str
    path: str
    is_dir: bool
    is_link: bool
    size: int
    modified: datetime
    job_id: int
    job_name: str
    client_id: int
    client_name: str
    first_backup_id: int
    last_backup_id: int
    first_seen: datetime | None
    last_seen: datetime | None
    gone: bool


class SearchResult(BaseModel):
    """A page of what was found. `more`: there are more than are counted; `complete`: every backup is in the index."""

    results: list[FoundFile]
    total: int
    more: bool
    complete: bool


@dataclass(kw_only=True, slots=True)
class Search:
    """The index and the thread that fills it."""

    index: SearchIndex
    backups: Documents[Backup]
    snapshots: Snapshots
    events: EventBus
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _moved: threading.Condition = field(default_factory=threading.Condition)
    _asked: int = 1  # how often something changed, and how much of that the index has seen
    _done: int = 0
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

    def find(
        self,
        text: str,
        *,
        job_id: int | None = None,
        client_id: int | None = None,
        backup_id: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> SearchResult:
        """Given part of a name or path, or a pattern like '*.conf', return what matches: exact names first.

        Raise InvalidInput for nothing to look for, StoreError if the index is damaged; then it is made anew meanwhile.
        """
        wanted = text.strip()
        if '\0' in wanted:  # no name has one, and SQLite ends a text there
            raise InvalidInput({'q': 'must not hold a NUL character'})
        if not wanted or len(wanted) > LONGEST_QUERY:
            raise InvalidInput({'q': f'must have 1 to {LONGEST_QUERY} characters'})
        complete = self._caught_up()
        try:
            hits, more = self.index.find(
                wanted.encode('utf-8', 'replace').decode(),
                job_id=job_id,
                client_id=client_id,
                backup_id=backup_id,
            )
        except StoreError:
            self._changed()
            raise
        hits.sort(key=lambda hit: (*_rank(hit, wanted.casefold()), hit.folder, hit.name, hit.job_id))
        return SearchResult(
            results=[self._shown(hit) for hit in hits[offset : offset + limit]],
            total=len(hits),
            more=more,
            complete=complete,
        )

    def bring_up_to_date(self) -> None:
        """Take up every backup that is not in the index yet, forget those that are gone. Raise StoreError."""
        wanted = {one.id: one for one in self._kept()}
        known = self.index.known()
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
            self.bring_up_to_date()
            return
        for one in missing:
            if self._stopping.is_set():
                return
            self._take_up(one)

    def _take_up(self, one: Known) -> None:
        try:
            snapshot = self.snapshots.at(self.backups.get(one.id).backup_path)
            self.index.add(one, _rows(snapshot))
        except (NotFound, _Unreadable) as error:
            self._unreadable.add(one.id)
            log.info('Backup %d cannot be searched: %s', one.id, error)

    def _kept(self) -> Iterator[Known]:
        for raw in self.backups.raw({'kept': True}):
            if not raw.get('removed_at') and (self.snapshots.data_dir / raw['backup_path']).is_dir():
                yield Known(raw['id'], raw['job_id'], raw['client_id'])

    def _keep(self) -> None:
        sound = False
        while not self._stopping.is_set():
            self._wake.clear()
            asked = self._asked
            try:
                if not sound:
                    self.index.prepare()
                self.bring_up_to_date()
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
            self._wake.wait(REST_S)

    def _changed(self) -> None:
        with self._moved:
            self._asked += 1
        self._wake.set()

    def _reached(self, asked: int) -> None:
        with self._moved:
            self._done = asked
            self._moved.notify_all()

    def _caught_up(self) -> bool:
        """Wait a moment for what just changed. Return whether the index knows all."""
        with self._moved:
            return self._moved.wait_for(lambda: self._done >= self._asked, PATIENCE_S)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Changed) and event.noun in {'backup', 'job', 'client'}:
            self._changed()

    def _shown(self, hit: Hit) -> FoundFile:
        first, last = self.backups.find(hit.first), self.backups.find(hit.last)
        return FoundFile(
            name=name_text(hit.name),
            path=path_text(b'/' + (hit.folder + b'/' if hit.folder else b'') + hit.name),
            is_dir=hit.kind == 'd',
            is_link=hit.kind == 'L',
            size=0 if hit.kind == 'd' else hit.size,
            modified=moment(hit.modified),
            job_id=hit.job_id,
            job_name=last.job_name if last else '',
            client_id=last.client_id if last else 0,
            client_name=last.client_name if last else '',
            first_backup_id=hit.first,
            last_backup_id=hit.last,
            first_seen=first.start_time if first else None,
            last_seen=last.start_time if last else None,
            gone=hit.gone,
        )


class _Unreadable(Exception):
    """The manifest of a snapshot is missing or damaged: no fault of the index."""


def _rows(snapshot: Snapshot) -> Iterator[Row]:
    try:
        for entry in read_manifest(snapshot.manifest):
            if entry.path != b'.':
                folder, _, name = entry.path.rpartition(b'/')
                yield Row(folder, name, entry.kind, entry.size, entry.mtime)
    except StoreError as error:
        raise _Unreadable(str(error)) from error


def folded(name: bytes) -> str:
    """Given a name, return it as it is searched: readable, in one case."""
    return name_text(name).casefold()


def _jobs_in_disorder(known: list[Known], missing: list[Known]) -> set[int]:
    """The jobs of which a backup is to come that is older than one in the index: these are taken up from the start."""
    newest: dict[int, int] = {}
    for job_id, group in groupby(sorted(known, key=lambda one: one.job_id), key=lambda one: one.job_id):
        newest[job_id] = max(one.id for one in group)
    return {one.job_id for one in missing if one.id < newest.get(one.job_id, 0)}


def _rank(hit: Hit, wanted: str) -> tuple[bool, bool]:
    name = folded(hit.name)
    return name != wanted, not name.startswith(wanted)
