"""What a job's options do to real backups: other disks, compression, limits of time, tries, and a disk that cannot share."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plumbus.backup.runner import Attempt, BackupRunner
from plumbus.engine import Engine
from plumbus.model import Backup, Status
from tests.support.engines import back_up, copy_of, differences, job_for, tree_of, write
from tests.support.facts import facts, unchanged
from tests.support.marks import needs_root
from tests.support.sshd import Sshd


def log_of(engine: Engine, backup: Backup) -> str:
    return '\n'.join(engine.backups.log_tail(backup.id))


@pytest.fixture
def other_disk(source: Path) -> Iterator[Path]:
    """A disk that is mounted in a folder of the client."""
    folder = source / 'mounted'
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], check=True)
    yield folder
    subprocess.run(['umount', '--lazy', folder], check=True)


@needs_root
def test_other_disks_are_left_out_where_that_is_asked_for(
    engine: Engine, sshd: Sshd, source: Path, other_disk: Path
) -> None:
    write(other_disk / 'file', 'on another disk', sshd)
    write(source / 'mine', 'x', sshd)
    job = job_for(engine, sshd, source, one_file_system=True)
    alone = copy_of(engine, back_up(engine, job.id), source)
    assert sorted(path.name for path in alone.rglob('*')) == ['mine', 'mounted']
    engine.jobs.update(job.id, {'one_file_system': False})
    both = copy_of(engine, back_up(engine, job.id), source)
    assert (both / 'mounted' / 'file').read_text() == 'on another disk'
    engine.jobs.update(job.id, {'one_file_system': True})
    again = copy_of(engine, back_up(engine, job.id), source)
    assert not (again / 'mounted' / 'file').exists()
    assert (both / 'mounted' / 'file').exists()


def test_what_is_compressed_on_its_way_is_the_same(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'text', 'much the same again and again ' * 100_000, sshd)
    job = job_for(engine, sshd, source, compress=True)
    first = back_up(engine, job.id)
    kept = facts(tree_of(engine, first))
    write(source / 'text', 'quite another thing ' * 100_000, sshd)
    second = back_up(engine, job.id)
    assert (first.status, second.status) == (Status.COMPLETED, Status.COMPLETED)
    assert differences(source, copy_of(engine, second, source)) == ''
    assert unchanged(kept, facts(tree_of(engine, first))) == []


def test_a_backup_that_takes_longer_than_allowed_ends_and_the_next_one_goes_on(
    engine: Engine, sshd: Sshd, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = BackupRunner._prepare

    def with_seconds_for_minutes(*given: Any) -> Attempt:
        attempt = prepare(*given)
        attempt.deadline = attempt.deadline and time.monotonic() + 4
        return attempt

    monkeypatch.setattr(BackupRunner, '_prepare', with_seconds_for_minutes)
    (source / 'big').write_bytes(os.urandom(8 * 2**20))
    job = job_for(engine, sshd, source, timeout_minutes=4, bandwidth_limit_kib=500, retries=3)
    broken = back_up(engine, job.id)
    assert (broken.status, broken.cause) == (Status.FAILED, 'time_limit'), broken.error_message
    assert 'longer than the job allows. Allow it more time' in str(broken.error_message)
    assert 'Next try' not in log_of(engine, broken)
    engine.jobs.update(job.id, {'timeout_minutes': 0, 'bandwidth_limit_kib': 0})
    backup = back_up(engine, job.id)
    assert backup.status is Status.COMPLETED
    assert backup.transferred_bytes < 8 * 2**20
    assert differences(source, copy_of(engine, backup, source)) == ''


def test_what_may_pass_is_tried_again_later_and_later_and_nothing_else_is(
    engine: Engine, sshd: Sshd, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks in the middle; then the login is refused, which no further try mends."""
    monkeypatch.setattr(Attempt, 'under_way', property(lambda _: True))
    broken = '#!/bin/sh\n[ "$1" != --server ] || exit 12\nexec /usr/bin/rsync "$@"\n'
    job = job_for(engine, sshd, source, retries=2, retry_delay_s=1)
    key = engine.system.public_key().public_key
    assert engine.clients.test(job.client_id).success
    sshd.authorized_keys.write_text('')
    sshd.authorize(key, environment=sshd.path_with(scripts={'rsync': broken}))
    lost = back_up(engine, job.id)
    assert (lost.status, lost.cause) == (Status.FAILED, 'connection_lost'), lost.error_message
    log = log_of(engine, lost)
    assert ['Next try in 1 s, 2 left.' in log, 'Next try in 2 s, 1 left.' in log] == [True, True]
    sshd.authorized_keys.write_text('')
    refused = back_up(engine, job.id)
    assert (refused.status, refused.cause) == (Status.FAILED, 'auth')
    assert 'Next try' not in log_of(engine, refused)


@pytest.mark.parametrize(
    ('lacks', 'cause', 'told'),
    [('hard_links', 'no_hard_links', 'ext4, xfs or btrfs'), ('link_copies', 'no_link_copies', 'coreutils')],
)
def test_a_disk_that_cannot_share_files_is_refused_before_anything_is_written(
    engine: Engine,
    sshd: Sshd,
    source: Path,
    lacks: str,
    cause: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No file system of that kind can be counted on in tests, so what was found out about it is changed."""
    prepare = BackupRunner._prepare

    def on_such_a_disk(runner: BackupRunner, *given: Any) -> Attempt:
        runner.disk = replace(runner.disk, **{lacks: False})
        return prepare(runner, *given)

    monkeypatch.setattr(BackupRunner, '_prepare', on_such_a_disk)
    refused = back_up(engine, job_for(engine, sshd, source).id)
    assert (refused.status, refused.cause) == (Status.FAILED, cause)
    assert told in str(refused.error_message)
    assert list(engine.backups.snapshots.folders()) == []
