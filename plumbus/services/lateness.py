"""Which jobs are overdue: for how long each has had no good backup, by its schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plumbus.backup.standing import moment
from plumbus.errors import InvalidInput
from plumbus.model import Backup, Job
from plumbus.scheduling import timing
from plumbus.store.derived import Derived
from plumbus.store.documents import Documents

GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Expected:
    """When a job is to run, and since when if it never ran well."""

    schedule: str
    timezone: str | None
    since: datetime | None


class Lateness:
    """Works out anew only what changed: a job, or which backup of it is the last good one."""

    def __init__(self, jobs: Documents[Job], backups: Documents[Backup], zone: ZoneInfo) -> None:
        self._backups = backups
        self._zone = zone
        self._expected = Derived(jobs, expected)
        self._began = Derived(backups, began)
        self._due: dict[tuple[Expected, datetime], datetime | None] = {}

    def overdue(self, now: datetime) -> set[int]:
        """Return the ids of the enabled jobs whose next run after their last good backup should have begun an hour ago or more.

        Nothing is expected from before a job was made, switched on or given its schedule.
        """
        newest = self._backups.newest_ids('good_of')
        began_at = self._began.of(newest.values())
        known, fresh, late = self._due, {}, set()
        for job_id, planned in self._expected.of().items():
            if planned is None:
                continue
            times = (planned.since, began_at.get(newest.get(job_id, 0)))
            since = max((time for time in times if time), default=now)
            key = planned, since
            fresh[key] = known[key] if key in known else self._next(*key)
            due = fresh[key]
            if due is None or due + GRACE < now:
                late.add(job_id)
        self._due = fresh  # in one step: threads share this
        return late

    def _next(self, planned: Expected, since: datetime) -> datetime | None:
        """Return when the run after that time is due; None if a schedule cannot be read, so that its job never runs."""
        try:
            times = timing.next_runs(planned.schedule, zone_named(planned.timezone, self._zone), since, 1)
        except InvalidInput:
            return None
        return times[0]


def expected(job: Mapping[str, Any]) -> Expected | None:
    """Given a job as stored, return when it is to run; None if it is not planned."""
    if not job.get('enabled') or not job.get('schedule'):
        return None
    times = [time for name in ('created_at', 'planned_since') if (time := moment(job.get(name)))]
    return Expected(job['schedule'], job.get('timezone'), max(times, default=None))


def began(backup: Mapping[str, Any]) -> datetime | None:
    """Given a backup as stored, return when it began."""
    return moment(backup.get('start_time'))


def zone_named(name: str | None, default: ZoneInfo) -> ZoneInfo:
    """Given the name of a time zone, return it; `default` without a name, and for one that this machine does not know any more."""
    try:
        return ZoneInfo(name) if name else default
    except (
        ZoneInfoNotFoundError,
        ValueError,
    ):  # checked when it was saved; the machine's zones may have changed
        return default
