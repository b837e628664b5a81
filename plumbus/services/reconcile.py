"""Records are compared with reality, at the start and every minute: nothing says that it runs which does not run.

What was cut off is settled by what lies on disk, what waited waits again, and no process of ours stays behind.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from plumbus.backup.execution import INTERRUPTED, failure, stopped
from plumbus.backup.snapshots import Snapshot
from plumbus.errors import Conflict, NotFound, PlumbusError, StoreError
from plumbus.events import RunKind
from plumbus.failures import failed
from plumbus.model import Backup, Run, Status
from plumbus.scheduling.queue import RunQueue
from plumbus.services.backups import Backups
from plumbus.services.jobs import Jobs
from plumbus.services.runs import Runs
from plumbus.transfer.children import Children
from plumbus.transfer.ssh import remove_leftovers

UNFINISHED = 'queued,running'
EVERYTHING = 10**9
INTERVAL_S = 60.0
UNKNOWN = 'unknown'
NOT_TOLD = {
    'id',
    'revision',
    'created_at',
    'updated_at',
    'pinned',
    'note',
    'progress',
}  # the record knows better
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Runs of one kind. `enqueue` puts a record into the queue again; `found` returns what the disk tells of its end."""

    runs: Runs[Any]
    enqueue: Callable[[Any], None]
    found: Callable[[Any], dict[str, Any] | None] = lambda _run: None


@dataclass(kw_only=True, slots=True)
class Reconciler:
    """Has a thread of its own. The server alone may have one: to another process its runs would look lost."""

    kinds: Mapping[str, Kind]
    queue: RunQueue
    children: Children
    interval_s: float = INTERVAL_S
    _without_ticket: set[tuple[RunKind, int]] = field(default_factory=set)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def settle_leftovers(self) -> None:
        """At the start, before anything runs: end what a killed PLUMBUS left behind and settle every record."""
        self._end_orphans()
        for kind in self.kinds.values():
            for run in reversed(kind.runs.page(status=UNFINISHED, limit=EVERYTHING).items):
                if run.status is Status.RUNNING or not self._queued_again(kind, run):
                    self._settle(kind, run, stopped(kind.runs.kind, INTERRUPTED))

    def start(self) -> None:
        """Look every minute from now on."""
        self._thread = threading.Thread(target=self._run, name='reconciler', daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 1) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout_s)

    def look(self) -> None:
        """Compare once, while runs come and go. Raise StoreError if the store cannot be read or written."""
        self._end_orphans()
        self._drop_unknown_tickets()
        self._settle_lost()

    def leave_nothing(self) -> None:
        """At the end: end every process of ours that is still there, and store of runs that go on that they were interrupted."""
        self.children.end([child for child in self.children.all() if self.children.is_own(child)], grace_s=0)
        for ticket in self.queue.running():
            kind = self.kinds.get(ticket.kind)
            run = kind.runs.records.find(ticket.run_id) if kind else None
            if kind and run and not run.status.finished:
                self._settle(kind, run, stopped(kind.runs.kind, INTERRUPTED))

    def _end_orphans(self) -> None:
        orphans = [child for child in self.children.all() if not self.children.is_supervised(child)]
        for child in self.children.end(orphans):
            log.warning('%s was left behind and has been ended.', child)
        remove_leftovers()

    def _drop_unknown_tickets(self) -> None:
        for ticket in self.queue.tickets():
            kind = self.kinds.get(ticket.kind)
            if kind and not kind.runs.records.exists(ticket.run_id):
                log.warning('The %s %d has no record (any more) and is dropped.', ticket.kind, ticket.run_id)
                self.queue.cancel(ticket.kind, ticket.run_id, UNKNOWN)

    def _settle_lost(self) -> None:
        """A worker ends its record before it gives its ticket back, so what has none and still says running is lost.

        A new record is without a ticket for a moment, and so is one that is being cancelled: those get a second look.
        """
        for kind, run in self._lost(Status.RUNNING):
            told = kind.runs.live.remembered(kind.runs.kind, run.id)
            self._settle(kind, run, told or failure(failed('lost')))
            kind.runs.live.forget(kind.runs.kind, run.id)
        waiting = {(kind.runs.kind, run.id): (kind, run) for kind, run in self._lost(Status.QUEUED)}
        for key in waiting.keys() & self._without_ticket:
            kind, run = waiting[key]
            if not self._queued_again(kind, run):
                self._settle(kind, run, stopped(kind.runs.kind, INTERRUPTED))
        self._without_ticket = set(waiting) - self._without_ticket

    def _lost(self, status: Status) -> list[tuple[Kind, Run]]:
        """Return the runs that say `status` and have no ticket: read first, then compared, then read again."""
        said = [
            (kind, run) for kind in self.kinds.values() for run in kind.runs.page(status=status, limit=EVERYTHING).items
        ]  # fmt: skip
        known = {(ticket.kind, ticket.run_id) for ticket in self.queue.tickets()}
        missing = [(kind, run) for kind, run in said if (kind.runs.kind, run.id) not in known]
        again = [(kind, kind.runs.records.find(run.id)) for kind, run in missing]
        return [(kind, run) for kind, run in again if run and run.status is status]

    def _queued_again(self, kind: Kind, run: Run) -> bool:
        try:
            kind.enqueue(run)
        except NotFound:  # its job is gone
            return False
        except Conflict:  # somebody was quicker
            pass
        return True

    def _settle(self, kind: Kind, run: Run, ending: dict[str, Any]) -> None:
        ending = kind.found(run) or ending
        kind.runs.settle(run.id, **ending)
        log.warning('The %s %d was cut off: it is %s.', kind.runs.kind, run.id, ending['status'])

    def _run(self) -> None:
        while not self._stopping.wait(self.interval_s):
            try:
                self.look()
            except PlumbusError as error:
                log.warning('Records could not be compared with what runs. %s', error)
            except Exception:
                log.exception('Records could not be compared with what runs.')


def kind_of_backups(backups: Backups, jobs: Jobs) -> Kind:
    """Given the services, return how backups are settled: one whose snapshot has its name already is good."""

    def enqueue(backup: Backup) -> None:
        jobs.jobs.get(backup.job_id)
        jobs.starting.enqueue(backup)

    def found(backup: Backup) -> dict[str, Any] | None:
        snapshot = _snapshot_of(backups, jobs, backup)
        if snapshot is None:
            return None
        told = Backup.model_validate(snapshot.description()['backup'])
        return told.model_dump(exclude=NOT_TOLD)

    return Kind(runs=backups, enqueue=enqueue, found=found)


def _snapshot_of(backups: Backups, jobs: Jobs, backup: Backup) -> Snapshot | None:
    with suppress(NotFound):
        job = jobs.get(backup.job_id)
        folder = backups.snapshots.job_folder((job.client_id, job.client_name), (job.id, job.name))
        for snapshot in reversed(backups.snapshots.of(folder)):
            with suppress(StoreError, KeyError):
                if snapshot.description()['backup']['id'] == backup.id:
                    return snapshot
    return None
