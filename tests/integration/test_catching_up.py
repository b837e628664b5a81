"""What was missed while PLUMBUS was off runs once, and nothing else does; what is due together is queued together."""

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plumbus.errors import StoreError
from plumbus.model import Backup, Status, Trigger
from plumbus.scheduling.scheduler import DueRun
from tests.support.clock import Clock
from tests.support.engines import running_engine, until
from tests.support.fake_engine import ScriptedEngine

EVENING = datetime(2026, 11, 22, 20, tzinfo=UTC)
DAYS_LATER = datetime(2026, 11, 25, 10, tzinfo=UTC)
NIGHTLY = '0 2 * * *'


@pytest.fixture
def clock() -> Clock:
    return Clock(EVENING)


@pytest.fixture
def plumbus(tmp_path: Path, clock: Clock) -> Callable[[], Any]:
    """Each call is PLUMBUS from its start to its end, always on the same data folder."""
    return partial(running_engine, tmp_path / 'data', clock, ScriptedEngine, TZ='UTC', verify_share=0)


def add_job(engine: ScriptedEngine, **fields: object) -> int:
    clients = engine.clients.all()
    client = (
        clients[0] if clients else engine.clients.create({'name': 'pi', 'host': 'pi.local', 'username': 'pi'})
    )
    wanted: Mapping[str, object] = {'client_id': client.id, 'name': 'home', 'source_paths': ['/home']}
    return engine.jobs.create({**wanted, 'schedule': NIGHTLY, **fields}).id


def runs(engine: ScriptedEngine, job_id: int) -> list[Backup]:
    return list(engine.jobs.history(job_id).items)


def ended(engine: ScriptedEngine, job_id: int) -> Backup:
    newest = until(lambda: runs(engine, job_id), 'a backup')[0]
    return engine.backups.wait(newest.id, 60)


def none_came(engine: ScriptedEngine, job_id: int) -> bool:
    """Another job that did miss its time is started in the same tick: when it is there, so would be this one."""
    until(lambda: any(run.trigger is Trigger.CATCH_UP for run in engine.backups.page().items), 'a tick')
    return not runs(engine, job_id)


def test_three_missed_nights_run_once(plumbus: Callable[[], Any], clock: Clock) -> None:
    with plumbus() as engine:
        job_id = add_job(engine)
    clock.set(DAYS_LATER)
    with plumbus() as engine:
        backup = ended(engine, job_id)
        assert (backup.trigger, backup.status) == (Trigger.CATCH_UP, Status.COMPLETED)
        assert engine.jobs.get(job_id).next_run == datetime(2026, 11, 26, 2, tzinfo=UTC)
        engine._scheduler.tick()
    with plumbus() as engine:
        engine._scheduler.tick()
        assert [run.id for run in runs(engine, job_id)] == [backup.id]


def test_what_does_not_catch_up_or_was_not_planned_then_does_not_run(
    plumbus: Callable[[], Any], clock: Clock
) -> None:
    with plumbus() as engine:
        add_job(engine, name='witness')
        unwilling = add_job(engine, catch_up=False)
        manual = add_job(engine, schedule=None)
        off = add_job(engine, enabled=False)
    clock.set(DAYS_LATER)
    with plumbus() as engine:
        assert none_came(engine, unwilling)
        assert none_came(engine, manual)
        assert none_came(engine, off)
        assert engine.jobs.get(unwilling).next_run == datetime(2026, 11, 26, 2, tzinfo=UTC)


@pytest.mark.parametrize('change', [{'enabled': True}, {'schedule': '0 3 * * *'}, {'timezone': 'Asia/Tokyo'}])
def test_nothing_is_missed_before_a_job_was_made_switched_on_or_planned_like_this(
    plumbus: Callable[[], Any], clock: Clock, change: dict[str, object]
) -> None:
    with plumbus() as engine:
        add_job(engine, name='witness')
        job_id = add_job(engine, enabled='enabled' not in change)
    clock.set(DAYS_LATER)
    with plumbus() as engine:
        engine._scheduler.stop()
        [engine.backups.cancel(run.id) for run in runs(engine, job_id) if not run.status.finished]
        engine.jobs.update(job_id, change)
        new = add_job(engine, name='new')
        known = len(runs(engine, job_id))
    clock.forward(timedelta(hours=1))
    with plumbus() as engine:
        until(lambda: engine.jobs.get(1).last_status == 'completed', 'the catching up of the witness')
        engine._scheduler.tick()
        assert len(runs(engine, job_id)) == known
        assert runs(engine, new) == []


