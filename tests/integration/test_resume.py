"""An interrupted run is continued by the next one: what is there already is not fetched again, older snapshots stay as they are."""

import errno
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from plumbus.backup import runner
from plumbus.backup.manifest import read_manifest
from plumbus.engine import Engine
from plumbus.model import Backup, JobView, Status
from tests.support.engines import back_up, copy_of, differences, job_for, state_of, tree_of, until, write
from tests.support.sshd import Sshd

MEBIBYTE = 2**20


@pytest.fixture
def mixed(source: Path, sshd: Sshd) -> Path:
    """Some small files that come first, and a big one that takes a while."""
    for number in range(50):
        write(source / f'a{number:02}', f'small {number}', sshd)
    (source / 'z-big').write_bytes(os.urandom(4 * MEBIBYTE))
    return source


def interrupt(engine: Engine, job: JobView, at_bytes: int) -> Backup:
    """Run the job slowly and cancel it once that much has come."""
    engine.jobs.update(job.id, {'bandwidth_limit_kib': 2000})
    backup = engine.jobs.run(job.id)
    until(
        lambda: (p := engine.backups.get(backup.id).progress) and p.bytes > at_bytes, 'enough of the transfer'
    )
    engine.backups.cancel(backup.id)
    engine.jobs.update(job.id, {'bandwidth_limit_kib': 0})
    ended = engine.backups.wait(backup.id, 60)
    assert ended.status is Status.CANCELLED
    return ended


def checksums(engine: Engine, backup: Backup) -> dict[bytes, bytes | None]:
    manifest = engine.settings.data_dir / str(backup.backup_path) / 'manifest.msgpack.zst'
    return {entry.path: entry.checksum for entry in read_manifest(manifest) if entry.kind == 'f'}


def test_it_continues_a_first_run(engine: Engine, sshd: Sshd, mixed: Path) -> None:
    job = job_for(engine, sshd, mixed)
    interrupt(engine, job, MEBIBYTE)

    backup = back_up(engine, job.id)

    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    assert backup.transferred_bytes < 3.5 * MEBIBYTE
    assert differences(mixed, copy_of(engine, backup, mixed)) == ''
    assert backup.file_count == 51
    assert None not in checksums(engine, backup).values()
    assert sorted(path.name for path in (engine.settings.data_dir / str(backup.backup_path)).iterdir()) == [
        'backup.json', 'manifest.msgpack.zst', 'tree',
    ]  # fmt: skip


def test_it_notices_what_changed_on_the_client_in_between(engine: Engine, sshd: Sshd, mixed: Path) -> None:
    job = job_for(engine, sshd, mixed)
    interrupt(engine, job, MEBIBYTE)
    (mixed / 'a00').unlink()
    write(mixed / 'a01', 'another text', sshd)

    backup = back_up(engine, job.id)

    assert differences(mixed, copy_of(engine, backup, mixed)) == ''
    assert None not in checksums(engine, backup).values()


def test_what_a_killed_rsync_had_begun_in_the_tree_is_no_part_of_the_snapshot(
    engine: Engine, sshd: Sshd, mixed: Path
) -> None:
    job = job_for(engine, sshd, mixed)
    interrupt(engine, job, MEBIBYTE)
    (unfinished,) = (engine.settings.data_dir / 'backups').glob('*/*/.incomplete/tree')
    begun = unfinished / str(mixed).lstrip('/') / '.a07.x1Y2z3'
    begun.write_text('sma')

    backup = back_up(engine, job.id)

    assert (backup.status, backup.file_count) == (Status.COMPLETED, 51)
    assert differences(mixed, copy_of(engine, backup, mixed)) == ''
    assert not (copy_of(engine, backup, mixed) / begun.name).exists()


def test_it_continues_a_later_run_and_leaves_the_snapshots_before_alone(
    engine: Engine, sshd: Sshd, mixed: Path
) -> None:
    job = job_for(engine, sshd, mixed)
    first = back_up(engine, job.id)
    before = state_of(tree_of(engine, first))
    (mixed / 'z-big').write_bytes(os.urandom(4 * MEBIBYTE))
    write(mixed / 'a00', 'changed since', sshd)
    write(mixed / 'a new one', 'new', sshd)
    interrupt(engine, job, MEBIBYTE)
    assert state_of(tree_of(engine, first)) == before

    second = back_up(engine, job.id)

    assert second.status is Status.COMPLETED
    assert second.transferred_bytes < 3.5 * MEBIBYTE
    assert differences(mixed, copy_of(engine, second, mixed)) == ''
    assert state_of(tree_of(engine, first)) == before
    assert None not in checksums(engine, second).values()
    folder = (engine.settings.data_dir / str(second.backup_path)).parent
    names = sorted(Path(str(backup.backup_path)).name for backup in (first, second))
    until(lambda: sorted(path.name for path in folder.iterdir()) == names, 'the remains are gone')


@pytest.mark.parametrize('earlier', [0, 1])
def test_it_fetches_nothing_again_when_all_had_come_before_it_was_cut_off(
    engine: Engine, sshd: Sshd, mixed: Path, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    job = job_for(engine, sshd, mixed)
    for _ in range(earlier):
        back_up(engine, job.id)
        (mixed / 'z-big').write_bytes(os.urandom(4 * MEBIBYTE))
    with monkeypatch.context() as patch:
        patch.setattr(runner, 'sync', Mock(side_effect=OSError(errno.EIO, 'Input/output error')))
        assert back_up(engine, job.id).status is Status.FAILED

    backup = back_up(engine, job.id)

    assert (backup.status, backup.transferred_bytes) == (Status.COMPLETED, 0)
    assert differences(mixed, copy_of(engine, backup, mixed)) == ''
    assert None not in checksums(engine, backup).values()


def test_it_takes_over_nothing_that_an_older_snapshot_shares(engine: Engine, sshd: Sshd, mixed: Path) -> None:
    job = job_for(engine, sshd, mixed)
    first = back_up(engine, job.id)
    (mixed / 'z-big').write_bytes(os.urandom(4 * MEBIBYTE))
    interrupt(engine, job, MEBIBYTE)
    before = state_of(tree_of(engine, first))
    for number in range(50):
        (mixed / f'a{number:02}').chmod(0o600)

    second = back_up(engine, job.id)

    assert differences(mixed, copy_of(engine, second, mixed)) == ''
    assert state_of(tree_of(engine, first)) == before
