"""Snapshots made by real backups, then damaged in every way: each damage is found, named, and told wherever it is shared."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.errors import Conflict, NotFound
from plumbus.model import Backup, Progress, Status, Trigger, Verification
from tests.integration.test_backup_run import edit_everything
from tests.integration.test_engine import Clock
from tests.support.engines import (
    DEADLINE_S,
    back_up,
    copy_of,
    differences,
    job_for,
    running_engine,
    settings,
    state_of,
    tree_of,
    until,
    write,
)
from tests.support.marks import needs_root
from tests.support.sshd import Sshd
from tests.support.zoo import make_zoo

MB, GB = 2**20, 2**30


def verified(engine: Engine, backup: Backup) -> Verification:
    """Verify a backup and return the ended verification."""
    return engine.verifications.wait(engine.verifications.start(backup.id).id, DEADLINE_S)


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file; size and times stay."""
    before = path.stat()
    with path.open('r+b') as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def backup(engine: Engine, sshd: Sshd, source: Path) -> Backup:
    """A snapshot with a bit of everything that can be damaged."""
    write(source / 'file', 'some text', sshd)
    write(source / 'other', 'more text', sshd)
    (source / 'folder').mkdir()
    os.chown(source / 'folder', *sshd.ids)
    write(source / 'folder' / 'inside', 'inside', sshd)
    (source / 'link').symlink_to('file')
    os.mkfifo(source / 'fifo')
    for name in ('link', 'fifo'):
        os.lchown(source / name, *sshd.ids)
    return back_up(engine, job_for(engine, sshd, source).id)


@pytest.fixture
def copy(engine: Engine, backup: Backup, source: Path) -> Path:
    """The copy of the source folder in the snapshot."""
    return copy_of(engine, backup, source)


def test_a_zoo_is_whole_after_every_kind_of_change(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    job = job_for(engine, sshd, zoo)
    backups = [back_up(engine, job.id)]
    edit_everything(zoo, sshd)
    backups += [back_up(engine, job.id), back_up(engine, job.id)]
    before = [state_of(tree_of(engine, each)) for each in backups]
    for backup in backups:
        verification = verified(engine, backup)
        assert verification.verify_errors == []
        assert (verification.status, verification.verify_status) == (Status.COMPLETED, 'ok')
        assert verification.file_count == backup.file_count
        assert engine.backups.get(backup.id).verify_status == 'ok'
        assert engine.backups.get(backup.id).verified_at is not None
    assert [state_of(tree_of(engine, each)) for each in backups] == before


@needs_root
def test_what_only_root_can_have_is_whole_too(engine: Engine, sshd: Sshd, source: Path) -> None:
    make_zoo(source, root=True)
    with sshd.sudo_allowed():
        backup = back_up(engine, job_for(engine, sshd, source, client={'use_sudo': True}).id)
    assert verified(engine, backup).verify_errors == []


def test_a_log_that_grows_while_it_is_fetched_is_no_damage(engine: Engine, sshd: Sshd, source: Path) -> None:
    log = source / 'log'
    log.write_bytes(os.urandom(MB))
    backup = engine.jobs.run(job_for(engine, sshd, source, bandwidth_limit_kib=1000).id)
    while not engine.backups.get(backup.id).status.finished:
        with log.open('ab') as file:
            file.write(b'one more line\n')
    assert verified(engine, engine.backups.get(backup.id)).verify_errors == []


def retarget(path: Path) -> None:
    path.unlink()
    path.symlink_to('/etc/passwd')


def replace_by_link(path: Path) -> None:
    path.rename(path.with_name('moved away'))
    path.symlink_to('moved away')


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


# What is there before, what is done to it, and how the sentence about it begins.
DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    'flipped': ('file', flip, 'has other content.'),
    'cut': ('file', lambda path: os.truncate(path, 3), 'is cut off: 3 of 9 bytes are left'),
    'longer': ('file', lambda path: path.write_text('much more text'), 'has 14 bytes instead of 9'),
    'missing': ('file', Path.unlink, 'is missing.'),
    'now a FIFO': ('file', replace_by_fifo, 'is a FIFO or socket instead of a file.'),
    'mode': ('file', lambda path: path.chmod(0o4644), 'has the mode 4644 instead of 0644.'),
    'time': ('file', lambda path: os.utime(path, (1, 1)), 'has the time 1970-01-01 00:00:01 UTC instead of '),
    'folder mode': ('folder', lambda path: path.chmod(0o700), 'has the mode 0700 instead of 0755.'),
    'folder missing': ('folder', shutil.rmtree, 'is missing, with all that was in it.'),
    'folder now a link': ('folder', replace_by_link, 'is a link instead of a folder.'),
    'moved away': ('', lambda _path: None, 'was not in the backup.'),
    'added': ('', lambda path: path.write_text('x'), 'was not in the backup.'),
    'added folder': ('', Path.mkdir, 'was not in the backup.'),
    'added FIFO': ('', os.mkfifo, 'was not in the backup.'),
    'link': ('link', retarget, 'leads to /etc/passwd instead of file'),
    'link missing': ('link', Path.unlink, 'is missing.'),
    'FIFO missing': ('fifo', Path.unlink, 'is missing.'),
    'whole': ('file', lambda _path: None, ''),
    'whole folder': ('folder', lambda _path: None, ''),
}


