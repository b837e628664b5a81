"""Which jobs are overdue: for how long each has had no good backup, by its schedule and a grace."""

import threading
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

EVER = datetime.min.replace(tzinfo=UTC) + timedelta(days=366)  # graces can be added and taken away
NEVER = datetime.max.replace(tzinfo=UTC) - timedelta(days=366)
Rhythm = tuple[str, str | None, timedelta]  # schedule, time zone, grace
Span = tuple[datetime, datetime]  # a run, and a grace after the one that follows it
PATIENCE_S = 0.5  # with another thread that looks at all jobs, before the same is done twice
ENDED_AT = ('end_time', 'start_time')


@dataclass(frozen=True, slots=True)
class Expected:
    """When a job is to run, since when if it never ran well, and how long after that it is overdue."""

    schedule: str
    timezone: str | None
    since: datetime | None
    grace: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """Which jobs are overdue from `since` to `until`, unless jobs or backups are changed: then `states` are others."""

    states: tuple[object, object]
    late: dict[int, datetime]
    since: datetime
    until: datetime


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
        self._jobs, self._backups = jobs, backups
        self._zone = zone
        self._grace = grace
        self._waiting = waiting
        self._expected = Derived(jobs, expectation)
        self._ended = Derived(backups, ended)
        self._due: dict[tuple[Expected, datetime], datetime | None] = {}
        self._spans: dict[Rhythm, Span] = {}
        self._known = Looked(states=(None, None), late={}, since=NEVER, until=EVER)
        self._looking = threading.Lock()

    def overdue(self, now: datetime) -> dict[int, datetime]:
        """Return the ids of the enabled jobs whose next run after their last good backup should have begun a grace ago or more,
        each with the time since when it is overdue.

        Nothing is expected from before a job was made, switched on or given its schedule.
        """
        known = self._still_known(now)
        if known is None:
            looks_alone = self._looking.acquire(timeout=PATIENCE_S)
            try:
                known = self._still_known(now) or self._looked_at_all(now)
            finally:
                if looks_alone:
                    self._looking.release()
        waiting = self._waiting() if known.late else ()
        return {job_id: since for job_id, since in known.late.items() if job_id not in waiting}

    def _still_known(self, now: datetime) -> Looked | None:
        known, jobs, backups = self._known, self._jobs.state(), self._backups.state()
        same = known.states[0] is jobs and known.states[1] is backups
        return known if same and known.since <= now < known.until else None

    def _looked_at_all(self, now: datetime) -> Looked:
        states = self._jobs.state(), self._backups.state()
        newest = self._backups.newest_ids('good_of')
        ended_at, expected = self._ended.of(newest.values()), self._expected.of()
        due, fresh, late, until = self._due, {}, {}, NEVER
        if len(self._spans) > 2 * len(expected):
            self._spans = {}  # many are of schedules that nobody has any more
        for job_id, planned in expected.items():
            if planned is None:
                continue
            key = planned, _since(planned, ended_at.get(newest.get(job_id, 0)), now)
            last, following = self._span(planned, now)
            if key[1] >= last:
                until = min(until, following)
                continue
            fresh[key] = due[key] if key in due else self._next(*key)
            since = self._overdue_since(planned, fresh[key])
            if since < now:
                late[job_id] = max(since, planned.since or since)
            else:
                until = min(until, since)
        self._due = fresh  # in one step: threads share this
        self._known = Looked(states=states, late=late, since=now, until=until)
        return self._known

    def of(self, jobs: Mapping[int, Expected | None], now: datetime) -> dict[int, datetime]:
        """As `overdue`, for a few jobs, given with what is expected of them."""
        planned = {job_id: one for job_id, one in jobs.items() if one}
        good = self._backups.newest_of_each('good_of', ENDED_AT, list(planned)) if planned else {}
        waiting, known, late = self._waiting() if planned else (), self._due, {}
        for job_id, one in planned.items():
            key = one, _since(one, ended(good.get(job_id, {})), now)
            if key[1] >= self._span(one, now)[0]:
                continue
            since = self._overdue_since(one, known[key] if key in known else self._next(*key))
            if since < now and job_id not in waiting:
                late[job_id] = max(since, one.since or since)
        return late

    def _overdue_since(self, planned: Expected, due: datetime | None) -> datetime:
        if due is None:
            return planned.since or EVER
        return due + (self._grace if planned.grace is None else planned.grace)

    def _span(self, planned: Expected, now: datetime) -> Span:
        """Return since when, and until when, nothing was due that a grace has passed of: told without a look at each job.

        A schedule that cannot be read is looked at each time.
        """
        rhythm = planned.schedule, planned.timezone, self._grace if planned.grace is None else planned.grace
        known = self._spans.get(rhythm)
        if known is None or not known[0] + rhythm[2] <= now < known[1]:
            try:
                zone = zone_named(planned.timezone, self._zone)
                known = self._spans[rhythm] = _span(planned.schedule, zone, now - rhythm[2], rhythm[2])
            except InvalidInput:
                return NEVER, now
        return known

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


def _span(schedule: str, zone: ZoneInfo, moment: datetime, grace: timedelta) -> Span:
    last = timing.last_run(schedule, zone, moment)
    return last or EVER, timing.next_runs(schedule, zone, moment, 1)[0] + grace


def zone_named(name: str | None, default: ZoneInfo) -> ZoneInfo:
    """Given the name of a time zone, return it; `default` without a name, and for one that this machine does not know any more."""
    try:
        return ZoneInfo(name) if name else default
    except (
        ZoneInfoNotFoundError,
        ValueError,
    ):  # checked when it was saved; the machine's zones may have changed
        return default
