"""Guards at work in real backups."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbus.backup.guards import MARKER
from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.engines import back_up, copy_of, job_for, running_engine, until, write
from tests.support.marks import needs_root
from tests.support.sshd import Sshd


def test_it_warns_when_the_source_has_shrunk_until_someone_accepts_it(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    for number in range(40):
        write(source / f'{number}', 'x', sshd)
    job = job_for(engine, sshd, source)
    assert back_up(engine, job.id).status is Status.COMPLETED
    for number in range(30):
        (source / f'{number}').unlink()

    shrunk = back_up(engine, job.id)
    again = back_up(engine, job.id)

    assert [(one.status, one.suspicious, one.cause) for one in (shrunk, again)] == [
        (Status.WARNING, True, 'shrunk')
    ] * 2
    assert 'from 40 files' in str(again.error_message)
    assert len(list(copy_of(engine, again, source).iterdir())) == 10
    engine.jobs.update(job.id, {'shrink_warning_percent': 0})
    accepted = back_up(engine, job.id)
    assert (accepted.status, accepted.suspicious) == (Status.COMPLETED, False)


def test_it_does_not_run_without_the_disk_of_the_snapshots(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    back_up(engine, job.id)
    (engine.settings.data_dir / 'backups' / MARKER).unlink()
    backup = back_up(engine, job.id)
    assert (backup.status, backup.cause) == (Status.FAILED, 'data_missing')


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / 'small'
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', folder], check=True)
    yield folder
    subprocess.run(['umount', folder], check=True)


@needs_root
def test_it_refuses_before_the_transfer_what_does_not_fit(small_disk: Path, sshd: Sshd, source: Path) -> None:
    (source / 'big').write_bytes(os.urandom(10 * 2**20))
    with running_engine(small_disk) as engine:
        backup = back_up(engine, job_for(engine, sshd, source).id)
    assert (backup.status, backup.cause) == (Status.FAILED, 'no_room')
    assert '10.5 MB are to come' in str(backup.error_message)
    assert backup.transferred_bytes == 0


@needs_root
def test_it_looks_at_the_disk_of_the_snapshots_where_that_is_another(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    (source / 'big').write_bytes(os.urandom(10 * 2**20))
    backups = tmp_path / 'data' / 'backups'
    backups.mkdir(parents=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', backups], check=True)
    try:
        with running_engine(tmp_path / 'data') as engine:
            assert engine.system.stats()['disk_total_bytes'] == 8 * 2**20
            backup = back_up(engine, job_for(engine, sshd, source).id)
    finally:
        subprocess.run(['umount', backups], check=True)
    assert (backup.status, backup.cause) == (Status.FAILED, 'no_room')


@needs_root
def test_it_stops_before_another_program_has_filled_the_disk(
    small_disk: Path, sshd: Sshd, source: Path
) -> None:
    """Half of the reserve is used up: there is room yet for the two seconds until that is noticed."""
    (source / 'big').write_bytes(os.urandom(2 * 2**20))
    with running_engine(small_disk, disk_reserve_percent=40) as engine:
        job = job_for(engine, sshd, source, pre_command='true', bandwidth_limit_kib=200)
        started = engine.jobs.run(job.id)
        until(
            lambda: (p := engine.backups.get(started.id).progress) and p.phase == 'fetching', 'the transfer'
        )
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
        (small_disk / 'filler').write_bytes(bytes(free - 3 * 2**20 // 2))
        backup = engine.backups.wait(started.id, 60)
    assert (backup.status, backup.cause) == (Status.FAILED, 'room_used_up')
    assert 'ran full during the backup: only 1.' in str(backup.error_message)
