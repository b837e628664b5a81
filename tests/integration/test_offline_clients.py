"""A client that is not there is waited for without holding anything up, and comes to its backup when it is back."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plumbus.engine import Engine
from plumbus.errors import NotFound
from plumbus.model import Backup, Status, Trigger
from plumbus.scheduling.scheduler import DueRun
from tests.support.clock import Clock
from tests.support.engines import add_client, copy_of, job_for, running_engine, until, write
from tests.support.sshd import Sshd

NIGHT = datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock(NIGHT)


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port at which nobody listens, nor anybody will."""
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        yield held.getsockname()[1]


@pytest.fixture
def plumbus(tmp_path: Path, clock: Clock) -> Callable[[], Any]:
    return partial(running_engine, tmp_path / 'data', clock, TZ='UTC', max_parallel=1, verify_share=0)


def offline_job(engine: Engine, sshd: Sshd, source: Path, nobody: int, **fields: object) -> int:
    client = add_client(engine, sshd)
    assert engine.clients.test(client.id).success
    engine.clients.update(client.id, {'port': nobody})
    write(source / 'file', 'x', sshd)
    return job_for(engine, sshd, source, schedule='0 2 * * *', **fields).id


def planned_run(engine: Engine, job_id: int) -> Backup:
    engine._due.start([DueRun(job_id, NIGHT)])
    return engine.jobs.history(job_id).items[0]


def waiting(engine: Engine, backup_id: int, tries: int = 1) -> Backup:
    def look() -> Backup | None:
        backup = engine.backups.get(backup_id)
        assert not backup.status.finished, backup.error_message
        waits = backup.status is Status.QUEUED and backup.tries == tries
        return backup if waits and not engine._queue.running() else None

    found: Backup = until(look, f'try {tries}')
    return found


def pass_time(engine: Engine, clock: Clock, backup: Backup) -> None:
    assert backup.next_try
    clock.set(backup.next_try + timedelta(seconds=1))
    engine._queue.wake()


def test_it_waits_without_a_worker_and_runs_when_the_client_is_back(
    plumbus: Callable[[], Any], clock: Clock, sshd: Sshd, source: Path, nobody: int
) -> None:
    with plumbus() as engine:
        job_id = offline_job(engine, sshd, source, nobody)
        backup = waiting(engine, planned_run(engine, job_id).id)
        assert backup.queued_reason == (
            f'127.0.0.1 is there, but nothing listens on its port {nobody}. Next try at 02:01, the last one at 06:00.'
        )
        assert (backup.queue_position, backup.error_message, backup.start_time) == (None, None, None)
        assert engine.jobs.get(job_id).last_status == 'queued'
        assert engine.system.stats()['failed_backups'] == 0
        other = job_for(engine, sshd, source, name='another one')  # the only worker is free
        assert engine.backups.wait(engine.jobs.run(other.id).id, 60).status is Status.FAILED
        assert engine.backups.get(backup.id).status is Status.QUEUED

        pass_time(engine, clock, backup)
        again = waiting(engine, backup.id, tries=2)
        assert again.next_try - clock() > timedelta(seconds=90)

        engine.clients.update(1, {'port': sshd.port})
        pass_time(engine, clock, again)
        ended = engine.backups.wait(backup.id, 60)
        assert (ended.status, ended.trigger, ended.tries) == (Status.COMPLETED, Trigger.SCHEDULE, 2)
        assert (ended.queued_reason, ended.next_try) == (None, None)
        assert (copy_of(engine, ended, source) / 'file').read_text() == 'x'
        log = b''.join(engine.backups.log(backup.id)).decode()
        assert log.count('Next try at') == 2


def test_at_the_end_of_the_window_it_is_a_failure(
    plumbus: Callable[[], Any], clock: Clock, sshd: Sshd, source: Path, nobody: int
) -> None:
    with plumbus() as engine:
        job_id = offline_job(engine, sshd, source, nobody, retry_window_minutes=2)
        backup = waiting(engine, planned_run(engine, job_id).id)
        pass_time(engine, clock, backup)
        pass_time(engine, clock, waiting(engine, backup.id, tries=2))
        ended = engine.backups.wait(backup.id, 60)
        assert (ended.status, ended.cause) == (Status.FAILED, 'refused')
        assert clock() >= NIGHT + timedelta(minutes=2)


def test_it_waits_on_after_a_restart(
    plumbus: Callable[[], Any], clock: Clock, sshd: Sshd, source: Path, nobody: int
) -> None:
    with plumbus() as engine:
        backup = waiting(engine, planned_run(engine, offline_job(engine, sshd, source, nobody)).id)
    with plumbus() as engine:
        still = waiting(engine, backup.id)
        assert (still.next_try, still.queued_reason) == (backup.next_try, backup.queued_reason)
        engine.clients.update(1, {'port': sshd.port})
        pass_time(engine, clock, still)
        assert engine.backups.wait(backup.id, 60).status is Status.COMPLETED
        assert engine.backups.records.count() == 1


def test_it_can_be_cancelled_while_it_waits(
    plumbus: Callable[[], Any], sshd: Sshd, source: Path, nobody: int
) -> None:
    with plumbus() as engine:
        job_id = offline_job(engine, sshd, source, nobody)
        backup = waiting(engine, planned_run(engine, job_id).id)
        assert engine.backups.cancel(backup.id).status is Status.CANCELLED
        assert engine._queue.tickets() == []
        engine.jobs.delete(job_id)
        with pytest.raises(NotFound):
            engine.backups.get(backup.id)


def test_a_clock_that_is_set_back_does_not_make_it_wait_for_ever(
    plumbus: Callable[[], Any], clock: Clock, sshd: Sshd, source: Path, nobody: int
) -> None:
    with plumbus() as engine:
        backup = waiting(engine, planned_run(engine, offline_job(engine, sshd, source, nobody)).id)
        engine.clients.update(1, {'port': sshd.port})
        clock.set(NIGHT - timedelta(days=30))
        engine._queue.wake()
        assert engine.backups.wait(backup.id, 60).status is Status.COMPLETED
