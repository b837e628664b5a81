"""The thread that looks once a second which jobs are due. Keeps their next times in memory; never reads the store."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schedule import Scheduler as Ticker

from plumbus.errors import InvalidInput
from plumbus.scheduling.timing import next_runs

logger = logging.getLogger(__name__)
TICK_S = 1
DEAD_AFTER_S = 60
JUMP = timedelta(seconds=30)
CORRECTION = timedelta(hours=3)  # cron(8): a larger change is a correction of the clock, a smaller one is not


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planned:
    job_id: int
    schedule: str
    zone: ZoneInfo
    due: datetime


class Scheduler:
    """Given `jobs()` (id, schedule and time zone of each that is planned), call `fire(job_id, due)` when one is due.

    `fire` is called in the scheduler's thread. Its `due` lies in the past if the machine slept or the clock was set
    forward; what was missed meanwhile is told once, with the earliest time.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        jobs: Callable[[], Iterable[tuple[int, str, ZoneInfo]]],
        fire: Callable[[int, datetime], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._jobs = jobs
        self._fire = fire
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._plan: dict[int, _Planned] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='scheduler', daemon=True)
        self._last_look = self._look()

    @property
    def alive(self) -> bool:
        """Whether the thread runs and has ticked within the last minute."""
        return self._thread.is_alive() and self._monotonic() - self._last_look[1] < DEAD_AFTER_S

    def start(self) -> None:
        """Plan all jobs and let the thread begin. A job whose schedule cannot be read is logged and left out."""
        for job_id, schedule, zone in self._jobs():
            try:
                self.refresh(job_id, schedule, zone)
            except InvalidInput as error:
                logger.error('Job %d is not planned. %s', job_id, error)
        self._last_look = self._look()
        self._thread.start()

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
            self._plan[job_id] = _Planned(job_id=job_id, schedule=schedule, zone=zone, due=due)

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
        """Fire what is due, each job once, and plan its next time first: a job that raises is pushed on all the same."""
        now = self._notice_the_clock()
        with self._lock:
            due = [planned for planned in self._plan.values() if planned.due <= now]
        for planned in sorted(due, key=lambda each: (each.due, each.job_id)):
            if self._advance(planned, now):
                self._fire_guarded(planned)
            self._last_look = self._look()

    def _advance(self, planned: _Planned, now: datetime) -> bool:
        """Plan the time after `now`, unless an edit came in between: then return False, for the edit has planned it."""
        try:
            due = next_runs(planned.schedule, planned.zone, now, 1)[0]
        except Exception:
            logger.exception(
                'Job %d is not planned any more: its next time cannot be computed.', planned.job_id
            )
            self.forget(planned.job_id)
            return False
        with self._lock:
            if self._plan.get(planned.job_id) is not planned:
                return False
            self._plan[planned.job_id] = _Planned(
                job_id=planned.job_id, schedule=planned.schedule, zone=planned.zone, due=due
            )
        return True

    def _fire_guarded(self, planned: _Planned) -> None:
        try:
            self._fire(planned.job_id, planned.due)
        except Exception:
            logger.exception('Job %d was due at %s but could not be started.', planned.job_id, planned.due)

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
                planned_jobs = list(self._plan.values())
            for planned in planned_jobs:
                self._advance(planned, wall)
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
