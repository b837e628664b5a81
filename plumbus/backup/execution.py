"""What backups and restores share: from queued to a final record that tells the truth, whatever happens in between."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from plumbus.backup.reporting import LiveRuns, Reporter
from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, PlumbusError, StoreError, TransferFailed
from plumbus.events import Changed, EventBus, RunKind
from plumbus.failures import failed
from plumbus.model import Run, Status
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs
from plumbus.transfer.outcome import Explanation, Stage, explain, explain_silence, explain_storage
from plumbus.transfer.process import Outcome

INTERRUPTED = 'interrupted'
CANCELLED = 'cancelled'
IDLE_TIMEOUT_S = 180.0
Record = TypeVar('Record', bound=Run)
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Execution(Generic[Record]):
    """Carries runs of one kind through their states; one object serves all worker threads."""

    kind: RunKind
    records: Documents[Record]
    logs: RunLogs
    events: EventBus
    live: LiveRuns
    now: Callable[[], datetime]

    def carry_out(
        self, run_id: int, cancellation: Cancellation, work: Callable[[Reporter, datetime], dict[str, Any]]
    ) -> None:
        """Given a queued run, do `work` (reporter, start → fields of the record) and store how it ended, or that it waits again.

        Raise StoreError if that cannot be stored.
        """
        reporter = Reporter(self.kind, run_id, self.logs, self.events, self.now)
        started = self.now()
        self.live.add(reporter)
        try:
            self.record(run_id, status=Status.RUNNING, start_time=started, queued_reason=None, next_try=None)
            ending = self._ending(reporter, cancellation, lambda: work(reporter, started))
        finally:
            self.live.remove(reporter)
        if ending['status'] is Status.QUEUED:
            self.record(run_id, **ending)
            return
        ended = self.now()
        ending |= {'end_time': ended, 'duration_s': round((ended - started).total_seconds(), 3)}
        try:
            self.record(run_id, **ending)
        except StoreError:
            self.live.remember(self.kind, run_id, ending)
            raise
        with suppress(StoreError):  # it can be read as it is
            self.logs.pack(self.kind, run_id)

    def record(self, run_id: int, **changes: Any) -> None:
        """Given what changed of a run, store it and tell the bus."""
        self.records.set(run_id, **changes)
        self.events.publish(Changed(noun=self.kind, id=run_id, action='updated'))

    def _ending(
        self, reporter: Reporter, cancellation: Cancellation, work: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        try:
            return work()
        except Cancelled:
            ending = stopped(self.kind, cancellation.reason)
        except PlumbusError as error:  # what fails while it is being stopped fails because of that
            ending = stopped(self.kind, cancellation.reason) if cancellation.requested else failure(error)
        except OSError as error:
            log.warning('The %s %d met %s', self.kind, reporter.run_id, error)
            ending = failure(storage_failure(error))
        except Exception:
            log.exception('The %s %d ended in an unexpected way', self.kind, reporter.run_id)
            ending = failure(failed('internal'))
        with suppress(StoreError):  # a disk that has no room for this line may have some for the record
            reporter.say(f'{ending["status"]}: {ending["error_message"]}')
        return ending


def stopped(kind: RunKind, reason: str) -> dict[str, Any]:
    """Given why a run was asked to stop, return the fields of its record."""
    if reason == INTERRUPTED:
        message = f'PLUMBUS was stopped while this {kind} ran. Run it again.'
        return {'status': Status.INTERRUPTED, 'error_message': message, 'cause': 'interrupted'}
    return {
        'status': Status.CANCELLED,
        'error_message': f'Someone cancelled this {kind}.',
        'cause': 'cancelled',
    }


def failure(error: PlumbusError) -> dict[str, Any]:
    """Given why a run failed, return the fields of its record; the message holds cause and remedy."""
    return {
        'status': Status.FAILED,
        'error_message': str(error),
        'cause': getattr(error, 'cause', 'unknown'),
        'exit_code': getattr(error, 'exit_code', None),
    }


def storage_failure(error: OSError) -> TransferFailed:
    """Given what the file system of the data folder said, return it in plain words."""
    told = explain_storage(error)
    if told:
        return _told_as(told)
    return failed('storage', reason=error.strerror)


def judged(
    outcome: Outcome, stage: Stage, cancellation: Cancellation, sources: Sequence[str] = ()
) -> Explanation:
    """Given how a child ended, return what to tell of it. Raise if that means the run cannot go on.

    Raise Cancelled if it was asked to stop, TransferFailed with cause and remedy if it failed.
    """
    if outcome.cancelled:
        raise Cancelled(f'The run was {cancellation.reason}.')
    if outcome.timed_out == 'limit':
        raise failed('time_limit')
    if outcome.timed_out:
        asked = explain_silence(outcome.error_lines)
        raise _told_as(asked) if asked else failed('silence', seconds=f'{IDLE_TIMEOUT_S:.0f}')
    told = explain(outcome.exit_code, outcome.error_lines, stage=stage, sources=sources)
    if told.severity == 'failed':
        raise _told_as(told, outcome.exit_code)
    return told


def _told_as(told: Explanation, exit_code: int | None = None) -> TransferFailed:
    return TransferFailed(
        told.message, told.remedy, told.cause, exit_code=exit_code, transient=told.transient
    )
