"""Restores to a real machine: the right bytes in the right place, and a dry run that tells the truth."""

import os
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.errors import InvalidInput, NotFound
from plumbus.events import Event, Progressed
from plumbus.model import Status
from tests.support.engines import add_client, back_up, differences, job_for, restored, state_of, write
from tests.support.sshd import Sshd


@pytest.fixture
def notes(source: Path, sshd: Sshd) -> Path:
    (source / 'folder').mkdir()
    os.chown(source / 'folder', *sshd.ids)
    write(source / 'folder' / 'a', 'first', sshd)
    write(source / 'b', 'second', sshd)
    return source


def test_it_restores_one_file_to_another_folder(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    target = sshd.home / 'restored here'
    events: list[Event] = []
    engine.events.subscribe(events.append)
    restore = restored(engine, backup.id, paths=[str(notes / 'folder' / 'a')], restore_path=str(target))
    assert (restore.status, restore.error_message, restore.file_count) == (Status.COMPLETED, None, 1)
    assert (target / 'a').read_text() == 'first'
    assert [path.name for path in target.iterdir()] == ['a']
    told = [
        one.progress for one in events if isinstance(one, Progressed) and one.progress.phase == 'restoring'
    ]
    assert {(progress.files_total, progress.current_file) for progress in told} == {(1, f'{target}/a')}


def test_it_restores_a_folder_to_another_folder(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    target = sshd.home / 'restored folder'
    restored(engine, backup.id, paths=[str(notes / 'folder')], restore_path=str(target))
    assert (target / 'folder' / 'a').read_text() == 'first'


def test_it_puts_everything_back_where_it_came_from(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, zoo).id)
    snapshot = engine.backups.snapshots.at(backup.backup_path)
    before = state_of(snapshot.tree)
    (zoo / 'contents' / 'text').write_text('ruined')
    (zoo / 'links' / 'absolute').unlink()
    write(zoo / 'of today', 'stays', sshd)

    restore = restored(engine, backup.id)

    assert (restore.status, restore.error_message) == (Status.COMPLETED, None)
    assert (zoo / 'of today').read_text() == 'stays'
    (zoo / 'of today').unlink()
    assert differences(snapshot.tree / str(zoo).lstrip('/'), zoo).replace('.d..t...... ./\n', '') == ''
    assert state_of(snapshot.tree) == before


def test_it_puts_everything_below_another_folder_with_full_paths(
    engine: Engine, sshd: Sshd, notes: Path
) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    target = sshd.home / 'everything'
    assert restored(engine, backup.id, restore_path=str(target)).status is Status.COMPLETED
    assert (target / str(notes / 'b').lstrip('/')).read_text() == 'second'


def test_it_deletes_what_is_not_in_the_snapshot_only_when_told(
    engine: Engine, sshd: Sshd, notes: Path
) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    write(notes / 'folder' / 'later', 'later', sshd)
    restored(engine, backup.id, paths=[str(notes / 'folder')])
    assert (notes / 'folder' / 'later').exists()
    restore = restored(engine, backup.id, paths=[str(notes / 'folder')], delete=True)
    assert restore.status is Status.COMPLETED
    assert not (notes / 'folder' / 'later').exists()
    assert (notes / 'b').exists()


def test_it_refuses_paths_that_are_not_in_the_backup(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    with pytest.raises(NotFound, match='missing'):
        engine.restores.start(backup.id, {'paths': ['/missing']})
    with pytest.raises(InvalidInput) as refused:
        engine.restores.start(backup.id, {'paths': ['../etc/passwd'], 'restore_path': 'relative'})
    assert set(refused.value.fields) == {'paths', 'restore_path'}


def test_it_tells_why_a_restore_failed(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    restore = restored(engine, backup.id, restore_path='/proc/nowhere')
    assert restore.status is Status.FAILED
    assert restore.error_message
    assert 'restoring' in b''.join(engine.restores.log(restore.id)).decode()


def test_it_backs_up_and_restores_names_of_any_bytes(engine: Engine, sshd: Sshd, source: Path) -> None:
    folder = source / os.fsdecode(b'caf\xe9 \\#351\n')
    folder.mkdir()
    os.chown(folder, *sshd.ids)
    write(folder / os.fsdecode(b'\xff'), 'odd', sshd)
    listed = engine.clients.browse(add_client(engine, sshd).id, str(source))
    backup = back_up(
        engine, engine.jobs.create({'client_id': 1, 'name': 'odd', 'source_paths': [listed[0].path]}).id
    )
    assert (backup.status, backup.file_count) == (Status.COMPLETED, 1)
    inside = engine.backups.files(backup.id, listed[0].path).files
    target = sshd.home / 'odd'

    restored(engine, backup.id, paths=[inside[0].path], restore_path=str(target))

    assert (target / os.fsdecode(b'\xff')).read_text() == 'odd'
    restored(engine, backup.id, paths=[listed[0].path], restore_path=str(target))
    assert (target / folder.name / os.fsdecode(b'\xff')).read_text() == 'odd'


def test_it_backs_up_and_restores_folders_that_look_like_patterns(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    for name in ('all\\ * of [a]?', 'all\\ x of a', 'other'):
        (source / name).mkdir()
        os.chown(source / name, *sshd.ids)
        write(source / name / 'file', name, sshd)
    odd = source / 'all\\ * of [a]?'
    job = job_for(engine, sshd, odd, excludes=[f'{source}/other'])
    for _ in range(2):
        backup = back_up(engine, job.id)
        assert (backup.status, backup.file_count) == (Status.COMPLETED, 1)
    write(odd / 'file', 'ruined', sshd)
    assert restored(engine, backup.id, delete=True).status is Status.COMPLETED
    assert (odd / 'file').read_text() == odd.name
