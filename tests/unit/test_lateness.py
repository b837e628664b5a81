"""Overdue: which jobs have had no good backup for longer than their schedule and grace allow, since when, and who is told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbus.events import Changed, Event, EventBus, Overdue
from plumbus.model import Backup, Job
from plumbus.services import lateness
from plumbus.services.lateness import Lateness, expected_of
from plumbus.services.watchman import Watchman
from plumbus.store.database import Database
from plumbus.store.documents import Documents

BERLIN = ZoneInfo('Europe/Berlin')
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)  # 01:00 in Berlin
HOUR = timedelta(hours=1)
LONG_S = 60


class World:
    """A store with jobs and backups, and a clock."""

    def __init__(self, folder: Path) -> None:
        database = Database(folder / 'db')
        self.now = MONDAY
        self.waiting: set[int] = set()
        self.jobs = Documents(database, 'jobs', Job, lambda: MONDAY - timedelta(days=30))
        self.backups = Documents(database, 'backups', Backup, lambda: self.now)
        self.lateness = Lateness(self.jobs, self.backups, BERLIN, HOUR, lambda: self.waiting)

    def job(self, schedule: str | None = '0 2 * * *', **fields: Any) -> Job:
        return self.jobs.add(Job(client_id=1, name='home', source_paths=['/'], schedule=schedule, **fields))

    def backup(self, job: Job, begun: datetime, status: str = 'completed', hours: float = 0.5) -> None:
        self.backups.add(
            Backup(client_id=1, job_id=job.id, status=status, start_time=begun, end_time=begun + hours * HOUR)
        )

    def since(self, job: Job) -> datetime | None:
        """The same by both ways."""
        everyone, alone = (
            self.lateness.overdue(self.now),
            self.lateness.of({job.id: expected_of(job)}, self.now),
        )
        assert everyone.get(job.id) == alone.get(job.id)
        return everyone.get(job.id)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_it_is_overdue_when_schedule_and_grace_have_passed(world: World) -> None:
    job = world.job()
    world.backup(job, MONDAY + HOUR)  # 02:00 in Berlin
    world.now = MONDAY + timedelta(days=1, hours=2)
    assert world.since(job) is None
    world.now += timedelta(seconds=1)
    assert world.since(job) == MONDAY + timedelta(days=1, hours=2)
    world.now += timedelta(days=9)
    assert world.since(job) == MONDAY + timedelta(days=1, hours=2)
    world.backup(job, world.now)
    assert world.since(job) is None


@pytest.mark.parametrize(('status', 'good'), [('completed', True), ('warning', True), ('failed', False), ('cancelled', False), ('running', False)])  # fmt: skip
def test_good_backups_alone_count(world: World, status: str, good: bool) -> None:
    job = world.job()
    world.now = MONDAY + timedelta(hours=12)
    world.backup(job, MONDAY + HOUR, status)
    assert (world.since(job) is None) is good


def test_a_job_never_backed_up_is_overdue_after_its_first_time(world: World) -> None:
    job = world.job(planned_since=MONDAY)
    world.now = MONDAY + 2 * HOUR
    assert world.since(job) is None
    world.now += timedelta(minutes=1)
    assert world.since(job) == MONDAY + 2 * HOUR


def test_what_is_off_or_manual_is_never_overdue(world: World) -> None:
    jobs = [world.job(enabled=False), world.job(schedule=None)]
    world.now = MONDAY + timedelta(days=400)
    assert [world.since(job) for job in jobs] == [None, None]


def test_one_that_is_switched_on_again_gets_its_time(world: World) -> None:
    job = world.job(planned_since=MONDAY)
    world.backup(job, MONDAY - timedelta(days=100))
    assert world.since(job) is None


def test_a_job_may_have_a_grace_of_its_own(world: World) -> None:
    patient, strict = world.job(overdue_grace_minutes=24 * 60), world.job(overdue_grace_minutes=0)
    for job in (patient, strict):
        world.backup(job, MONDAY - timedelta(hours=23))
    world.now = MONDAY + HOUR + timedelta(seconds=1)
    assert [world.since(job) for job in (patient, strict)] == [None, MONDAY + HOUR]
    world.now += timedelta(days=1)
    assert world.since(patient) == MONDAY + timedelta(days=1, hours=1)


def test_what_was_due_while_a_long_backup_ran_is_in_it(world: World) -> None:
    job = world.job('0 * * * *')
    world.backup(job, MONDAY, hours=5.5)
    world.now = MONDAY + timedelta(hours=6.9)
    assert world.since(job) is None


def test_one_whose_backup_waits_for_its_time_is_not_overdue(world: World) -> None:
    job = world.job()
    world.now = MONDAY + timedelta(days=2)
    assert world.since(job)
    world.waiting = {job.id}
    assert world.since(job) is None


def test_a_schedule_that_nobody_can_read_is_overdue(world: World) -> None:
    assert world.since(world.job('every day')) is not None


def test_it_is_seen_in_the_zone_of_the_job(world: World) -> None:
    job = world.job(timezone='America/New_York')
    world.backup(job, MONDAY - timedelta(hours=17))  # 02:00 of Sunday over there
    world.now = MONDAY + timedelta(hours=8)
    assert world.since(job) is None
    world.now += timedelta(minutes=1)
    assert world.since(job) == MONDAY + timedelta(hours=8)


def test_who_asks_while_another_looks_at_all_jobs_takes_what_that_one_finds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.job()
    looks: list[str] = []
    begun, go_on = threading.Event(), threading.Event()
    newest = world.backups.newest_ids

    def slowly(column: str) -> dict[Any, int]:
        looks.append(column)
        begun.set()
        go_on.wait(LONG_S)
        return newest(column)

    monkeypatch.setattr(world.backups, 'newest_ids', slowly)
    monkeypatch.setattr(lateness, 'PATIENCE_S', LONG_S)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(world.lateness.overdue, world.now)
        begun.wait(LONG_S)
        second = threads.submit(world.lateness.overdue, world.now)
        go_on.set()
        assert first.result() == second.result()
    assert len(looks) == 1


def test_the_bus_is_told_once_of_each_change(world: World) -> None:
    told: list[Event] = []
    bus = EventBus()
    bus.subscribe(told.append)
    watchman = Watchman(overdue=lambda: world.lateness.overdue(world.now), events=bus)
    job = world.job(planned_since=MONDAY)
    watchman.look()
    assert told == []
    world.now += 3 * HOUR
    watchman.look()
    watchman.look()
    since = MONDAY + 2 * HOUR
    assert told == [Overdue(job_id=job.id, since=since), Changed(noun='job', id=job.id, action='updated')]
    told.clear()
    world.backup(job, world.now)
    watchman.look()
    assert told[0] == Overdue(job_id=job.id, since=None)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just('forward'), st.sampled_from([1, 59, 60, 61, 600, 1440, 4321])),
        st.tuples(st.sampled_from(['good', 'failed', 'off', 'on', 'hourly', 'held']), st.integers(1, 3)),
    ),
    max_size=25,
)


@settings(max_examples=30)
@given(STEPS)
def test_what_it_remembers_is_what_a_fresh_look_finds(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        jobs = [world.job(schedule) for schedule in ('0 2 * * *', '*/30 * * * *', None)]
        for what, number in steps:
            if what == 'forward':
                world.now += timedelta(minutes=number)
            elif what in {'good', 'failed'}:
                world.backup(jobs[number - 1], world.now - HOUR, 'completed' if what == 'good' else what)
            elif what == 'held':
                world.waiting ^= {number}
            else:
                changes = {
                    'off': {'enabled': False},
                    'on': {'enabled': True},
                    'hourly': {'schedule': '0 * * * *'},
                }
                world.jobs.edit(number, changes[what])
            fresh = Lateness(world.jobs, world.backups, BERLIN, HOUR, lambda: world.waiting)
            assert world.lateness.overdue(world.now) == fresh.overdue(world.now)
