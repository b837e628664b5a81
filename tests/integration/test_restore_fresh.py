"""Restores to where nothing lies yet: planned from the snapshot alone, to the very plan that a dry run of rsync would make."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from plumbus.backup.changes import Plan, Planned
from plumbus.backup.destination import Order
from plumbus.backup.fresh import Fresh
from plumbus.backup.pushing import Push
from plumbus.engine import Engine
from plumbus.model import Backup, Restore, Status
from tests.integration.test_fresh_plan import alike
from tests.support.engines import back_up, differences, job_for, restored, write
from tests.support.marks import needs_root, needs_rrsync
from tests.support.sshd import Sshd
from tests.support.zoo import give, make_zoo


def wipe(folder: Path) -> None:
    if folder.exists():
        subprocess.run(['chmod', '-R', 'u+rwX', folder], check=False)
    shutil.rmtree(folder, ignore_errors=True)


class Watched:
    """What restores planned, and whether they did so without a dry run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plans: list[list[Planned]] = []
        self.shortened = True
        carry_out, nothing_there = Push._carry_out, Fresh.nothing_there

        def seen(push: Push, order: Order, plan: Plan, *others: Any) -> dict[str, Any]:
            self.plans.append(alike(list(plan)))
            return carry_out(push, order, plan, *others)

        def known(fresh: Fresh, destination: Any) -> Any:
            return nothing_there(fresh, destination) if self.shortened else None

        monkeypatch.setattr(Push, '_carry_out', seen)
        monkeypatch.setattr(Fresh, 'nothing_there', known)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def without_dry_run(engine: Engine, restore: Restore) -> bool:
    return b'nothing lies there yet' in b''.join(engine.restores.log(restore.id))


def record(restore: Restore) -> dict[str, Any]:
    names = {'status', 'error_message', 'warnings', 'exit_code', 'file_count', 'transferred_bytes', 'changes', 'summary', 'notes', 'undoable', 'safety_path'}  # fmt: skip
    return restore.model_dump(include=names)


def both_ways(engine: Engine, watched: Watched, backup: Backup, gone: Path, **fields: Any) -> Restore:
    """Restore with a dry run and without, and see that plan and record are the same. Return the latter."""
    watched.plans.clear()
    watched.shortened = False
    wipe(gone)
    long = restored(engine, backup.id, safety_copy=True, **fields)
    watched.shortened = True
    wipe(gone)
    short = restored(engine, backup.id, safety_copy=True, **fields)
    assert (without_dry_run(engine, long), without_dry_run(engine, short)) == (False, True)
    assert short.status is Status.COMPLETED
    assert record(short) == record(long)
    assert watched.plans[0] == watched.plans[1]
    wipe(gone)
    quick = restored(engine, backup.id, **fields)
    assert without_dry_run(engine, quick)
    assert quick.summary == short.summary
    return short


@pytest.mark.parametrize('sudo', [False, pytest.param(True, marks=needs_root)])
def test_plans_and_records_are_those_of_a_dry_run(
    engine: Engine, sshd: Sshd, source: Path, tmp_path: Path, watched: Watched, sudo: bool
) -> None:
    zoo = source / 'zoo'
    make_zoo(zoo, root=sudo, unreadable=sudo)
    if sudo:
        for device in ('block device', 'character device'):
            (zoo / 'special' / device).unlink()
    else:
        give(zoo, *sshd.ids)
    known = tmp_path / 'known'
    target = sshd.home / f'fresh {os.getpid()}'
    with sshd.sudo_allowed():
        backup = back_up(engine, job_for(engine, sshd, zoo, client={'use_sudo': sudo}).id)
        assert backup.status is Status.COMPLETED
        subprocess.run(['rsync', '-aHAX', f'{zoo}/', f'{known}/'], check=True, timeout=60)

        both_ways(engine, watched, backup, zoo)
        assert differences(known, zoo) == ''
        both_ways(engine, watched, backup, target, restore_path=str(target))
        assert differences(known, target / str(zoo)[1:]) == ''
        chosen = [str(zoo / 'hard'), str(zoo / 'names')]
        both_ways(engine, watched, backup, target, restore_path=str(target), paths=chosen)
        assert differences(known / 'hard', target / 'hard') == ''
        chosen = [str(zoo / 'contents' / 'text'), str(zoo / 'contents' / 'binary')]
        both_ways(engine, watched, backup, zoo, paths=chosen)
        assert sorted(os.listdir(zoo / 'contents')) == ['binary', 'text']
        wipe(target)


def test_undo_removes_what_it_made(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, zoo).id)
    shutil.rmtree(zoo / 'hard')
    os.utime(zoo, ns=(5, 1_300_000_000_987_654_321))
    restore = restored(engine, backup.id, paths=[str(zoo / 'hard')], safety_copy=True)
    assert without_dry_run(engine, restore)
    assert (zoo / 'hard' / 'other' / 'follower').exists()
    undo = engine.restores.wait(engine.restores.undo(restore.id).id, 60)
    assert (undo.status, undo.file_count) == (Status.COMPLETED, 6)
    assert not (zoo / 'hard').exists()
    assert zoo.stat().st_mtime_ns == 1_300_000_000_987_654_321


# -- where it takes a dry run


@pytest.fixture
def notes(source: Path, sshd: Sshd) -> Path:
    for folder in ('a', 'b'):
        (source / folder).mkdir()
        write(source / folder / 'note', f'{folder} as it was', sshd)
        os.chown(source / folder, *sshd.ids)
    return source


