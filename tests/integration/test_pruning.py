"""Retention at work on real backups: what goes, what stays untouched, what comes free, and what a crash leaves behind."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plumbus.backup.prune import Sweeper
from plumbus.backup.snapshots import DOOMED
from plumbus.cancellation import Cancellation
from plumbus.engine import Engine
from plumbus.errors import Conflict
from plumbus.model import Backup, JobView, Status
from tests.support.engines import (
    back_up,
    copy_of,
    job_for,
    restored,
    running_engine,
    settings,
    state_of,
    tree_of,
    until,
    write,
)
from tests.support.served import Served
from tests.support.sshd import Sshd
from tests.support.unprivileged import add_job, answered

BLOCK = 4096


def fill(path: Path, blocks: int) -> None:
    path.write_bytes(os.urandom(blocks * BLOCK))


def evolve(source: Path, seed: int) -> None:
    """Change, add, delete, rename and link some files of the client, and touch one."""
    chance = random.Random(seed)
    files = sorted(path for path in source.rglob('*') if path.is_file())
    changed, touched, moved, gone, leader = chance.sample(files, 5)
    fill(changed, chance.randint(1, 30))
    os.utime(touched, (seed * 1000, seed * 1000))
    moved.rename(source / f'moved-{seed}')
    gone.unlink()
    os.link(leader, source / f'a-link-{seed}')
    os.link(leader, source / f'z-link-{seed}')
    fill(source / f'new-{seed}', chance.randint(1, 30))
    names = sorted(source.glob('?-link-*'))
    if seed % 3 == 0:
        names[0].unlink()  # perhaps the name by which the others were listed


def file_bytes(engine: Engine) -> int:
    """What du counts for the files of all snapshots, those with several names once."""
    files = [
        path
        for path in engine.settings.data_dir.glob('backups/*/*/*/tree/**/*')
        if path.is_file() and not path.is_symlink() and DOOMED not in str(path)
    ]
    names = b'\0'.join(os.fsencode(path) for path in files)
    counted = subprocess.run(
        ['du', '--files0-from=-', '--apparent-size', '--block-size=1', '--total'],
        input=names, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return int(counted.stdout.splitlines()[-1].split()[0])


def disk_usage(engine: Engine) -> int:
    usage = ['du', '--summarize', '--block-size=1', engine.settings.data_dir / 'backups']
    return int(subprocess.run(usage, capture_output=True, check=True, timeout=60).stdout.split()[0])


def swept(engine: Engine) -> None:
    """Wait until the files of everything that was removed are gone."""
    until(lambda: not engine.backups.snapshots.taken_away(), 'the removal of all files')


def records(engine: Engine, *backups: Backup) -> list[Backup]:
    return [engine.backups.get(backup.id) for backup in backups]


def with_snapshot(engine: Engine, backups: Sequence[Backup]) -> list[int]:
    """The ids of those that still have their snapshot."""
    return [backup.id for backup in records(engine, *backups) if backup.backup_path]


def kept_disk_bytes(engine: Engine) -> int:
    return sum(backup.disk_bytes for backup in engine.backups.page(limit=1000).items if backup.backup_path)


def evolved(
    engine: Engine, sshd: Sshd, source: Path, days: int, **fields: object
) -> tuple[JobView, list[Backup]]:
    for number in range(30):
        fill(source / f'{number:02}', 1 + number % 7)
    job = job_for(engine, sshd, source, **fields)
    made = [back_up(engine, job.id)]
    for day in range(1, days):
        evolve(source, day)
        made.append(back_up(engine, job.id))
    return job, made


def test_it_frees_to_the_byte_what_it_says_and_touches_nothing_else(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    with running_engine(tmp_path / 'data') as running:
        job, made = evolved(running, sshd, source, 9)
    assert all(backup.status is Status.COMPLETED for backup in made)
    engine = Engine(settings(tmp_path / 'data'))  # not started: nothing happens by itself
    assert kept_disk_bytes(engine) == file_bytes(engine)
    for kept in ((0, 3, 4, 7, 8), (3, 8), (8,)):
        for place, backup in enumerate(made):
            if engine.backups.get(backup.id).backup_path:
                engine.backups.edit(backup.id, {'pinned': place in kept})
        policy = {'retention': {'keep_last': 1}}
        planned = engine.retention.prune(job.id, {'dry_run': True, **policy})
        states = {place: state_of(tree_of(engine, made[place])) for place in kept}
        files, usage = file_bytes(engine), disk_usage(engine)

        engine.jobs.update(job.id, policy)
        done = engine.retention.prune(job.id, {})
        Sweeper(snapshots=engine.backups.snapshots, settle=lambda _: None).sweep(Cancellation())

        freed = files - file_bytes(engine)
        assert planned.freed_bytes == done.freed_bytes == freed > 0
        assert usage - disk_usage(engine) >= freed
        assert sorted(one.backup_id for one in done.keep) == [made[place].id for place in kept]
        assert with_snapshot(engine, made) == [made[place].id for place in kept]
        assert list(planned.remove) == list(done.remove)
        assert {place: state_of(tree_of(engine, made[place])) for place in kept} == states
        assert kept_disk_bytes(engine) == file_bytes(engine)
        assert sum(change for _, change in engine.system.figures.growth.steps()) == file_bytes(engine)
        again = engine.retention.prune(job.id, {})
        assert (again.remove, again.freed_bytes) == ([], 0)


def test_what_is_left_restores_and_goes_on(engine: Engine, sshd: Sshd, source: Path) -> None:
    job, made = evolved(engine, sshd, source, 4, retention={'keep_last': 1})
    until(lambda: not records(engine, made[2])[0].backup_path, 'pruning')
    evolve(source, 4)
    last = back_up(engine, job.id)
    assert last.status is Status.COMPLETED
    started = engine.verifications.start(last.id)
    assert engine.verifications.wait(started.id, 60).verify_status == 'ok'
    target = source.parent / f'{source.name}-back'
    target.mkdir()
    os.chown(target, *sshd.ids)
    assert restored(engine, last.id, restore_path=str(target)).status is Status.COMPLETED


def test_it_prunes_after_each_backup_and_keeps_the_records(engine: Engine, sshd: Sshd, source: Path) -> None:
    job, made = evolved(engine, sshd, source, 4, retention={'keep_last': 2})
    until(lambda: not records(engine, made[1])[0].backup_path, 'pruning')
    first, second, third, fourth = records(engine, *made)
    assert [one.backup_path is None for one in (first, second, third, fourth)] == [True, True, False, False]
    assert first.removed_at
    assert first.status is Status.COMPLETED
    assert (first.freed_bytes, third.removed_at, third.freed_bytes) == (first.freed_bytes, None, None)
    assert first.freed_bytes
    assert [one.id for one in engine.backups.page(job_id=job.id).items] == [one.id for one in reversed(made)]
    assert engine.backups.log_tail(first.id)
    engine.backups.delete(first.id)
    assert [one.id for one in engine.jobs.history(job.id).items] == [fourth.id, third.id, second.id]
    swept(engine)
    assert engine.system.stats()['disk_bytes'] == file_bytes(engine)


def test_a_job_without_numbers_keeps_all(engine: Engine, sshd: Sshd, source: Path) -> None:
    job, made = evolved(engine, sshd, source, 3)
    assert engine.retention.prune(job.id, {}).remove == []
    assert with_snapshot(engine, made) == [backup.id for backup in made]


def test_a_shrunk_source_pushes_no_good_backup_out(engine: Engine, sshd: Sshd, source: Path) -> None:
    for number in range(40):
        write(source / f'{number}', 'x', sshd)
    job = job_for(engine, sshd, source, retention={'keep_last': 1})
    good = back_up(engine, job.id)
    for number in range(30):
        (source / f'{number}').unlink()
    shrunk = [back_up(engine, job.id) for _ in range(3)]
    told = engine.retention.prune(job.id, {'dry_run': True})
    assert told.remove == []
    assert {one.backup_id: one.reasons for one in told.keep}[good.id] == ['last 1']

    engine.backups.edit(shrunk[-1].id, {'suspicious': False})
    engine.retention.prune(job.id, {})
    assert with_snapshot(engine, [good, *shrunk]) == [shrunk[2].id]


def test_what_is_being_restored_or_built_on_stays(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    big = source.parent / f'{source.name}-big'
    big.write_bytes(os.urandom(20 * 2**20))
    with running_engine(tmp_path / 'data', max_parallel=1) as engine:
        job = job_for(engine, sshd, source)
        first, second, third = (back_up(engine, job.id) for _ in range(3))
        other = job_for(engine, sshd, big, bandwidth_limit_kib=200)
        blocking = engine.jobs.run(other.id)
        until(lambda: engine.backups.get(blocking.id).status is Status.RUNNING, 'the run that blocks')
        waiting = engine.restores.start(first.id, {'dry_run': True})
        policy = {'retention': {'keep_last': 1}}
        told = engine.retention.prune(job.id, {'dry_run': True, **policy})
        assert {one.backup_id: one.reasons for one in told.keep} == {
            third.id: ['last 1'],
            first.id: ['in use'],
        }
        with pytest.raises(Conflict, match='being restored'):
            engine.backups.delete(first.id)
        with pytest.raises(Conflict, match='being restored'):
            engine.jobs.delete(job.id, delete_data=True)
        engine.jobs.update(job.id, policy)
        engine.retention.prune(job.id, {})
        assert with_snapshot(engine, [first, second, third]) == [first.id, third.id]

        engine.restores.cancel(waiting.id)
        engine.retention.prune(job.id, {})
        assert with_snapshot(engine, [first, second, third]) == [third.id]
        engine.backups.cancel(blocking.id)
    big.unlink()


def test_what_is_being_downloaded_stays_until_then(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    fill(source / 'big', 500)
    with running_engine(tmp_path / 'data') as running:
        job = job_for(running, sshd, source)
        first, second = back_up(running, job.id), back_up(running, job.id)
    engine = Engine(settings(tmp_path / 'data'))
    engine.jobs.update(job.id, {'retention': {'keep_last': 1}})
    download = engine.backups.download(first.id, ['/'], 'tar')
    assert next(download.chunks)
    told = engine.retention.prune(job.id, {})
    assert {one.backup_id: one.reasons for one in told.keep} == {second.id: ['last 1'], first.id: ['in use']}
    assert sum(map(len, download.chunks)) > 500 * BLOCK
    assert engine.retention.prune(job.id, {}).remove == [first.id]


def test_the_snapshot_that_a_running_backup_builds_on_is_not_deleted(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source, pre_command=None, bandwidth_limit_kib=200)
    older, newest = back_up(engine, job.id), back_up(engine, job.id)
    fill(source / 'big', 2000)
    running = engine.jobs.run(job.id)
    until(lambda: (now := engine.backups.get(running.id).progress) and now.phase == 'fetching', 'the fetch')
    with pytest.raises(Conflict, match='builds on this snapshot'):
        engine.backups.delete(newest.id)
    engine.backups.delete(older.id)
    engine.backups.cancel(running.id)
    engine.backups.wait(running.id, 60)
    engine.backups.delete(newest.id)


def test_what_a_crash_left_half_removed_is_gone_after_the_next_start(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    with running_engine(tmp_path / 'data') as engine:
        job, made = evolved(engine, sshd, source, 4)
        states = {backup.id: state_of(tree_of(engine, backup)) for backup in made[2:]}
        planned = engine.retention.prune(job.id, {'dry_run': True, 'retention': {'keep_last': 2}})
    folders = [tmp_path / 'data' / str(backup.backup_path) for backup in made[:2]]
    for folder in folders:  # renamed, and killed before the record was written
        folder.rename(folder.with_name(DOOMED + folder.name))
    half = folders[0].with_name(DOOMED + folders[0].name)
    for path in [half / 'manifest.msgpack.zst', *list((half / 'tree').rglob('*'))[::-1][:9]]:
        path.rmdir() if path.is_dir() else path.unlink()
    (folders[0].parent / f'{DOOMED}remains-1' / 'tree').mkdir(parents=True)
    (folders[0].parents[1] / f'{DOOMED}old-job-9' / 'x').mkdir(parents=True)
    (folders[0].parent / f'{DOOMED}{Path(str(made[3].backup_path)).name}' / 'tree').mkdir(parents=True)

    with running_engine(tmp_path / 'data') as engine:
        swept(engine)
        first, second, *left = records(engine, *made)
        assert first.removed_at
        assert second.removed_at
        assert (first.backup_path, second.backup_path) == (None, None)
        assert (first.freed_bytes or 0) + (second.freed_bytes or 0) == planned.freed_bytes
        assert [state_of(tree_of(engine, one)) for one in left] == list(states.values())
        assert kept_disk_bytes(engine) == file_bytes(engine)
        assert back_up(engine, job.id).status is Status.COMPLETED


def test_a_removal_that_is_stopped_goes_on_after_the_next_start(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    for number in range(3000):
        folder = source / f'{number % 50}'
        folder.mkdir(exist_ok=True)
        (folder / f'{number}').touch()
    with running_engine(tmp_path / 'data') as engine:
        job = job_for(engine, sshd, source)
        made = [back_up(engine, job.id) for _ in range(3)]
        engine.jobs.update(job.id, {'retention': {'keep_last': 1}})
        engine.retention.prune(job.id, {})
    stopped = Engine(settings(tmp_path / 'data'))
    assert all(one.removed_at for one in records(stopped, *made[:2]))
    with running_engine(tmp_path / 'data') as engine:
        swept(engine)
        assert len(list(copy_of(engine, made[2], source).rglob('*'))) == 3050


def test_a_deleted_job_is_gone_at_once_and_its_files_soon(engine: Engine, sshd: Sshd, source: Path) -> None:
    job, made = evolved(engine, sshd, source, 2)
    engine.jobs.delete(job.id, delete_data=True)
    assert not (engine.settings.data_dir / str(made[0].backup_path)).exists()
    assert engine.backups.page().total == 0
    swept(engine)
    assert [path.name for path in (engine.settings.data_dir / 'backups').glob('*/*')] == []


def test_history_expires_with_its_logs(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    with running_engine(tmp_path / 'data') as engine:
        job = job_for(engine, sshd, source, retention={'keep_last': 1})
        made = [back_up(engine, job.id) for _ in range(3)]
        until(lambda: records(engine, made[1])[0].removed_at, 'pruning')
        restored(engine, made[2].id, dry_run=True)
        logs = {path.name for path in (tmp_path / 'data' / 'logs').glob('*-*.log')}
        assert logs == {'backup-1.log', 'backup-2.log', 'backup-3.log', 'restore-1.log'}

    later = datetime.now(UTC) + timedelta(days=500)
    engine = Engine(settings(tmp_path / 'data'), lambda: later)
    engine.start()
    try:
        until(lambda: engine.backups.page().total == 1, 'the end of history')
        assert [one.id for one in engine.backups.page().items] == [made[2].id]
        until(lambda: engine.restores.page().total == 0, 'the end of restores')
        logs_left = tmp_path / 'data' / 'logs'
        until(lambda: [one.name for one in logs_left.glob('*-*.log')] == ['backup-3.log'], 'the end of logs')
        assert tree_of(engine, made[2]).is_dir()
    finally:
        engine.stop()


@pytest.mark.parametrize('moment', [0.0, 0.03])
def test_killed_while_it_prunes_it_tells_the_truth_and_goes_on(
    tmp_path: Path, sshd: Sshd, source: Path, moment: float
) -> None:
    for number in range(600):
        (source / f'{number}').write_bytes(b'x' * 100)
    with Served(tmp_path) as running, running.api as api:
        job_id = add_job(api, sshd, source, sudo=False)
        for number in range(5):
            (source / f'{number}').write_bytes(os.urandom(500))
            answered(api.post(f'/api/jobs/{job_id}/run?wait=60'))
        answered(api.put(f'/api/jobs/{job_id}', json={'retention': {'keep_last': 1}}))
        with ThreadPoolExecutor(1) as thread:
            asked = thread.submit(api.post, f'/api/jobs/{job_id}/prune', json={})
            time.sleep(moment)  # somewhere in the middle, wherever that is on this machine
            os.killpg(running.process.pid, signal.SIGKILL)
            asked.exception(30)

    with Served(tmp_path) as running, running.api as api:
        backups = running.data / 'backups'
        until(lambda: not list(backups.glob(f'*/*/{DOOMED}*')), 'the removal of all files')
        answered(api.post(f'/api/jobs/{job_id}/prune', json={}))
        told = answered(api.get('/api/backups'))
        assert [bool(one['backup_path']) for one in told] == [True, False, False, False, False]
        assert [(bool(one['removed_at']), one['freed_bytes']) for one in told[1:]] == [(True, 100)] * 4
        until(lambda: not list(backups.glob(f'*/*/{DOOMED}*')), 'the removal of all files')
        assert [path.name for path in backups.glob('*/*/*')] == [Path(told[0]['backup_path']).name]
        verified = answered(api.post(f'/api/backups/{told[0]["id"]}/verify?wait=60'))
        assert verified['verify_status'] == 'ok'
        assert told[0]['disk_bytes'] == 595 * 100 + 5 * 500