def make(kind: str, path: Path, sshd: Sshd) -> None:
    if kind == 'file':
        write(path, 'some text', sshd)
    elif kind == 'folder':
        path.mkdir()
        os.chown(path, *sshd.ids)
        write(path / 'inside', 'inside', sshd)
    elif kind == 'link':
        path.symlink_to('file')
    elif kind == 'fifo':
        os.mkfifo(path)
    if kind:
        os.lchown(path, *sshd.ids)


def test_it_finds_and_names_every_damage_and_nothing_else(engine: Engine, sshd: Sshd, source: Path) -> None:
    for name, (kind, _, _) in DAMAGES.items():
        make(kind, source / name, sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    for name, (_, damage, _) in DAMAGES.items():
        damage(copy_of(engine, backup, source) / name)

    verification = verified(engine, backup)

    assert (verification.status, verification.verify_status, verification.cause) == (
        Status.WARNING,
        'damaged',
        'damaged',
    )
    wanted = sorted(f'{source}/{name} {told}' for name, (_, _, told) in DAMAGES.items() if told)
    found = sorted(verification.verify_errors)
    assert len(found) == len(wanted) == verification.error_count, found
    for sentence, start in zip(found, wanted, strict=True):
        assert sentence.startswith(start)
    marked = engine.backups.get(backup.id)
    assert (marked.verify_status, marked.verify_errors) == ('damaged', verification.verify_errors)
    assert marked.verified_at is not None
    log = b''.join(engine.verifications.log(verification.id)).decode()
    assert all(sentence in log for sentence in found)
    assert 'smartctl' in log


@needs_root
def test_it_finds_a_changed_owner_of_files_folders_and_links(
    engine: Engine, backup: Backup, copy: Path, source: Path, sshd: Sshd
) -> None:
    for name in ('file', 'folder', 'link'):
        os.lchown(copy / name, 12345, 54321)
    ids = f'{sshd.ids[0]}:{sshd.ids[1]}'
    assert sorted(verified(engine, backup).verify_errors) == [
        f'{source}/{name} belongs to 12345:54321 instead of {ids}.' for name in ('file', 'folder', 'link')
    ]


def test_it_tells_several_damages_at_once_and_forgets_them_once_they_are_mended(
    engine: Engine, backup: Backup, copy: Path
) -> None:
    flip(copy / 'file')
    (copy / 'file').chmod(0o600)
    (copy / 'other').unlink()
    errors = verified(engine, backup).verify_errors
    assert len(errors) == 2
    assert any('has other content and has the mode 0600 instead of 0644' in error for error in errors)

    flip(copy / 'file')
    (copy / 'file').chmod(0o644)
    other = copy / 'other'
    other.write_text('more text')
    assert verified(engine, backup).error_count == 1  # its time, and its owner if root may have them differ
    other.unlink()
    assert verified(engine, backup).verify_errors == [error for error in errors if 'missing' in error]


def test_only_the_first_hundred_are_listed_and_all_are_counted(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    for number in range(150):
        write(source / f'{number:03}', 'x', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    for path in copy_of(engine, backup, source).iterdir():
        path.unlink()
    verification = verified(engine, backup)
    assert (verification.error_count, len(verification.verify_errors)) == (150, 100)
    assert '150' in str(verification.error_message)
    assert len(engine.backups.get(backup.id).verify_errors) == 100


def test_a_damaged_manifest_accuses_no_file(engine: Engine, backup: Backup) -> None:
    flip(engine.backups.snapshots.at(backup.backup_path).manifest)
    verification = verified(engine, backup)
    assert (verification.verify_status, verification.error_count) == ('damaged', 1)
    assert 'manifest' in verification.verify_errors[0]


def test_names_of_any_bytes_are_told_on_one_line(engine: Engine, sshd: Sshd, source: Path) -> None:
    name = os.fsdecode(b'new\nline \xff')
    write(source / name, 'some text', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    flip(copy_of(engine, backup, source) / name)
    (error,) = verified(engine, backup).verify_errors
    assert error.startswith(f'{source}/new')
    assert '\n' not in error
    assert error.encode()


# --- shared damage ---


def test_a_flipped_bit_is_told_in_every_snapshot_that_shares_it_and_in_no_other(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'first', sshd)
    write(source / 'other', 'never changed', sshd)
    job = job_for(engine, sshd, source)
    old = back_up(engine, job.id)
    write(source / 'file', 'second text', sshd)
    shared = [back_up(engine, job.id) for _ in range(3)]
    write(source / 'file', 'the third text', sshd)
    new = back_up(engine, job.id)
    stranger = back_up(engine, job_for(engine, sshd, source).id)
    for each in (old, new, stranger):
        assert verified(engine, each).verify_status == 'ok'

    flip(copy_of(engine, shared[1], source) / 'file')
    verification = verified(engine, shared[1])

    assert verification.shared_with == [shared[0].id, shared[2].id]
    for each in shared:
        marked = engine.backups.get(each.id)
        assert marked.verify_status == 'damaged'
        assert [
            error for error in marked.verify_errors if not error.startswith(f'{source}/file has other')
        ] == []
        assert len(marked.verify_errors) == 1
    assert engine.backups.get(shared[0].id).verified_at is None
    assert f'found in backup {shared[1].id}' in engine.backups.get(shared[0].id).verify_errors[0]
    for each in (old, new, stranger):
        assert (engine.backups.get(each.id).verify_status, engine.backups.get(each.id).verify_errors) == (
            'ok',
            [],
        )
    for each in shared:
        assert verified(engine, each).verify_status == 'damaged'


def test_a_hard_linked_file_is_told_under_all_its_names_and_found_under_a_later_one(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    write(source / 'a', 'one file of several names', sshd)
    os.link(source / 'a', source / 'b')
    job = job_for(engine, sshd, source)
    first = back_up(engine, job.id)
    (source / 'a').rename(source / 'c')
    second = back_up(engine, job.id)
    (source / 'b').unlink()
    third = back_up(engine, job.id)
    copies = [copy_of(engine, each, source) for each in (first, second, third)]
    assert (
        len(
            {
                (copies[0] / 'a').stat().st_ino,
                (copies[1] / 'b').stat().st_ino,
                (copies[2] / 'c').stat().st_ino,
            }
        )
        == 1
    )

    flip(copies[2] / 'c')
    verification = verified(engine, third)

    assert verification.verify_errors == [f'{source}/c has other content.']
    assert verification.shared_with == [first.id, second.id]
    names = [
        sorted(error.split()[0] for error in engine.backups.get(each.id).verify_errors)
        for each in (first, second)
    ]
    assert names == [[f'{source}/a', f'{source}/b'], [f'{source}/b', f'{source}/c']]
    assert sorted(verified(engine, first).verify_errors) == [
        f'{source}/a has other content.',
        f'{source}/b has other content.',
    ]


def test_what_was_replaced_is_damage_of_that_snapshot_alone(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'some text', sshd)
    write(source / 'gone', 'some text', sshd)
    job = job_for(engine, sshd, source)
    first, second = back_up(engine, job.id), back_up(engine, job.id)
    copy = copy_of(engine, second, source)
    (copy / 'gone').unlink()
    (copy / 'file').unlink()
    (copy / 'file').write_text('another text')
    verification = verified(engine, second)
    assert (verification.error_count, verification.shared_with) == (2, [])
    assert engine.backups.get(first.id).verify_status is None


# --- mended by the next run ---


def test_the_next_backup_fetches_again_what_is_damaged_and_shares_it_no_more(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    for name in ('flipped', 'cut', 'mode', 'a', 'whole', 'flipped before'):
        write(source / name, 'some text', sshd)
    os.link(source / 'a', source / 'b')
    job = job_for(engine, sshd, source)
    first, second = back_up(engine, job.id), back_up(engine, job.id)
    copy = copy_of(engine, second, source)
    for name in ('flipped', 'flipped before', 'a'):
        flip(copy / name)
    os.truncate(copy / 'cut', 3)
    (copy / 'mode').chmod(0o600)
    assert verified(engine, second).error_count == 6
    damaged = state_of(tree_of(engine, second))

    third, fourth = back_up(engine, job.id), back_up(engine, job.id)

    assert state_of(tree_of(engine, second)) == damaged
    for backup in (third, fourth):
        assert verified(engine, backup).verify_errors == []
        assert differences(source, copy_of(engine, backup, source)) == ''
    inodes = [(copy_of(engine, each, source) / 'whole').stat().st_ino for each in (first, third, fourth)]
    assert len(set(inodes)) == 1
    mended = [(copy_of(engine, each, source) / 'b').stat().st_ino for each in (second, third, fourth)]
    assert mended[0] != mended[1] == mended[2]
    assert (fourth.transferred_bytes, fourth.disk_bytes) == (0, 0)
    assert any('6 damaged files' in line for line in engine.backups.log_tail(third.id))


def test_damage_found_in_an_older_snapshot_is_not_handed_on_by_the_newest(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'some text', sshd)
    write(source / 'edited', 'some text', sshd)
    job = job_for(engine, sshd, source)
    first = back_up(engine, job.id)
    write(source / 'edited', 'another text', sshd)
    second = back_up(engine, job.id)
    for name in ('file', 'edited'):
        flip(copy_of(engine, first, source) / name)
    assert verified(engine, first).shared_with == [second.id]
    third = back_up(engine, job.id)
    assert verified(engine, third).verify_status == 'ok'
    copies = [copy_of(engine, each, source) / 'edited' for each in (second, third)]
    assert copies[0].stat().st_ino == copies[1].stat().st_ino


# --- how it runs ---


def make_endless(path: Path) -> None:
    """Let a file of the snapshot be a hole that takes minutes to read."""
    os.truncate(path, 2000 * GB)


def reading(engine: Engine, verification: Verification) -> Progress:
    """The progress of a verification, as soon as it reads."""
    found = until(
        lambda: (p := engine.verifications.get(verification.id).progress) and p.bytes and p, 'the reading'
    )
    assert isinstance(found, Progress)
    return found


def test_it_is_watched_and_cancelled_and_what_it_found_stays(
    engine: Engine, backup: Backup, copy: Path
) -> None:
    (copy / 'file').unlink()
    make_endless(copy / 'other')
    started = engine.verifications.start(backup.id)
    progress = reading(engine, started)
    assert (progress.phase, progress.bytes_total, progress.files_total) == ('verifying', backup.size_bytes, 5)
    assert str(progress.current_file).endswith('/other')
    with pytest.raises(Conflict):
        engine.verifications.start(backup.id)
    assert engine.system.stats()['running'] == 0

    engine.verifications.cancel(started.id)

    assert engine.verifications.wait(started.id, 60).status is Status.CANCELLED
    marked = engine.backups.get(backup.id)
    assert (marked.verify_status, marked.verified_at) == ('damaged', None)
    (error,) = marked.verify_errors
    assert error.endswith('/file is missing.')


def test_a_backup_runs_while_the_only_place_would_be_taken_by_verifying(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'x', sshd)
    with running_engine(tmp_path / 'data', max_parallel=1) as engine:
        job = job_for(engine, sshd, source)
        backup = back_up(engine, job.id)
        make_endless(copy_of(engine, backup, source) / 'file')
        started = engine.verifications.start(backup.id)
        reading(engine, started)
        assert back_up(engine, job_for(engine, sshd, source).id).status is Status.COMPLETED
        assert engine.verifications.get(started.id).status is Status.RUNNING
    assert engine.verifications.get(started.id).status is Status.INTERRUPTED


def test_it_does_not_follow_a_folder_that_became_a_link(
    engine: Engine, backup: Backup, copy: Path, tmp_path: Path
) -> None:
    outside = tmp_path / 'outside'
    outside.mkdir()
    shutil.copy2(copy / 'folder' / 'inside', outside / 'inside')
    accessed = (outside / 'inside').stat().st_atime_ns
    shutil.rmtree(copy / 'folder')
    (copy / 'folder').symlink_to(outside)
    (error,) = verified(engine, backup).verify_errors
    assert error.endswith('is a link instead of a folder.')
    assert (outside / 'inside').stat().st_atime_ns == accessed


def test_it_leaves_the_times_of_access_alone(engine: Engine, backup: Backup, copy: Path) -> None:
    path = copy / 'file'
    os.utime(path, ns=(10**18, path.stat().st_mtime_ns))
    verified(engine, backup)
    assert path.stat().st_atime_ns == 10**18


def test_a_snapshot_that_is_not_there_cannot_be_verified(engine: Engine, backup: Backup) -> None:
    with pytest.raises(NotFound):
        engine.verifications.start(99)
    engine.backups.snapshots.take_away(engine.backups.snapshots.at(backup.backup_path).path)
    with pytest.raises(NotFound):
        engine.verifications.start(backup.id)


def test_a_snapshot_that_is_deleted_meanwhile_is_not_called_damaged(
    engine: Engine, backup: Backup, copy: Path
) -> None:
    make_endless(copy / 'file')
    started = engine.verifications.start(backup.id)
    reading(engine, started)
    engine.backups.snapshots.take_away(engine.backups.snapshots.at(backup.backup_path).path)
    ended = engine.verifications.wait(started.id, DEADLINE_S)
    assert (ended.status, ended.cause) == (Status.FAILED, 'snapshot_gone')
    assert engine.backups.get(backup.id).verify_status is None


def test_an_interrupted_one_says_so_and_one_that_waited_runs_after_the_next_start(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'x', sshd)
    with running_engine(tmp_path / 'data') as engine:
        backup = back_up(engine, job_for(engine, sshd, source).id)
        fields = {'backup_id': backup.id, 'job_id': backup.job_id, 'client_id': backup.client_id}
        running = engine.verifications.records.add(Verification(**fields, status=Status.RUNNING))
        waiting = engine.verifications.records.add(Verification(**fields))
    with running_engine(tmp_path / 'data') as engine:
        assert engine.verifications.get(running.id).status is Status.INTERRUPTED
        assert engine.verifications.wait(waiting.id, DEADLINE_S).verify_status == 'ok'


# --- by night ---


def test_by_night_it_verifies_the_share_whose_turn_was_longest_ago(
    tmp_path: Path, sshd: Sshd, source: Path
) -> None:
    clock = Clock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    engine = Engine(settings(tmp_path / 'data', TZ='UTC', verify_share=40), clock)
    engine.start()
    try:
        jobs = []
        for number in range(5):
            folder = source / str(number)
            folder.mkdir()
            (folder / 'file').write_bytes(os.urandom(1000))
            jobs.append(job_for(engine, sshd, folder))
        backups = [back_up(engine, job.id) for job in jobs]
        for backup, days in zip(backups, (3, 9, 1, None, 5), strict=True):
            if days:
                engine.backups.records.set(backup.id, verified_at=clock() - timedelta(days=days))
        clock.forward(datetime(2026, 11, 23, 3, 59, 58, tzinfo=UTC) - clock())

        until(lambda: engine.verifications.page().total == 2, 'the night', 15)
        until(lambda: all(run.status.finished for run in engine.verifications.page().items), 'their end')

        runs = list(reversed(engine.verifications.page().items))
        assert [(run.backup_id, run.trigger) for run in runs] == [
            (backups[3].id, Trigger.SCHEDULE),
            (backups[1].id, Trigger.SCHEDULE),
        ]
        assert all(run.verify_status == 'ok' for run in runs)
        second = [run.backup_id for run in engine.verifications.start_share()]
        assert second == [backups[4].id, backups[0].id]
    finally:
        engine.stop()


def test_no_night_is_planned_when_the_share_is_none(tmp_path: Path) -> None:
    engine = Engine(settings(tmp_path / 'data', verify_share=0))
    assert list(engine._due.planned()) == []
    assert engine.verifications.start_share() == []
