"""The scheduler: jobs fire at their minute, each once, through edits, errors and clocks that jump."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from plumbus.errors import InvalidInput
from plumbus.scheduling.scheduler import DueRun, Planned, Scheduler
from plumbus.scheduling.timing import next_runs

BERLIN = ZoneInfo('Europe/Berlin')
ZULU = ZoneInfo('UTC')
Fire = Callable[[Sequence[DueRun]], None]
DEADLINE_S = 60  # tells never from late; what passes waits no longer for it
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class World:
    """A wall clock and a monotonic one, the jobs, and what was fired."""

    def __init__(self) -> None:
        self.now = NOON
        self.uptime = 1000.0
        self.jobs: list[tuple[int, str, ZoneInfo]] = []
        self.fired: list[tuple[int, str]] = []
        self.missed: list[int] = []

    def forward(self, **span: float) -> None:
        """Let time pass, on both clocks."""
        passed = timedelta(**span)
        self.now += passed
        self.uptime += passed.total_seconds()

    def jump(self, **span: float) -> None:
        """Set the wall clock, as NTP or a waking laptop does."""
        self.now += timedelta(**span)

    def fire(self, due: Sequence[DueRun]) -> None:
        self.fired += [(run.job_id, f'{run.time:%d %H:%M}') for run in due]
        self.missed += [run.job_id for run in due if run.missed]

    def planned(self) -> list[Planned]:
        return [Planned(*job) for job in self.jobs]

    def scheduler(self, fire: Fire | None = None) -> Scheduler:
        """A scheduler whose thread never started: the tests tick."""
        scheduler = Scheduler(
            lambda: self.now, self.planned, fire or self.fire, monotonic=lambda: self.uptime
        )
        for job_id, schedule, zone in self.jobs:
            scheduler.refresh(job_id, schedule, zone)
        return scheduler


@pytest.fixture
def world() -> World:
    return World()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, 'the deadline passed'
        threading.Event().wait(0.01)


def test_it_fires_at_the_minute_and_only_once(world: World) -> None:
    world.jobs = [(1, '30 12 * * *', ZULU)]
    scheduler = world.scheduler()
    world.forward(minutes=29, seconds=59)
    scheduler.tick()
    assert world.fired == []
    for _ in range(120):
        world.forward(seconds=1)
        scheduler.tick()
    assert world.fired == [(1, '04 12:30')]
    assert scheduler.next_run(1) == datetime(2026, 3, 5, 12, 30, tzinfo=UTC)


def test_it_reads_each_job_in_its_zone(world: World) -> None:
    world.jobs = [(1, '0 14 * * *', ZULU), (2, '0 14 * * *', BERLIN)]
    scheduler = world.scheduler()
    assert scheduler.next_run(1) == datetime(2026, 3, 4, 14, tzinfo=UTC)
    assert scheduler.next_run(2) == datetime(2026, 3, 4, 13, tzinfo=UTC)
    for _ in range(3):
        world.forward(hours=1)
        scheduler.tick()
    assert world.fired == [(2, '04 13:00'), (1, '04 14:00')]


def test_it_fires_in_the_order_of_the_times(world: World) -> None:
    world.jobs = [(1, '20 12 * * *', ZULU), (3, '10 12 * * *', ZULU), (2, '10 12 * * *', ZULU)]
    scheduler = world.scheduler()
    world.forward(minutes=25)
    scheduler.tick()
    assert world.fired == [(2, '04 12:10'), (3, '04 12:10'), (1, '04 12:20')]


def test_it_fires_every_hour_through_both_clock_changes(world: World) -> None:
    world.jobs = [(1, '0 * * * *', BERLIN), (2, '30 2 * * *', BERLIN)]
    for day in ('2026-03-29', '2026-10-25'):
        world.now = datetime.fromisoformat(day).replace(tzinfo=BERLIN).astimezone(UTC) - timedelta(seconds=1)
        world.fired.clear()
        scheduler = world.scheduler()
        end = datetime.fromisoformat(day).replace(hour=23, minute=59, tzinfo=BERLIN).astimezone(UTC)
        while world.now < end:
            world.forward(seconds=30)
            scheduler.tick()
        hourly = [due for job_id, due in world.fired if job_id == 1]
        assert len(hourly) == len(set(hourly)) == (23 if day == '2026-03-29' else 25)
        assert sum(job_id == 2 for job_id, _ in world.fired) == 1


def test_it_follows_edits(world: World) -> None:
    world.jobs = [(1, '30 12 * * *', ZULU), (2, '30 12 * * *', ZULU), (3, '30 12 * * *', ZULU)]
    scheduler = world.scheduler()
    scheduler.refresh(1, '45 12 * * *', ZULU)
    scheduler.refresh(2, None, ZULU)
    scheduler.forget(3)
    scheduler.forget(99)
    scheduler.refresh(4, '40 12 * * *', ZULU)
    world.forward(hours=1)
    scheduler.tick()
    assert world.fired == [(4, '04 12:40'), (1, '04 12:45')]
    assert scheduler.next_run(2) is scheduler.next_run(3) is scheduler.next_run(99) is None


def test_it_does_not_lose_the_run_of_a_job_edited_in_the_second_it_is_due(world: World) -> None:
    world.jobs = [(1, '30 12 * * *', ZULU)]
    scheduler = world.scheduler()
    world.forward(minutes=30)
    scheduler.refresh(1, '30 12 * * *', ZULU)
    scheduler.tick()
    assert world.fired == [(1, '04 12:30')]


def test_it_refuses_a_schedule_it_cannot_read_and_keeps_the_old_one(world: World) -> None:
    world.jobs = [(1, '30 12 * * *', ZULU)]
    scheduler = world.scheduler()
    with pytest.raises(InvalidInput):
        scheduler.refresh(1, '0 2 30 2 *', ZULU)
    assert scheduler.next_run(1) == datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def test_it_pushes_on_what_cannot_be_started(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def fire(due: Sequence[DueRun]) -> None:
        world.fire(due)
        raise RuntimeError('boom')

    world.jobs = [(1, '30 * * * *', ZULU), (2, '30 * * * *', ZULU)]
    scheduler = world.scheduler(fire)
    for _ in range(2):
        world.forward(minutes=30)
        scheduler.tick()
        scheduler.tick()
    world.forward(minutes=30)
    scheduler.tick()
    assert world.fired == [(1, '04 12:30'), (2, '04 12:30'), (1, '04 13:30'), (2, '04 13:30')]
    assert '2 jobs were due but could not be started.' in caplog.text
    assert 'boom' in caplog.text


def test_one_job_without_a_next_time_keeps_no_other_from_its_run(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.jobs = [(1, '30 12 * * *', ZULU), (2, '30 * * * *', ZULU)]
    scheduler = world.scheduler()

    def broken(schedule: str, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
        if schedule == '30 12 * * *':
            raise RuntimeError('boom')
        return next_runs(schedule, zone, after, count)

    monkeypatch.setattr('plumbus.scheduling.scheduler.next_runs', broken)
    world.forward(minutes=30)
    scheduler.tick()
    assert world.fired == [(2, '04 12:30')]
    assert 'Job 1 is not planned any more' in caplog.text


def test_it_fires_once_what_was_missed_while_the_machine_slept(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.jobs = [(1, '0 * * * *', ZULU), (2, '0 2 * * *', ZULU)]
    scheduler = world.scheduler()
    scheduler.tick()
    world.jump(hours=20)
    scheduler.tick()
    scheduler.tick()
    assert world.fired == [(1, '05 08:00'), (2, '05 02:00')]
    assert world.missed == [2]  # the other one is in time for 8 o'clock
    assert scheduler.next_run(1) == datetime(2026, 3, 5, 9, tzinfo=UTC)
    assert 'The clock jumped by 72000 seconds' in caplog.text


def test_it_runs_nothing_twice_when_the_clock_is_set_back_a_little(world: World) -> None:
    world.jobs = [(1, '55 11 * * *', ZULU), (2, '30 12 * * *', ZULU)]
    scheduler = world.scheduler()
    world.forward(minutes=40)
    scheduler.tick()
    world.jump(hours=-1)
    for _ in range(120):
        world.forward(minutes=1)
        scheduler.tick()
    assert world.fired == [(2, '04 12:30')]


def test_it_plans_anew_when_the_clock_was_days_ahead(world: World) -> None:
    world.jobs = [(1, '30 12 * * *', ZULU)]
    world.now += timedelta(days=400)
    scheduler = world.scheduler()
    world.jump(days=-400)
    scheduler.tick()
    assert scheduler.next_run(1) == datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
    world.forward(minutes=30)
    scheduler.tick()
    assert world.fired == [(1, '04 12:30')]


def test_it_takes_a_slow_tick_for_no_jump(world: World, caplog: pytest.LogCaptureFixture) -> None:
    scheduler = world.scheduler()
    world.forward(minutes=10)
    scheduler.tick()
    assert caplog.text == ''


def test_it_works_out_no_times_while_nothing_is_due_and_those_of_many_jobs_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out = []
    monkeypatch.setattr(
        'plumbus.scheduling.scheduler.next_runs',
        lambda schedule, *given: worked_out.append(schedule) or next_runs(schedule, *given),
    )
    world.jobs = [(job_id, f'{job_id % 60} {job_id % 7 + 13} * * *', BERLIN) for job_id in range(10_000)]
    scheduler = Scheduler(lambda: world.now, world.planned, world.fire, monotonic=lambda: world.uptime)
    scheduler.plan_all()
    assert len(worked_out) == len({schedule for _, schedule, _ in world.jobs}) == 420
    for _ in range(20):
        world.forward(seconds=1)
        scheduler.tick()
    assert (len(worked_out), world.fired) == (420, [])


def test_it_loses_none_of_a_thousand_jobs_of_one_minute(world: World) -> None:
    world.jobs = [(job_id, '30 12 * * *', BERLIN) for job_id in range(1, 1001)]
    world.now -= timedelta(hours=1)
    scheduler = world.scheduler()
    world.forward(minutes=30)
    scheduler.tick()
    assert [job_id for job_id, _ in world.fired] == list(range(1, 1001))


# --- what was missed ---


def missed_since(
    world: World, schedule: str, since: datetime, zone: ZoneInfo = ZULU
) -> list[tuple[int, str]]:
    """What is started by the first two ticks of a PLUMBUS that starts at noon."""
    world.fired.clear()
    scheduler = Scheduler(
        lambda: world.now,
        lambda: [Planned(1, schedule, zone, since)],
        world.fire,
        monotonic=lambda: world.uptime,
    )
    scheduler.plan_all()
    scheduler.tick()
    scheduler.tick()
    return world.fired


@pytest.mark.parametrize(
    ('schedule', 'ago_hours', 'expected'),
    [
        ('0 2 * * *', 11, ['04 02:00']),
        ('0 2 * * *', 9, []),
        ('0 2 * * *', 10, []),  # it was taken care of at that very time
        ('0 2 * * *', 240, ['04 02:00']),
        ('0 * * * *', 240, ['04 12:00']),
        ('59 11 * * *', 1, ['04 11:59']),
        ('0 2 1 * *', 24 * 30, ['01 02:00']),
        ('0 2 1 1 *', 24 * 364, ['01 02:00']),
        ('0 2 29 2 *', 24 * 1000, ['29 02:00']),
        ('0 2 29 2 *', 24 * 100, []),
        ('0 2 * * *', -100, []),  # the clock is behind
    ],
)
def test_what_was_missed_while_plumbus_was_off_runs_once(
    world: World, schedule: str, ago_hours: int, expected: list[str]
) -> None:
    fired = missed_since(world, schedule, NOON - timedelta(hours=ago_hours))
    assert fired == [(1, due) for due in expected]
    late = bool(expected) and expected != ['04 12:00']
    assert world.missed == ([1] if late else [])


def test_what_was_missed_is_seen_in_the_zone_of_the_job(world: World) -> None:
    world.now = datetime(2026, 3, 29, 5, tzinfo=UTC)
    # 02:30 does not come that night in Berlin: its run is that of 03:00, at 01:00 UTC.
    assert missed_since(world, '30 2 * * *', datetime(2026, 3, 29, 0, 59, tzinfo=UTC), BERLIN) == [
        (1, '29 01:00')
    ]
    assert missed_since(world, '30 2 * * *', datetime(2026, 3, 29, 1, tzinfo=UTC), BERLIN) == []
    world.now = datetime(2026, 10, 25, 5, tzinfo=UTC)
    # 02:30 comes twice, at 00:30 and 01:30 UTC: the first one counts.
    assert missed_since(world, '30 2 * * *', datetime(2026, 10, 25, 0, tzinfo=UTC), BERLIN) == [
        (1, '25 00:30')
    ]
    assert missed_since(world, '30 2 * * *', datetime(2026, 10, 25, 1, tzinfo=UTC), BERLIN) == []


def test_a_clock_that_is_set_right_after_the_start_catches_up_once(world: World) -> None:
    """A machine without a battery begins in the past until its time server answers."""
    world.now = NOON - timedelta(days=3)
    world.jobs = [(1, '0 2 * * *', ZULU)]
    scheduler = world.scheduler()
    world.jump(days=3)
    for _ in range(3):
        world.forward(seconds=1)
        scheduler.tick()
    assert (world.fired, world.missed) == ([(1, '04 02:00')], [1])


def test_it_starts_many_with_what_they_missed_fast(world: World) -> None:
    jobs = [
        Planned(number, f'{number % 60} {number % 24} * * *', BERLIN, NOON - timedelta(minutes=number))
        for number in range(10_000)
    ]
    scheduler = Scheduler(lambda: world.now, lambda: jobs, world.fire, monotonic=lambda: world.uptime)
    scheduler.plan_all()
    scheduler.tick()
    assert len(world.fired) == len({job_id for job_id, _ in world.fired}) > 8000


# --- the real thread ---


@pytest.fixture
def running() -> Iterator[list[Scheduler]]:
    started: list[Scheduler] = []
    yield started
    for scheduler in started:
        assert scheduler.stop()
        assert not scheduler.alive


def start(running: list[Scheduler], world: World, fire: Fire) -> Scheduler:
    scheduler = Scheduler(lambda: world.now, world.planned, fire, monotonic=lambda: world.uptime)
    assert not scheduler.alive
    running.append(scheduler)
    scheduler.start()
    return scheduler


def test_it_fires_in_its_own_thread(world: World, running: list[Scheduler]) -> None:
    threads: list[threading.Thread] = []
    world.jobs = [(1, '30 12 * * *', ZULU)]
    scheduler = start(running, world, lambda _due: threads.append(threading.current_thread()))
    assert scheduler.alive
    assert scheduler.next_run(1) == datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
    world.forward(minutes=30)
    until(lambda: threads)
    assert threads[0].name == 'scheduler'
    assert threads[0].daemon


def test_it_starts_with_a_broken_job_in_the_store(
    world: World, running: list[Scheduler], caplog: pytest.LogCaptureFixture
) -> None:
    world.jobs = [(1, 'broken', ZULU), (2, '30 12 * * *', ZULU)]
    with caplog.at_level(logging.ERROR):
        scheduler = start(running, world, world.fire)
    assert scheduler.next_run(1) is None
    assert scheduler.next_run(2) is not None
    assert 'Job 1 is not planned. Please correct schedule: must have five fields' in caplog.text


def test_it_is_not_alive_while_a_job_holds_it_up(world: World, running: list[Scheduler]) -> None:
    held, release = threading.Event(), threading.Event()

    def fire(_due: Sequence[DueRun]) -> None:
        held.set()
        release.wait(DEADLINE_S)

    world.jobs = [(1, '30 12 * * *', ZULU)]
    scheduler = start(running, world, fire)
    world.forward(minutes=30)
    until(held.is_set)
    assert scheduler.alive
    world.forward(seconds=61)
    assert not scheduler.alive
    release.set()
    until(lambda: scheduler.alive)


def test_it_survives_a_clock_that_raises(running: list[Scheduler], caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise OSError('no clock')
        return NOON

    scheduler = Scheduler(clock, list, lambda _due: None)
    running.append(scheduler)
    scheduler.start()
    until(lambda: calls > 4)
    assert scheduler.alive
    assert 'The scheduler stumbled and goes on.' in caplog.text


def test_it_ticks_on_when_local_time_is_set_back(
    running: list[Scheduler], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[datetime] = []

    def clock() -> datetime:
        ticks.append(datetime.now(UTC))
        return ticks[-1]

    had_zone = os.environ.get('TZ')
    monkeypatch.setenv('TZ', 'EAST-5')
    time.tzset()
    try:
        scheduler = Scheduler(clock, list, lambda _due: None)
        running.append(scheduler)
        scheduler.start()
        until(lambda: len(ticks) > 2)
        monkeypatch.setenv('TZ', 'WEST5')
        time.tzset()
        so_far = len(ticks)
        until(lambda: len(ticks) > so_far + 1)
    finally:
        monkeypatch.delenv('TZ') if had_zone is None else monkeypatch.setenv('TZ', had_zone)
        time.tzset()
