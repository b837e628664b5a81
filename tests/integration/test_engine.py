"""The engine as a whole: what waits survives a restart, nothing says that it runs when it does not, jobs start on time."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.errors import Conflict
from plumbus.events import Changed, Event, Logged, Progressed
from plumbus.model import Backup, Status, Trigger
from tests.support.clock import Clock
from tests.support.engines import DEADLINE_S, back_up, job_for, running_engine, settings, until, write
from tests.support.sshd import Sshd


def test_it_starts_a_planned_job_at_its_minute(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    clock = Clock(datetime(2026, 11, 23, 1, 59, 58, tzinfo=UTC))
    engine = Engine(settings(tmp_path / 'data', TZ='UTC'), clock)
    engine.start()
    try:
        job = job_for(engine, sshd, source, schedule='0 2 * * *')
        assert job.next_run == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
        backups = until(lambda: engine.jobs.history(job.id).items, 'the planned backup')
        assert backups[0].trigger is Trigger.SCHEDULE
        assert backups[0].created_at >= job.next_run
        assert engine.backups.wait(backups[0].id, 60).status is Status.COMPLETED
        assert engine.jobs.get(job.id).next_run == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    finally:
        engine.stop()


def test_it_does_not_plan_a_job_that_is_switched_off(engine: Engine, sshd: Sshd, source: Path) -> None:
    job = job_for(engine, sshd, source, schedule='* * * * *')
    assert job.next_run
    assert engine.jobs.update(job.id, {'enabled': False}).next_run is None
    assert engine.jobs.update(job.id, {'enabled': True, 'schedule': None}).next_run is None


def test_it_records_an_interrupted_backup_when_it_stops(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    (source / 'big').write_bytes(os.urandom(20 * 2**20))
    with running_engine(tmp_path / 'data') as engine:
        job = job_for(engine, sshd, source, bandwidth_limit_kib=300)
        backup = engine.jobs.run(job.id)
        until(lambda: (p := engine.backups.get(backup.id).progress) and p.bytes, 'the transfer')
    after = Engine(settings(tmp_path / 'data'))
    assert after.backups.get(backup.id).status is Status.INTERRUPTED
    assert after.backups.get(backup.id).progress is None


def test_it_settles_what_says_that_it_runs_at_the_next_start(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'x', sshd)
    with running_engine(tmp_path / 'data') as engine:
        job = job_for(engine, sshd, source)
        good = back_up(engine, job.id)
        killed = engine.backups.records.add(
            Backup(job_id=job.id, client_id=job.client_id, status=Status.RUNNING, start_time=good.start_time)
        )
        # As after a kill between the snapshot's rename and the last write of its record.
        engine.backups.records.set(good.id, status=Status.RUNNING, backup_path=None, size_bytes=0)

    with running_engine(tmp_path / 'data') as engine:
        assert engine.backups.get(killed.id).status is Status.INTERRUPTED
        found = engine.backups.get(good.id)
        assert (found.status, found.backup_path, found.size_bytes) == (
            Status.COMPLETED,
            good.backup_path,
            good.size_bytes,
        )
        assert [file.name for file in engine.backups.files(good.id, str(source)).files] == ['file']


def test_it_runs_after_a_restart_what_was_queued_before(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    data = tmp_path / 'data'
    with running_engine(data) as engine:
        job = job_for(engine, sshd, source)
        queued = engine.backups.records.add(
            Backup(job_id=job.id, client_id=job.client_id, trigger=Trigger.SCHEDULE)
        )
    with running_engine(data) as engine:
        assert engine.backups.wait(queued.id, 60).status is Status.COMPLETED


def test_it_never_runs_a_job_twice_at_once(engine: Engine, sshd: Sshd, source: Path) -> None:
    (source / 'big').write_bytes(os.urandom(2**20))
    job = job_for(engine, sshd, source, bandwidth_limit_kib=300)
    backup = engine.jobs.run(job.id)
    with pytest.raises(Conflict):
        engine.jobs.run(job.id)
    with pytest.raises(Conflict):
        engine.jobs.delete(job.id)
    engine.backups.cancel(backup.id)
    assert engine.backups.wait(backup.id, DEADLINE_S).status is Status.CANCELLED


def test_it_cancels_what_waits_in_the_queue(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    (source / 'big').write_bytes(os.urandom(10 * 2**20))
    with running_engine(tmp_path / 'data', max_parallel=1) as engine:
        running = engine.jobs.run(job_for(engine, sshd, source, bandwidth_limit_kib=300).id)
        waiting = engine.jobs.run(job_for(engine, sshd, source).id)
        assert engine.backups.cancel(waiting.id).status is Status.CANCELLED
        engine.backups.cancel(running.id)
        engine.backups.wait(running.id, DEADLINE_S)
        with pytest.raises(Conflict):
            engine.backups.cancel(waiting.id)


def test_it_tells_on_the_bus_what_happens(engine: Engine, sshd: Sshd, source: Path) -> None:
    events: list[Event] = []
    engine.events.subscribe(events.append)
    write(source / 'file', 'x', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    until(lambda: events and isinstance(events[-1], Changed), 'the last event')
    assert {type(event) for event in events} == {Changed, Progressed, Logged}
    phases = [event.progress.phase for event in events if isinstance(event, Progressed)]
    assert phases[0] == 'connecting'
    assert {'scanning', 'fetching', 'finishing'} <= set(phases)
    assert all(event.run_id == backup.id for event in events if isinstance(event, Progressed | Logged))


def test_it_deletes_a_backup_with_its_snapshot_and_log(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    first, second = back_up(engine, job.id), back_up(engine, job.id)
    engine.backups.edit(first.id, {'pinned': True})
    with pytest.raises(Conflict):
        engine.backups.delete(first.id)
    engine.backups.edit(first.id, {'pinned': False})
    engine.backups.delete(first.id)
    assert not (engine.settings.data_dir / str(first.backup_path)).exists()
    assert (engine.settings.data_dir / str(second.backup_path) / 'tree').is_dir()
    assert [backup.id for backup in engine.jobs.history(job.id).items] == [second.id]


def test_it_keeps_the_data_of_a_deleted_job_unless_told(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    kept = back_up(engine, job.id)
    engine.jobs.delete(job.id)
    assert (engine.settings.data_dir / str(kept.backup_path) / 'tree').is_dir()
    other = job_for(engine, sshd, source)
    gone = back_up(engine, other.id)
    engine.jobs.delete(other.id, delete_data=True)
    assert not (engine.settings.data_dir / str(gone.backup_path)).exists()


def test_it_counts_what_there_is(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'four', sshd)
    back_up(engine, job_for(engine, sshd, source, schedule='0 2 * * *').id)
    told = engine.system.stats()
    assert (
        told['total_clients'],
        told['total_jobs'],
        told['successful_backups'],
        told['protected_bytes'],
    ) == (1, 1, 1, 4)
    assert told['disk_free_bytes'] > 0
    assert told['overdue_jobs'] == 0
    until(lambda: engine.system.stats()['running'] == 0, 'the worker to be free again')
    engine.system.health()
