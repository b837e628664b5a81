"""Dry runs of restores: what they list, with what lay there before, is what then happens. And restores that do not fit."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.model import Restore, Status
from tests.support.engines import back_up, job_for, restored, write
from tests.support.sshd import Sshd

Facts = dict[str, tuple[object, ...]]


@pytest.fixture
def messy(source: Path, sshd: Sshd) -> Path:
    """A folder to back up in which a lot will have changed when it is restored."""
    for name in ('same', 'edited', 'touched', 'closed', 'gone', 'was a folder', 'was a link'):
        write(source / name, f'{name} as it was', sshd)
    (source / 'link').symlink_to('same')
    os.link(source / 'same', source / 'second name')
    for name in ('folder', 'folder/deep', 'was a file', 'closed folder'):
        (source / name).mkdir()
    write(source / 'folder' / 'deep' / 'file', 'deep', sshd)
    write(source / 'was a file' / 'inside', 'inside', sshd)
    for path in source.rglob('*'):
        os.chown(path, *sshd.ids, follow_symlinks=False)
    return source


def ruin(folder: Path, sshd: Sshd) -> None:
    write(folder / 'edited', 'something quite different', sshd)
    os.utime(folder / 'touched', ns=(1, 1_000_000_000_000_000_001))
    (folder / 'closed').chmod(0o600)
    (folder / 'closed folder').chmod(0o700)
    (folder / 'gone').unlink()
    (folder / 'was a folder').unlink()
    (folder / 'was a folder').mkdir()
    write(folder / 'was a folder' / 'extra', 'extra', sshd)
    (folder / 'was a link').unlink()
    (folder / 'was a link').symlink_to('same')
    (folder / 'link').unlink()
    (folder / 'link').symlink_to('elsewhere')
    (folder / 'was a file' / 'inside').unlink()
    (folder / 'was a file').rmdir()
    write(folder / 'was a file', 'now a file', sshd)
    (folder / 'stranger' / 'below').mkdir(parents=True)
    write(folder / 'stranger' / 'below' / 'file', 'later', sshd)
    for path in folder.rglob('*'):
        os.chown(path, *sshd.ids, follow_symlinks=False)


def facts(folder: Path) -> Facts:
    """Kind, mode, owner, time and content of all below a folder; of folders no time, which changes with what is in them."""
    found: Facts = {}
    for path in sorted(folder.rglob('*')):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ''
        time = 0 if path.is_dir() and not path.is_symlink() else status.st_mtime_ns
        found[str(path)] = (kind, content, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, time)
    return found


def happened(before: Facts, after: Facts) -> dict[str, str]:
    """What became of each path, in the words of a dry run."""
    told = dict.fromkeys(after.keys() - before.keys(), 'create')
    told |= dict.fromkeys(before.keys() - after.keys(), 'delete')
    for path in before.keys() & after.keys():
        if before[path] != after[path]:
            told[path] = 'attributes' if before[path][:2] == after[path][:2] else 'overwrite'
    return told


def listed(restore: Restore) -> dict[str, str]:
    return {change['path']: change['action'] for change in restore.changes}


def test_what_a_dry_run_lists_is_what_then_happens(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin(messy, sshd)
    before = facts(messy)

    dry = restored(engine, backup.id, delete=True, dry_run=True)
    assert (dry.status, facts(messy)) == (Status.COMPLETED, before)
    real = restored(engine, backup.id, delete=True)

    assert real.status is Status.COMPLETED
    told = listed(dry)
    told.pop(str(messy), None)  # its time
    # rsync sends a file of another time again: nobody can tell it from one with other content
    assert told | {str(messy / 'touched'): 'attributes'} == happened(before, facts(messy))
    assert real.summary == dry.summary
    assert {action: counts['count'] for action, counts in dry.summary.items()} == {
        action: list(listed(dry).values()).count(action) for action in dry.summary
    }
    assert real.changes == []


def test_it_tells_of_both_sides_of_an_overwritten_file(engine: Engine, sshd: Sshd, messy: Path) -> None:
    os.utime(messy / 'edited', (1_700_000_000, 1_700_000_000))
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin(messy, sshd)
    os.utime(messy / 'edited', (1_600_000_000, 1_600_000_000))

    dry = restored(engine, backup.id, delete=True, dry_run=True)

    changes = {change['path'].removeprefix(f'{messy}/'): change for change in dry.changes}
    assert changes['edited'] == {
        'path': f'{messy}/edited', 'action': 'overwrite', 'kind': 'file', 'what': ['content', 'size', 'modified'],
        'size': len('edited as it was'), 'modified': '2023-11-14T22:13:20+00:00',
        'old_kind': 'file', 'old_size': len('something quite different'), 'old_modified': '2020-09-13T12:26:40+00:00',
    }  # fmt: skip
    assert changes['closed']['what'] == ['mode']
    assert changes['link']['what'][0] == 'target'
    assert (changes['was a file']['action'], changes['was a file']['what']) == ('overwrite', ['kind'])
    assert (changes['was a folder']['old_kind'], changes['was a folder']['kind']) == ('folder', 'file')
    deleted = changes['stranger/below/file']
    assert (deleted['action'], deleted['size'], deleted['old_size']) == ('delete', None, len('later'))
    assert changes['gone']['old_kind'] is None
    overwritten = dry.summary['overwrite']
    assert overwritten['old_bytes'] >= len('something quite different')


def test_folders_above_that_are_lost_come_back_as_they_were(engine: Engine, sshd: Sshd, messy: Path) -> None:
    (messy / 'folder').chmod(0o750)
    os.utime(messy / 'folder', ns=(5, 1_300_000_000_987_654_321))
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    was = facts(messy)
    shutil.rmtree(messy / 'folder')
    chosen = [str(messy / 'folder' / 'deep' / 'file')]
    dry = restored(engine, backup.id, paths=chosen, dry_run=True)
    assert set(listed(dry)) == {str(messy / name) for name in ('folder', 'folder/deep', 'folder/deep/file')}
    real = restored(engine, backup.id, paths=chosen)
    assert (real.status, real.summary) == (Status.COMPLETED, dry.summary)
    assert facts(messy) == was
    assert (messy / 'folder').stat().st_mtime_ns == 1_300_000_000_987_654_321


def test_it_tells_what_happens_in_another_folder(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    target = sshd.home / f'planned {os.getpid()}'
    dry = restored(engine, backup.id, paths=[str(messy / 'folder')], restore_path=str(target), dry_run=True)
    assert not target.exists()
    assert {path: action for path, action in listed(dry).items() if path != str(target)} == {
        str(target / name): 'create' for name in ('folder', 'folder/deep', 'folder/deep/file')
    }
    assert dry.summary['create']['bytes'] == len('deep')


def test_it_restores_into_folders_of_any_name(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    parent = messy / 'targets'
    for other in ('all x of y', 'a', 'backslash1', 'back\\slash1', 'all * of \\?'):
        (parent / other / 'new').mkdir(parents=True, exist_ok=True)
    for folder in (parent, *parent.rglob('*')):
        os.chown(folder, *sshd.ids)
    expected = set()
    for name in ('all * of \\?', '[ab]', 'back\\slash*', "it's $(id) `x`\\"):
        target = parent / name / 'new'
        chosen = {'paths': [str(messy / 'edited')], 'restore_path': str(target)}
        dry = restored(engine, backup.id, dry_run=True, **chosen)
        assert listed(dry).get(str(target / 'edited')) == 'create'
        assert restored(engine, backup.id, **chosen).status is Status.COMPLETED
        expected.add(target / 'edited')
        assert {path for path in parent.rglob('*') if path.is_file()} == expected


def test_it_refuses_before_a_byte_moves_what_does_not_fit(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    df = '#!/bin/sh\necho Filesystem\necho "/dev/full 1000 1000 0 100% /"\n'
    small = sshd.path_with(scripts={'df': df, **{name: _same(name) for name in ('tail', 'printf')}})
    _only_with(sshd, engine, small)
    target = sshd.home / f'too small {os.getpid()}'
    try:
        restore = restored(engine, backup.id, restore_path=str(target))
    finally:
        _only_with(sshd, engine, {})
    assert (restore.status, restore.cause) == (Status.FAILED, 'no_room_there')
    assert '0 Bytes are free' in str(restore.error_message)
    assert not target.exists()


def test_it_goes_on_with_a_note_where_nobody_knows_the_room(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    target = sshd.home / f'unknown {os.getpid()}'
    _only_with(sshd, engine, sshd.path_with())
    try:
        restore = restored(engine, backup.id, restore_path=str(target))
    finally:
        _only_with(sshd, engine, {})
    assert restore.status is Status.COMPLETED
    assert 'could not be told' in ' '.join(restore.notes)


def _same(name: str) -> str:
    return f'#!/bin/sh\nexec /usr/bin/{name} "$@"\n'


def _only_with(sshd: Sshd, engine: Engine, environment: dict[str, str]) -> None:
    sshd.authorized_keys.write_text('')
    sshd.authorize(engine.system.public_key().public_key, environment=environment)


def test_it_tells_what_a_snapshot_lacks(engine: Engine, sshd: Sshd, messy: Path) -> None:
    closed = messy / 'nobody may read this'
    write(closed, 'x', sshd)
    closed.chmod(0)
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    assert backup.status is Status.WARNING
    dry = restored(engine, backup.id, dry_run=True)
    assert [text.partition(':')[0] for text in dry.missing] == [str(closed)]
    assert 'ended with a warning' in dry.notes[0]
    one = restored(engine, backup.id, paths=[str(messy / 'same')], dry_run=True)
    assert one.missing == []


def test_it_names_damaged_files(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    snapshot = engine.backups.snapshots.at(backup.backup_path)
    file = snapshot.tree / str(messy / 'edited').lstrip('/')
    times = file.stat().st_mtime_ns
    file.write_text('edited as it WAS')
    os.utime(file, ns=(times, times))
    engine.verifications.wait(engine.verifications.start(backup.id).id, 60)
    restore = engine.restores.start(backup.id, {'dry_run': True})
    assert restore.damaged == [str(messy / 'edited')]
    assert 'damaged' in restore.notes[0]
