"""Undoing restores: what was there before comes back exactly, with sudo and without, again if it was cut off."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.errors import Conflict, InvalidInput
from plumbus.model import Restore, Status
from tests.integration.test_restore_plan import messy, ruin
from tests.support.engines import DEADLINE_S, back_up, job_for, restored, write
from tests.support.marks import needs_root
from tests.support.sshd import IS_ROOT, Sshd

__all__ = ['messy']
Facts = dict[str, tuple[object, ...]]


def whole_truth(folder: Path) -> Facts:
    """Everything about a folder and what is in it: kinds, contents, modes, owners, times, attributes, which names are links."""
    found: Facts = {}
    for path in (folder, *sorted(folder.rglob('*'))):
        status = path.lstat()
        plain = stat.S_ISREG(status.st_mode)
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if plain else ''
        attributes = {
            name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False)
        }
        found[str(path)] = (
            status.st_mode, content, status.st_uid, status.st_gid, status.st_mtime_ns, attributes, status.st_nlink if plain else 0,
        )  # fmt: skip
    return found


def undone(engine: Engine, restore: Restore) -> Restore:
    return engine.restores.wait(engine.restores.undo(restore.id).id, DEADLINE_S)


def ruin_more(folder: Path, sshd: Sshd) -> None:
    ruin(folder, sshd)
    os.setxattr(folder / 'edited', 'user.note', b'of today')
    os.chmod(folder / 'folder' / 'deep', 0o711)
    os.utime(folder / 'folder', ns=(5, 1_500_000_000_123_456_789))
    os.utime(folder / 'stranger', ns=(5, 1_400_000_000_987_654_321))
    os.utime(folder, ns=(5, 1_300_000_000_987_654_321))


@pytest.mark.parametrize('sudo', [False, pytest.param(True, marks=needs_root)])
def test_undo_brings_back_exactly_what_was_there(engine: Engine, sshd: Sshd, messy: Path, sudo: bool) -> None:
    if not sudo:
        _undo_all(engine, sshd, messy, client={})
        return
    with sshd.sudo_allowed():
        for name in ('same', 'folder', 'gone'):
            os.chown(messy / name, 0, 12345)
        (messy / 'folder').chmod(0o700)
        _undo_all(engine, sshd, messy, client={'use_sudo': True})


def _undo_all(engine: Engine, sshd: Sshd, messy: Path, client: dict[str, object]) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy, client=client).id)
    assert backup.status is Status.COMPLETED
    ruin_more(messy, sshd)
    before, beside = whole_truth(messy), set(os.listdir(messy.parent))

    restore = restored(engine, backup.id, delete=True, safety_copy=True)

    assert (restore.status, restore.error_message, restore.undoable) == (Status.COMPLETED, None, True)
    assert (messy / 'edited').read_text() == 'edited as it was'
    assert not (messy / 'stranger').exists()
    kept = Path(str(restore.safety_path))
    assert (kept / str(messy / 'stranger' / 'below' / 'file').lstrip('/')).read_text() == 'later'
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700

    back = undone(engine, restore)

    assert (back.status, back.error_message, back.notes) == (Status.COMPLETED, None, [])
    assert whole_truth(messy) == before
    assert set(os.listdir(messy.parent)) == beside
    assert (back.undo_of, engine.restores.get(restore.id).undone_by) == (restore.id, back.id)
    with pytest.raises(Conflict):
        engine.restores.undo(restore.id)


def test_undo_of_single_files_leaves_their_folders_as_they_were(
    engine: Engine, sshd: Sshd, messy: Path
) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin_more(messy, sshd)
    shutil.rmtree(messy / 'folder')
    os.utime(messy, ns=(5, 1_300_000_000_987_654_321))
    before = whole_truth(messy)
    chosen = [str(messy / name) for name in ('edited', 'gone', 'folder/deep')]
    restore = restored(engine, backup.id, safety_copy=True, paths=chosen)
    assert (messy / 'folder' / 'deep' / 'file').exists()
    assert Path(str(restore.safety_path)).parent == messy
    later = restored(engine, backup.id, delete=True, dry_run=True)
    assert not [change for change in later.changes if 'plumbus-before' in change['path']]
    assert undone(engine, restore).status is Status.COMPLETED
    assert whole_truth(messy) == before


def test_undo_of_a_restore_elsewhere_removes_what_it_made_but_nothing_else(
    engine: Engine, sshd: Sshd, messy: Path
) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    target = messy / 'new *'
    restore = restored(
        engine, backup.id, safety_copy=True, paths=[str(messy / 'folder')], restore_path=str(target)
    )
    assert (restore.status, restore.safety_path, restore.undoable) == (Status.COMPLETED, None, True)
    (target / 'folder' / 'stranger').write_text('mine')
    back = undone(engine, restore)
    assert [str(path.relative_to(target)) for path in sorted(target.rglob('*'))] == [
        'folder',
        'folder/stranger',
    ]
    assert 'something else lies in them' in back.notes[0]


def test_without_a_safety_copy_there_is_nothing_to_undo(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin(messy, sshd)
    dry = restored(engine, backup.id, safety_copy=True, dry_run=True)
    plain = restored(engine, backup.id)
    for restore in (dry, plain):
        assert (restore.undoable, restore.safety_path) == (False, None)
        with pytest.raises(Conflict, match='nothing to undo'):
            engine.restores.undo(restore.id)
    assert not [path for path in messy.parent.iterdir() if 'plumbus-before' in path.name]


def test_nothing_is_restored_if_the_copy_cannot_be_whole(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin(messy, sshd)
    os.chown(messy / 'edited', 0, 0)
    (messy / 'edited').chmod(0)
    before = whole_truth(messy)
    restore = restored(engine, backup.id, delete=True, safety_copy=True)
    assert (restore.status, restore.cause, restore.undoable) == (Status.FAILED, 'safety_copy', False)
    assert 'Nothing was restored' in str(restore.error_message)
    assert whole_truth(messy) == before


def test_where_nothing_can_be_made_beside_it_the_copy_is_in_the_home(
    engine: Engine, sshd: Sshd, messy: Path
) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin(messy, sshd)
    assert not os.access(messy.parent, os.W_OK) or IS_ROOT  # the login is another one
    restore = restored(engine, backup.id, safety_copy=True, delete=True)
    assert Path(str(restore.safety_path)).parent == sshd.home


def test_keys_bound_to_rsync_make_no_safety_copy(engine: Engine, sshd: Sshd, messy: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    engine.restores.clients.set(1, restricted=True)
    with pytest.raises(InvalidInput) as refused:
        engine.restores.start(backup.id, {'safety_copy': True})
    assert list(refused.value.fields) == ['safety_copy']


DYING = """#!/bin/sh
exec 3<&0
/usr/bin/rsync "$@" <&3 &
while kill -0 $! 2>/dev/null; do
    if {condition}; then kill -9 $!; fi
    sleep 0.002
