"""What a user can do with backups and restores alike: find them, watch them, wait for them, stop them."""

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from plumbus.backup.execution import CANCELLED, stopped
from plumbus.backup.reporting import LiveRuns
from plumbus.errors import Conflict
from plumbus.events import Changed, Event, EventBus, RunKind
from plumbus.model import Page, Progress, Run, Status
from plumbus.scheduling.queue import RunQueue
from plumbus.scheduling.rules import Waiting
from plumbus.store.documents import Documents
from plumbus.store.rows import Containing, Match
from plumbus.store.runlog import RunLogs

Record = TypeVar('Record', bound=Run)


@dataclass(kw_only=True, slots=True)
class Runs(Generic[Record]):
    """Runs of one kind. Every call but `wait` and `log` returns at once."""

    kind: RunKind
    records: Documents[Record]
    logs: RunLogs
    live: LiveRuns
    queue: RunQueue
    events: EventBus

    def page(
        self,
        *,
        client_id: int | None = None,
        job_id: int | None = None,
        status: str | None = None,
        search: str = '',
        limit: int = 100,
        offset: int = 0,
    ) -> Page[Record]:
        """Return a page of the runs that match all that is given, newest first, and how many match."""
        match = matching(client_id, job_id, status, search)
        found = self.records.select(match=match, limit=limit, offset=offset)
        return Page(self.with_places(found.items), found.total)

    def get(self, run_id: int) -> Record:
        """Given an id, return the record, with its progress while it runs. Raise NotFound."""
        return self.with_places([self.records.get(run_id)])[0]

    def cancel(self, run_id: int) -> Record:
        """Given a run that is queued or running, stop it and return its record. Raise Conflict if it has ended."""
        run = self.records.get(run_id)
        if run.status.finished or not self.queue.cancel(self.kind, run_id, CANCELLED):
            raise Conflict(f'This {self.kind} has ended already.')
        return self.get(run_id)

    def dropped(self, run_id: int) -> None:
        """Given a run that someone took out of the queue before it began, store that."""
        self.settle(run_id, **stopped(self.kind, CANCELLED))

    def settle(self, run_id: int, **ending: Any) -> None:
        """Given a run that is over but did not say so itself, store how it ended and tell it."""
        self.records.set(run_id, **ending)
        self.events.publish(Changed(noun=self.kind, id=run_id, action='updated'))

    def wait(self, run_id: int, seconds: float) -> Record:
        """Given a run, return its record as soon as it has ended, or after that many seconds as it is then."""
        moved = threading.Event()
        unsubscribe = self.events.subscribe(self._waker(run_id, moved))
        deadline = time.monotonic() + seconds
        try:
            while True:
                run = self.get(run_id)
                left = deadline - time.monotonic()
                if run.status.finished or left <= 0:
                    return run
                moved.wait(min(left, 5.0))
                moved.clear()
        finally:
            unsubscribe()

    def log(self, run_id: int) -> Iterator[bytes]:
        """Given a run, yield its log in chunks. Raise NotFound if there is no such run."""
        self.records.get(run_id)
        return self.logs.read(self.kind, run_id)

    def log_tail(self, run_id: int, count: int = 500) -> list[str]:
        """Given a run, return the last lines of its log. Raise NotFound if there is no such run."""
        self.records.get(run_id)
        return self.logs.tail(self.kind, run_id, count)

    def with_places(self, runs: Sequence[Record]) -> list[Record]:
        """Given records, return them with how far each is that runs, and where in the queue each is that waits."""
        waits = any(run.status is Status.QUEUED for run in runs)
        waiting = self.queue.waiting() if waits else {}
        return [self._with_progress(run, waiting.get((self.kind, run.id))) for run in runs]

    def _with_progress(self, run: Record, waiting: Waiting | None) -> Record:
        if run.status is Status.QUEUED:
            told = {'queue_position': waiting.position, 'queued_reason': waiting.reason} if waiting else {}
            return run.model_copy(update={'progress': Progress(phase='queued'), **told})
        if run.status is not Status.RUNNING:
            return run
        return run.model_copy(update={'progress': self.live.progress(self.kind, run.id)})

    def _waker(self, run_id: int, moved: threading.Event) -> Callable[[Event], None]:
        def wake(event: Event) -> None:
            if isinstance(event, Changed) and event.noun == self.kind and event.id == run_id:
                moved.set()

        return wake


def matching(client_id: int | None, job_id: int | None, status: str | None, search: str) -> Match:
    """Given what is asked for, return what the columns must have. `status` may list several, parted by commas."""
    text = search.strip().lower()
    asked: dict[str, Hashable] = {
        'client_id': client_id,
        'job_id': job_id,
        'status': frozenset(status.split(',')) if status else None,
        'words': Containing(text) if text else None,
    }
    return {column: wanted for column, wanted in asked.items() if wanted is not None}
