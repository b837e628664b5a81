"""The thread that looks once a second which jobs are due. Keeps their next times in memory; never reads the store."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schedule import Scheduler as Ticker

from plumbus.errors import InvalidInput
from plumbus.scheduling.timing import last_run, next_runs

logger = logging.getLogger(__name__)
TICK_S = 1
DEAD_AFTER_S = 60
ON_TIME = timedelta(minutes=1)  # cron counts in minutes: a run that begins within its own is not late
JUMP = timedelta(seconds=30)
CORRECTION = timedelta(hours=3)  # cron(8): a larger change is a correction of the clock, a smaller one is not


class Planned(NamedTuple):
    """A job with its schedule. None of its times up to `since` was missed; without it, none up to now."""

    job_id: int
    schedule: str
    zone: ZoneInfo
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class DueRun:
    """A job that is due, with the latest of its times. `missed`: that was longer ago than a minute."""

    job_id: int
    time: datetime
    missed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    job_id: int
    schedule: str
    zone: ZoneInfo
    due: datetime


class _Times:
    """The times around one moment. Many jobs have the same schedule, so each is computed once."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._next: dict[tuple[str, ZoneInfo], datetime] = {}
        self._last: dict[tuple[str, ZoneInfo], datetime | None] = {}

    def next(self, schedule: str, zone: ZoneInfo) -> datetime:
        """Return the first time after the moment. Raise InvalidInput as next_runs does."""
        if (schedule, zone) not in self._next:
            self._next[schedule, zone] = next_runs(schedule, zone, self._now, 1)[0]
        return self._next[schedule, zone]

    def last(self, schedule: str, zone: ZoneInfo) -> datetime | None:
        """Return the last time up to the moment, None if that was many years ago."""
        if (schedule, zone) not in self._last:
            self._last[schedule, zone] = last_run(schedule, zone, self._now)
        return self._last[schedule, zone]