done
wait $!
"""


@contextmanager
def cut_when(sshd: Sshd, key: str, condition: str) -> Iterator[None]:
    """While in this block an rsync over there dies as soon as a condition of the shell holds."""
    environment = sshd.path_with(scripts={'rsync': DYING.format(condition=condition)})
    sshd.authorized_keys.write_text('')
    sshd.authorize(key, environment=environment)
    yield
    sshd.authorized_keys.write_text('')
    sshd.authorize(key)


def test_a_restore_that_was_cut_off_can_be_undone_and_an_undo_that_was_run_again(
    engine: Engine, sshd: Sshd, messy: Path
) -> None:
    for number in range(300):
        write(messy / 'folder' / f'{number:03}', f'{number}', sshd)
    backup = back_up(engine, job_for(engine, sshd, messy).id)
    ruin_more(messy, sshd)
    for number in range(300):
        write(messy / 'folder' / f'{number:03}', f'{number} of today', sshd)
    before = whole_truth(messy)
    key = engine.system.public_key().public_key

    with cut_when(sshd, key, f'[ "$(cat {messy}/folder/050)" = 50 ]'):
        cut = restored(engine, backup.id, delete=True, safety_copy=True)
    assert (cut.status, cut.undoable) == (Status.FAILED, True)
    assert whole_truth(messy) != before
    with cut_when(sshd, key, f'[ "$(cat {messy}/folder/020)" = "20 of today" ]'):
        half = undone(engine, cut)
    assert (half.status, engine.restores.get(cut.id).undoable) == (Status.FAILED, True)

    assert undone(engine, cut).status is Status.COMPLETED

    assert whole_truth(messy) == before