def test_something_at_one_of_the_places_takes_a_dry_run(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    chosen = [str(notes / 'a' / 'note'), str(notes / 'b' / 'note')]
    (notes / 'a' / 'note').unlink()
    restore = restored(engine, backup.id, paths=chosen)
    assert (restore.status, without_dry_run(engine, restore)) == (Status.COMPLETED, False)
    assert restore.summary['create']['count'] == 1
    (notes / 'a' / 'note').unlink()
    (notes / 'a' / 'note').symlink_to('nowhere')
    linked = restored(engine, backup.id, paths=chosen[:1])
    assert (linked.status, without_dry_run(engine, linked)) == (Status.COMPLETED, False)
    assert linked.summary['overwrite']['count'] == 1


def test_a_folder_on_the_way_takes_a_dry_run(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    target = sshd.home / f'some way {os.getpid()}'
    first = target / str(notes)[1:].split('/')[0]
    first.mkdir(parents=True)
    for folder in (target, first):
        os.chown(folder, *sshd.ids)
    restore = restored(engine, backup.id, restore_path=str(target))
    assert (restore.status, without_dry_run(engine, restore)) == (Status.COMPLETED, False)
    assert restore.summary['attributes']['count'] == 1  # of the folder that was there
    shutil.rmtree(target)
    again = restored(engine, backup.id, restore_path=str(target))
    assert (again.status, without_dry_run(engine, again)) == (Status.COMPLETED, True)
    shutil.rmtree(target)


def test_what_may_not_be_looked_at_is_not_taken_for_nothing(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    closed = sshd.folder / f'closed-{os.getpid()}'
    closed.mkdir(mode=0o700)
    a_file = sshd.folder / f'file-{os.getpid()}'
    a_file.touch()
    for target in (closed, a_file):
        restore = restored(
            engine, backup.id, paths=[str(notes / 'a')], restore_path=str(target), safety_copy=True
        )
        assert (restore.status, without_dry_run(engine, restore)) == (Status.FAILED, False)
        assert restore.error_message
    assert os.listdir(closed) == []
    closed.rmdir()
    a_file.unlink()


def test_two_of_one_name_and_previews_take_a_dry_run(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    target = sshd.home / f'one name {os.getpid()}'
    chosen = [str(notes / 'a' / 'note'), str(notes / 'b' / 'note')]
    preview = restored(engine, backup.id, paths=chosen[:1], restore_path=str(target), dry_run=True)
    assert not without_dry_run(engine, preview)
    assert [change['action'] for change in preview.changes if change['kind'] == 'file'] == ['create']
    restore = restored(engine, backup.id, paths=chosen, restore_path=str(target))
    assert (restore.status, without_dry_run(engine, restore)) == (Status.COMPLETED, False)
    assert os.listdir(target) == ['note']
    shutil.rmtree(target)


def test_without_a_whole_manifest_a_dry_run_tells(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    manifest = engine.backups.snapshots.at(backup.backup_path).manifest
    manifest.write_bytes(manifest.read_bytes()[:-10])
    target = sshd.home / f'no manifest {os.getpid()}'
    restore = restored(engine, backup.id, restore_path=str(target))
    assert (restore.status, without_dry_run(engine, restore)) == (Status.COMPLETED, False)
    assert (target / str(notes)[1:] / 'a' / 'note').read_text() == 'a as it was'
    shutil.rmtree(target)


# -- how it fails, and by which keys it works


@needs_rrsync
def test_keys_bound_to_rsync_need_no_dry_run_either(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    key = engine.system.public_key().public_key
    sshd.authorized_keys.write_text('')
    sshd.authorize(key, command='rrsync /')
    assert engine.clients.test(1).success
    shutil.rmtree(notes / 'a')
    restore = restored(engine, backup.id, paths=[str(notes / 'a' / 'note')])
    assert (restore.status, without_dry_run(engine, restore)) == (Status.COMPLETED, True)
    assert restore.summary['create']['count'] == 2
    assert (notes / 'a' / 'note').read_text() == 'a as it was'
    (notes / 'a' / 'note').unlink()
    sshd.authorized_keys.write_text('')
    sshd.authorize(key, command='rrsync -ro /')
    refused = restored(engine, backup.id, paths=[str(notes / 'a' / 'note')])
    assert (refused.status, refused.cause) == (Status.FAILED, 'forced_command')
    assert 'may only read' in str(refused.error_message)


def test_no_room_is_told_before_a_byte_moves(engine: Engine, sshd: Sshd, notes: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    df = '#!/bin/sh\necho Filesystem\necho "/dev/full 1000 1000 0 100% /"\n'
    same = {name: f'#!/bin/sh\nexec /usr/bin/{name} "$@"\n' for name in ('tail', 'printf')}
    sshd.authorized_keys.write_text('')
    key = engine.system.public_key().public_key
    sshd.authorize(key, environment=sshd.path_with(scripts={'df': df, **same}))
    target = sshd.home / f'no room {os.getpid()}'
    restore = restored(engine, backup.id, paths=[str(notes / 'a')], restore_path=str(target))
    assert (restore.status, restore.cause) == (Status.FAILED, 'no_room_there')
    assert without_dry_run(engine, restore)
    assert str(target) in str(restore.error_message)
    assert not target.exists()


def test_where_it_may_not_write_that_is_told_as_ever(
    engine: Engine, sshd: Sshd, notes: Path, watched: Watched
) -> None:
    backup = back_up(engine, job_for(engine, sshd, notes).id)
    closed = sshd.folder / f'read-only-{os.getpid()}'
    closed.mkdir(mode=0o755)
    told = []
    for watched.shortened in (True, False):
        restore = restored(engine, backup.id, paths=[str(notes / 'a')], restore_path=str(closed))
        assert without_dry_run(engine, restore) is watched.shortened
        told.append((restore.status, restore.cause, restore.error_message, restore.warnings))
    assert told[0] == told[1]
    assert restore.status is Status.FAILED
    closed.rmdir()