class Scheduler:
    """Given `jobs()`, all that is planned, call `start(due)` with all that is due at one tick.

    `start` is called in the scheduler's thread. What was missed while PLUMBUS was off or the machine slept, or because the
    clock was set forward, is told once, however many times it was.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        jobs: Callable[[], Iterable[Planned]],
        start: Callable[[Sequence[DueRun]], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._jobs = jobs
        self._start_due = start
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._plan: dict[int, _Entry] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='scheduler', daemon=True)
        self._last_look = self._look()

    @property
    def alive(self) -> bool:
        """Whether the thread runs and has ticked within the last minute."""
        return self._thread.is_alive() and self._monotonic() - self._last_look[1] < DEAD_AFTER_S

    @property
    def lag_s(self) -> float:
        """How late it is: seconds since its last look, but for the one that lies between two of them."""
        return max(0.0, self._monotonic() - self._last_look[1] - TICK_S)

    def start(self) -> None:
        """Plan all jobs and let the thread begin. A job whose schedule cannot be read is logged and left out."""
        self.plan_all()
        self._last_look = self._look()
        self._thread.start()

    def plan_all(self) -> None:
        """Plan all jobs; one that missed a time since PLUMBUS was stopped is due at the next tick."""
        now = self._clock()
        times = _Times(now)
        for job_id, schedule, zone, since in self._jobs():
            try:
                due = times.next(schedule, zone)
                missed = times.last(schedule, zone) if since and since < now else None
            except InvalidInput as error:
                logger.error('Job %d is not planned. %s', job_id, error)
                continue
            if since and missed and missed > since:
                due = missed
            with self._lock:
                self._plan[job_id] = _Entry(job_id=job_id, schedule=schedule, zone=zone, due=due)

    def stop(self, timeout_s: float = 10) -> bool:
        """Ask the thread to end. Return whether it did within `timeout_s` seconds."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def refresh(self, job_id: int, schedule: str | None, zone: ZoneInfo) -> None:
        """Given a job as it is now, plan it; without a schedule forget it. Raise InvalidInput as next_runs does.

        Its next time stays if schedule and zone do: an edit in the second a job is due must not lose the run.
        """
        if schedule is None:
            self.forget(job_id)
            return
        with self._lock:
            planned = self._plan.get(job_id)
        if planned and (planned.schedule, planned.zone) == (schedule, zone):
            return
        due = next_runs(schedule, zone, self._clock(), 1)[0]
        with self._lock:
            self._plan[job_id] = _Entry(job_id=job_id, schedule=schedule, zone=zone, due=due)

    def forget(self, job_id: int) -> None:
        """Given a job that was deleted or switched off, plan it no more."""
        with self._lock:
            self._plan.pop(job_id, None)

    def next_run(self, job_id: int) -> datetime | None:
        """Given a job, return when it is due next (UTC); None if it is not planned."""
        with self._lock:
            planned = self._plan.get(job_id)
        return planned.due if planned else None

    def tick(self) -> None:
        """Start what is due, each job once. Its next time is planned first: what cannot be started is pushed on all the same."""
        now = self._notice_the_clock()
        with self._lock:
            due = [entry for entry in self._plan.values() if entry.due <= now]
        if not due:
            return
        times = _Times(now)
        runs = []
        for entry in sorted(due, key=lambda each: (each.due, each.job_id)):
            if self._advance(entry, times):
                runs.append(_run(entry, times, now))
            self._last_look = self._look()
        try:
            self._start_due(runs)
        except Exception:
            logger.exception('%d jobs were due but could not be started.', len(runs))
        self._last_look = self._look()

    def _advance(self, entry: _Entry, times: _Times) -> bool:
        """Plan the next time, unless an edit came in between: then return False, for the edit has planned it."""
        try:
            due = times.next(entry.schedule, entry.zone)
        except Exception:
            logger.exception(
                'Job %d is not planned any more: its next time cannot be computed.', entry.job_id
            )
            self.forget(entry.job_id)
            return False
        with self._lock:
            if self._plan.get(entry.job_id) is not entry:
                return False
            self._plan[entry.job_id] = replace(entry, due=due)
        return True

    def _notice_the_clock(self) -> datetime:
        """Return the time. When the clock was set back by hours, plan all jobs anew; less would run them twice."""
        (last_wall, last_monotonic), (wall, monotonic) = self._last_look, self._look()
        self._last_look = wall, monotonic
        jump = wall - last_wall - timedelta(seconds=monotonic - last_monotonic)
        if abs(jump) >= JUMP:
            logger.warning(
                'The clock jumped by %d seconds: from %s to %s.', jump.total_seconds(), last_wall, wall
            )
        if jump <= -CORRECTION:
            with self._lock:
                entries = list(self._plan.values())
            times = _Times(wall)
            for entry in entries:
                self._advance(entry, times)
        return wall

    def _look(self) -> tuple[datetime, float]:
        return self._clock(), self._monotonic()

    # --- the thread ---

    def _run(self) -> None:
        ticker = Ticker()
        while not self._stopping.is_set():
            # The ticker counts in local time without a zone: set back (as each autumn), it would sleep for an hour.
            if not ticker.jobs or (ticker.idle_seconds or 0) > 2 * TICK_S:
                ticker.clear()
                ticker.every(TICK_S).seconds.do(self._tick_guarded)
            ticker.run_pending()
            self._stopping.wait(min(max(ticker.idle_seconds or 0, 0.05), TICK_S))

    def _tick_guarded(self) -> None:
        try:
            self.tick()
        except Exception:
            logger.exception('The scheduler stumbled and goes on.')


def _run(entry: _Entry, times: _Times, now: datetime) -> DueRun:
    if now - entry.due < ON_TIME:
        return DueRun(entry.job_id, entry.due)
    latest = max(entry.due, times.last(entry.schedule, entry.zone) or entry.due)
    return DueRun(entry.job_id, latest, missed=now - latest >= ON_TIME)
