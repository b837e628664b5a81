"""Quiet hours: planned runs wait for their end, running ones are paused or slowed down, and nothing that has come is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plumbus.engine import Engine
from plumbus.errors import InvalidInput
from plumbus.model import Backup, Status, Trigger
from plumbus.scheduling.scheduler import DueRun
from tests.support.clock import Clock
from tests.support.engines import copy_of, differences, job_for, running_engine, until, write
from tests.support.sshd import Sshd

EVENING = datetime(2026, 11, 22, 21, 50, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 6, 1, tzinfo=UTC)
NIGHT = '22:00-06:00'


@pytest.fixture
def clock() -> Clock:
    return Clock(EVENING)


@pytest.fixture
def plumbus(tmp_path: Path, clock: Clock) -> Callable[..., Any]:
    return partial(running_engine, tmp_path / 'data', clock, TZ='UTC', verify_share=0)


def planned(engine: Engine, job_id: int) -> Backup:
    engine._due.start([DueRun(job_id, EVENING)])
    return engine.jobs.history(job_id).items[0]


def in_status(engine: Engine, backup_id: int, status: Status) -> Backup:
    def look() -> Backup | None:
        backup = engine.backups.get(backup_id)
        return backup if backup.status is status else None

    found: Backup = until(look, f'backup {backup_id} {status}')
    return found


def moving(engine: Engine, backup_id: int) -> None:
    """Wait until bytes of it come."""

    def look() -> bool:
        progress = engine.backups.get(backup_id).progress
        return bool(progress and progress.phase == 'fetching' and progress.bytes)

    until(look, 'the first bytes')


def set_time(engine: Engine, clock: Clock, moment: datetime) -> None:
    clock.set(moment)
    engine._runners.backup.look_at_paces()
    engine._queue.wake()


@pytest.mark.parametrize('everywhere', [False, True])
def test_what_is_planned_waits_and_what_a_person_wants_does_not(
    plumbus: Callable[..., Any], clock: Clock, sshd: Sshd, source: Path, everywhere: bool
) -> None:
    write(source / 'file', 'x', sshd)
    with plumbus(quiet_hours=NIGHT if everywhere else None) as engine:
        job = job_for(engine, sshd, source, schedule='0 23 * * *', quiet_hours=None if everywhere else NIGHT)
        clock.set(MIDNIGHT)
        waiting = planned(engine, job.id)
        told = engine.backups.get(waiting.id)
        assert (told.status, told.queue_position) == (Status.QUEUED, None)
        assert told.queued_reason == 'Quiet hours until 06:00.'
        other = job_for(engine, sshd, source, name='now')
        assert engine.backups.wait(engine.jobs.run(other.id).id, 60).status is Status.COMPLETED
        assert engine.backups.get(waiting.id).status is Status.QUEUED
    with plumbus(quiet_hours=NIGHT if everywhere else None) as engine:  # it waits on after a restart
        assert engine.backups.get(waiting.id).queued_reason == 'Quiet hours until 06:00.'
        set_time(engine, clock, MORNING)
        ended = engine.backups.wait(waiting.id, 60)
        assert (ended.status, ended.trigger) == (Status.COMPLETED, Trigger.SCHEDULE)


def test_an_edit_of_the_hours_has_its_effect_at_once(
    plumbus: Callable[..., Any], clock: Clock, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'x', sshd)
    with plumbus() as engine:
        job = job_for(engine, sshd, source, schedule='0 23 * * *', quiet_hours=NIGHT)
        clock.set(MIDNIGHT)
        waiting = planned(engine, job.id)
        engine.jobs.update(job.id, {'quiet_hours': None})
        assert engine.backups.wait(waiting.id, 60).status is Status.COMPLETED


def test_a_run_is_paused_and_goes_on_from_what_has_come(
    plumbus: Callable[..., Any], clock: Clock, sshd: Sshd, source: Path
) -> None:
    for number in range(40):
        write(source / f'{number:02}.bin', chr(65 + number % 26) * 50_000, sshd)
    with plumbus() as engine:
        fields = {'quiet_hours': NIGHT, 'quiet_action': 'pause', 'bandwidth_limit_kib': 300}
        job = job_for(engine, sshd, source, schedule='0 21 * * *', **fields)
        backup = planned(engine, job.id)
        moving(engine, backup.id)
        set_time(engine, clock, MIDNIGHT)
        paused = in_status(engine, backup.id, Status.QUEUED)
        until(lambda: not engine._queue.running(), 'a free worker')
        assert paused.error_message is None
        assert engine.backups.get(backup.id).queued_reason == 'Quiet hours until 06:00.'
        engine.jobs.update(job.id, {'bandwidth_limit_kib': 0})
        set_time(engine, clock, MORNING)
        ended = engine.backups.wait(backup.id, 60)
        assert ended.status is Status.COMPLETED
        assert ended.transferred_bytes < 40 * 50_000
        assert differences(source, copy_of(engine, ended, source)) == ''
        assert 'quiet hours have begun' in b''.join(engine.backups.log(backup.id)).decode()


def test_a_run_is_slowed_down_and_let_go_again(
    plumbus: Callable[..., Any], clock: Clock, sshd: Sshd, source: Path
) -> None:
    for number in range(40):
        write(source / f'{number:02}.bin', chr(65 + number % 26) * 50_000, sshd)
    with plumbus() as engine:
        fields = {
            'quiet_hours': NIGHT,
            'quiet_action': 'limit',
            'quiet_limit_kib': 50,
            'bandwidth_limit_kib': 300,
        }
        job = job_for(engine, sshd, source, schedule='0 21 * * *', **fields)
        backup = planned(engine, job.id)
        moving(engine, backup.id)
        set_time(engine, clock, MIDNIGHT)
        log = until(
            lambda: _log_with(engine, backup.id, 'stopped, to go on at another pace'), 'the slower pace'
        )
        assert engine.backups.get(backup.id).status is Status.RUNNING
        moving(engine, backup.id)
        engine.jobs.update(job.id, {'bandwidth_limit_kib': 0})
        set_time(engine, clock, MORNING)
        ended = engine.backups.wait(backup.id, 60)
        assert ended.status is Status.COMPLETED
        assert differences(source, copy_of(engine, ended, source)) == ''
        assert log


def test_it_can_be_cancelled_while_it_is_paused_or_slow(
    plumbus: Callable[..., Any], clock: Clock, sshd: Sshd, source: Path
) -> None:
    for number in range(40):
        write(source / f'{number:02}.bin', 'x' * 50_000, sshd)
    with plumbus() as engine:
        job = job_for(
            engine,
            sshd,
            source,
            schedule='0 21 * * *',
            quiet_hours=NIGHT,
            quiet_action='pause',
            bandwidth_limit_kib=300,
        )
        backup = planned(engine, job.id)
        moving(engine, backup.id)
        set_time(engine, clock, MIDNIGHT)
        in_status(engine, backup.id, Status.QUEUED)
        assert engine.backups.cancel(backup.id).status in {Status.CANCELLED, Status.QUEUED}
        assert engine.backups.wait(backup.id, 60).status is Status.CANCELLED
        clock.set(EVENING + timedelta(seconds=1))
        again = planned(engine, job.id)
        moving(engine, again.id)
        engine.backups.cancel(again.id)
        assert engine.backups.wait(again.id, 60).status is Status.CANCELLED


def test_what_a_person_has_started_is_neither_paused_nor_slowed_down(
    plumbus: Callable[..., Any], clock: Clock, sshd: Sshd, source: Path
) -> None:
    for number in range(10):
        write(source / f'{number:02}.bin', 'x' * 50_000, sshd)
    with plumbus(quiet_hours=NIGHT, quiet_action='pause') as engine:
        job = job_for(engine, sshd, source, bandwidth_limit_kib=300)
        backup = engine.jobs.run(job.id)
        moving(engine, backup.id)
        set_time(engine, clock, MIDNIGHT)
        ended = engine.backups.wait(backup.id, 60)
        assert ended.status is Status.COMPLETED
        assert 'pace' not in b''.join(engine.backups.log(backup.id)).decode()


def test_a_limit_needs_a_number(plumbus: Callable[..., Any], sshd: Sshd, source: Path) -> None:
    with plumbus() as engine, pytest.raises(InvalidInput, match='is needed to limit the bandwidth'):
        job_for(engine, sshd, source, quiet_hours=NIGHT, quiet_action='limit')


def _log_with(engine: Engine, backup_id: int, words: str) -> bool:
    return words in b''.join(engine.backups.log(backup_id)).decode()
