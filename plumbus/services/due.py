"""Between the scheduler and the queue: which jobs are planned and since when, and what becomes of them when they are due."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from plumbus.backup.standing import moment
from plumbus.model import Backup, Status, Trigger
from plumbus.scheduling.scheduler import ON_TIME, DueRun, Planned
from plumbus.services.jobs import Jobs
from plumbus.services.lateness import zone_named
from plumbus.services.verifications import Verifications
from plumbus.store.documents import Documents

VERIFY_SHARE = 0  # planned as if it were a job; no job has this id
FINISHED = frozenset(status.value for status in Status if status.finished)
LOOKED_AT = ('status', 'trigger', 'created_at', 'end_time')
Raw = Mapping[str, Any]
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Due:
    """Called in the scheduler's thread. `verify_hour` None: nothing is verified by night."""

    jobs: Jobs
    backups: Documents[Backup]
    verifications: Verifications
    verify_hour: int | None

    def planned(self) -> Iterator[Planned]:
        """Return what is planned, each with the time until which nothing was missed."""
        if self.verify_hour is not None:
            yield Planned(VERIFY_SHARE, f'0 {self.verify_hour} * * *', self.jobs.zone)
        last = self.backups.newest_of_each('job_id', LOOKED_AT)
        for job in self.jobs.jobs.raw():
            if job.get('enabled', True) and job.get('schedule'):
                zone = zone_named(job.get('timezone'), self.jobs.zone)
                yield Planned(job['id'], job['schedule'], zone, taken_care_of(job, last.get(job['id'])))

    def start(self, due: Sequence[DueRun]) -> None:
        """Given what is due, queue it: all in one write, and if that fails one by one. What fails is logged."""
        if any(run.job_id == VERIFY_SHARE for run in due):
            self._guarded(VERIFY_SHARE, self.verifications.start_share)
        wanted = {run.job_id: run for run in due if run.job_id != VERIFY_SHARE}
        try:
            self._queue(list(wanted.values()))
        except Exception:
            log.exception('%d jobs that are due could not be queued together.', len(wanted))
            for run in wanted.values():
                self._guarded(run.job_id, partial(self._queue, [run]))

    def _queue(self, due: Sequence[DueRun]) -> None:
        on_time = {run.job_id: Trigger.SCHEDULE for run in due if not run.missed}
        missed = {run.job_id: run for run in due if run.missed}
        for job_id, run in missed.items():
            job = self.jobs.jobs.find(job_id)
            if job and job.catch_up:
                on_time[job_id] = Trigger.CATCH_UP
            else:
                log.info('Job %d missed its time %s, and does not catch up.', job_id, run.time)
        self.jobs.starting.run_all(on_time)

    def _guarded(self, job_id: int, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception:
            log.exception('Job %d was due but could not be started.', job_id)


def taken_care_of(job: Raw, last: Raw | None) -> datetime | None:
    """Given a job and its newest backup, both as stored, return until when nothing of its schedule was missed.

    Nothing was missed before the job was made, switched on or given its schedule, nor while its last backup waited and ran. What
    was cut off when PLUMBUS stopped is missed, but once only: should it be what brings PLUMBUS down, it does not do so again.
    """
    since = moment(job.get('planned_since') or job.get('updated_at') or job.get('created_at'))
    if last is None or since is None:
        return since
    began = datetime.fromisoformat(last['created_at'])
    if last['status'] == Status.INTERRUPTED and last['trigger'] == Trigger.SCHEDULE:
        return max(since, began - 2 * ON_TIME)
    ended = last['end_time'] if last['status'] in FINISHED else None
    return max(since, began, datetime.fromisoformat(ended) if ended else began)
