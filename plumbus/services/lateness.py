"""Which jobs are overdue: for how long each has had no good backup, by its schedule and a grace."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plumbus.backup.standing import moment
from plumbus.errors import InvalidInput
from plumbus.model import Backup, Job
from plumbus.scheduling import timing
from plumbus.store.derived import Derived
from plumbus.store.documents import Documents

EVER = datetime.min.replace(tzinfo=UTC)
Rhythm = tuple[str, str | None, timedelta]  # schedule, time zone, grace
Span = tuple[datetime, datetime]
ENDED_AT = ('end_time', 'start_time')


@dataclass(frozen=True, slots=True)
class Expected:
    """When a job is to run, since when if it never ran well, and how long after that it is overdue."""

    schedule: str
    timezone: str | None
    since: datetime | None
    grace: timedelta | None


class Lateness:
    """Works out anew only what changed: a job, or which backup of it is the last good one.

    `grace` goes for jobs that name none. `waiting` tells of which jobs a backup waits for its time: for a client that is not
    there, or for the end of quiet hours. Those are not overdue.
    """

    def __init__(
        self,
        jobs: Documents[Job],
        backups: Documents[Backup],
        zone: ZoneInfo,
        grace: timedelta = timedelta(hours=1),
        waiting: Callable[[], Collection[int]] = lambda: (),
    ) -> None:
        self._backups = backups
        self._zone = zone
        self._grace = grace
        self._waiting = waiting
        self._expected = Derived(jobs, expectation)
        self._ended = Derived(backups, ended)
        self._due: dict[tuple[Expected, datetime], datetime | None] = {}
        self._spans: dict[Rhythm, Span] = {}

    def overdue(self, now: datetime) -> dict[int, datetime]:
        """Return the ids of the enabled jobs whose next run after their last good backup should have begun a grace ago or more,
        each with the time since when it is overdue.

        Nothing is expected from before a job was made, switched on or given its schedule.
        """
        newest = self._backups.newest_ids('good_of')
        ended_at = self._ended.of(newest.values())
        known, fresh, late = self._due, {}, {}
        waiting, expected = self._waiting(), self._expected.of()
        if len(self._spans) > 2 * len(expected):
            self._spans = {}  # many are of schedules that nobody has any more
        for job_id, planned in expected.items():
            if planned is None:
                continue
            key = planned, _since(planned, ended_at.get(newest.get(job_id, 0)), now)
            if self._nothing_missed(*key, now):
                continue
            fresh[key] = known[key] if key in known else self._next(*key)
            since = self._overdue_since(planned, fresh[key])
            if since < now and job_id not in waiting:
                late[job_id] = max(since, planned.since or since)
        self._due = fresh  # in one step: threads share this
        return late

    def of(self, jobs: Mapping[int, Expected | None], now: datetime) -> dict[int, datetime]:
        """As `overdue`, for a few jobs, given with what is expected of them."""
        planned = {job_id: one for job_id, one in jobs.items() if one}
        good = self._backups.newest_of_each('good_of', ENDED_AT, list(planned)) if planned else {}
        waiting, known, late = self._waiting() if planned else (), self._due, {}
        for job_id, one in planned.items():
            key = one, _since(one, ended(good.get(job_id, {})), now)
            if self._nothing_missed(*key, now):
                continue
            since = self._overdue_since(one, known[key] if key in known else self._next(*key))
            if since < now and job_id not in waiting:
                late[job_id] = max(since, one.since or since)
        return late

    def _overdue_since(self, planned: Expected, due: datetime | None) -> datetime:
        if due is None:
            return planned.since or EVER
        return due + (self._grace if planned.grace is None else planned.grace)

    def _nothing_missed(self, planned: Expected, since: datetime, now: datetime) -> bool:
        """Whether no run was due between that time and a grace ago: told without a look at the times of each single job."""
        rhythm = planned.schedule, planned.timezone, self._grace if planned.grace is None else planned.grace
        until = now - rhythm[2]
        known = self._spans.get(rhythm)
        if known is None or not known[0] <= until < known[1]:
            try:
                known = self._spans[rhythm] = _span(
                    planned.schedule, zone_named(planned.timezone, self._zone), until
                )
            except InvalidInput:
                return False
        return since >= known[0]

    def _next(self, planned: Expected, since: datetime) -> datetime | None:
        """Return when the run after that time is due; None if a schedule cannot be read, so that its job never runs."""
        try:
            times = timing.next_runs(planned.schedule, zone_named(planned.timezone, self._zone), since, 1)
        except InvalidInput:
            return None
        return times[0]


def expectation(job: Mapping[str, Any]) -> Expected | None:
    """Given a job as stored, return when it is to run; None if it is not planned."""
    if not job.get('enabled') or not job.get('schedule'):
        return None
    times = [time for name in ('created_at', 'planned_since') if (time := moment(job.get(name)))]
    minutes = job.get('overdue_grace_minutes')
    grace = None if minutes is None else timedelta(minutes=minutes)
    return Expected(job['schedule'], job.get('timezone'), max(times, default=None), grace)


def expected_of(job: Job) -> Expected | None:
    """Given a job, return when it is to run; None if it is not planned."""
    if not job.enabled or not job.schedule:
        return None
    times = [time for time in (job.created_at, job.planned_since) if time]
    minutes = job.overdue_grace_minutes
    grace = None if minutes is None else timedelta(minutes=minutes)
    return Expected(job.schedule, job.timezone, max(times, default=None), grace)


def ended(backup: Mapping[str, Any]) -> datetime | None:
    """Given a backup as stored, return when it ended: what was due while it ran is in it."""
    return moment(backup.get('end_time') or backup.get('start_time'))


def _since(planned: Expected, good: datetime | None, now: datetime) -> datetime:
    return max((time for time in (planned.since, good) if time), default=now)


def _span(schedule: str, zone: ZoneInfo, moment: datetime) -> Span:
    """Return the last time of a schedule up to a moment, and the next one."""
    last = timing.last_run(schedule, zone, moment)
    return last or EVER, timing.next_runs(schedule, zone, moment, 1)[0]


def zone_named(name: str | None, default: ZoneInfo) -> ZoneInfo:
    """Given the name of a time zone, return it; `default` without a name, and for one that this machine does not know any more."""
    try:
        return ZoneInfo(name) if name else default
    except (
        ZoneInfoNotFoundError,
        ValueError,
    ):  # checked when it was saved; the machine's zones may have changed
        return default