def test_an_edit_of_anything_else_costs_no_run(plumbus: Callable[[], Any], clock: Clock) -> None:
    with plumbus() as engine:
        job_id = add_job(engine)
    clock.set(DAYS_LATER)
    with plumbus() as engine:
        engine._scheduler.stop()
        [engine.backups.delete(ended(engine, job_id).id) for _ in runs(engine, job_id)]
        engine.jobs.update(job_id, {'name': 'another name', 'bandwidth_limit_kib': 100})
    with plumbus() as engine:
        assert ended(engine, job_id).trigger is Trigger.CATCH_UP


def test_what_was_cut_off_is_missed_but_once_only(plumbus: Callable[[], Any], clock: Clock) -> None:
    with plumbus() as engine:
        job_id = add_job(engine)
        engine.release.clear()
        clock.set(datetime(2026, 11, 23, 1, 59, 59, tzinfo=UTC))
        engine.halfway.wait(60)
    clock.set(datetime(2026, 11, 23, 9, tzinfo=UTC))
    assert_history = [('interrupted', 'schedule')]
    with plumbus() as engine:
        engine.release.clear()
        engine.halfway.wait(60)
        assert [(run.status, run.trigger) for run in runs(engine, job_id)][1:] == assert_history
    clock.forward(timedelta(hours=1))
    with plumbus() as engine:
        engine._scheduler.tick()
        found = [(run.status, run.trigger) for run in runs(engine, job_id)]
        assert found == [('interrupted', 'catch-up'), *assert_history]


def test_a_machine_that_slept_catches_up(plumbus: Callable[[], Any], clock: Clock) -> None:
    with plumbus() as engine:
        job_id, unwilling = add_job(engine), add_job(engine, catch_up=False)
        clock.set(DAYS_LATER)
        assert ended(engine, job_id).trigger is Trigger.CATCH_UP
        assert none_came(engine, unwilling)


def test_a_thousand_jobs_of_one_minute_are_queued_in_one_write(
    plumbus: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    with plumbus() as engine:
        engine._scheduler.stop()
        engine.release.clear()
        first = engine.jobs.jobs.get(add_job(engine))
        engine.jobs.jobs.add_all([first.model_copy(update={'id': 0, 'name': f'job {n}'}) for n in range(999)])

        def fsync(handle: int) -> None:
            synced.append(handle)
            real(handle)

        monkeypatch.setattr(os, 'fsync', fsync)
        due = [DueRun(job.id, EVENING) for job in engine.jobs.jobs.all()]
        engine._due.start(due)
        assert len(synced) < 30  # what starts at once writes as well
        monkeypatch.undo()
        backups = engine.backups.page(limit=2000).items
        assert len(backups) == len({backup.job_id for backup in backups}) == 1000
        assert {backup.trigger for backup in backups} == {Trigger.SCHEDULE}
        places = sorted(backup.queue_position for backup in backups if backup.queue_position)
        assert places == list(range(1, len(places) + 1))
        assert len(places) >= 1000 - engine.settings.max_parallel
        engine._due.start(due)
        assert engine.backups.records.count() == 1000  # never two of one job
    with plumbus() as engine:
        assert engine.backups.records.count() == 1000
        assert engine.backups.page(status='interrupted').total <= engine.settings.max_parallel


def test_one_job_that_cannot_be_queued_keeps_no_other_up(
    plumbus: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with plumbus() as engine:
        good, bad = add_job(engine), add_job(engine, name='bad')
        real = type(engine.backups.records).add_all

        def add_all(self: Any, items: list[Backup]) -> list[Backup]:
            if any(item.job_name == 'bad' for item in items):
                raise StoreError('The disk has a bad day.')
            return real(self, items)

        monkeypatch.setattr(type(engine.backups.records), 'add_all', add_all)
        with caplog.at_level(logging.ERROR):
            engine._due.start([DueRun(bad, EVENING), DueRun(good, EVENING), DueRun(99, EVENING)])
        assert ended(engine, good).status is Status.COMPLETED
        assert runs(engine, bad) == []
        assert f'Job {bad} was due but could not be started.' in caplog.text
