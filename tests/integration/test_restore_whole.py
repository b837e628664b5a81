"""Whole restores, in hard conditions: of what was wiped, as root and as an ordinary user, to another client, cut off and
run again, by keys that may not write."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.model import Status
from plumbus.transfer.names import path_text
from tests.support.engines import add_client, back_up, copy_of, differences, job_for, restored, write
from tests.support.marks import needs_root, needs_rrsync
from tests.support.sshd import Sshd
from tests.support.zoo import NAMES, give, make_many, make_zoo

HALF = re.compile(r'\*deleting .*/\.[^/]+\.\w{6}$')
CUT = """#!/bin/sh
exec 3<&0
/usr/bin/rsync "$@" <&3 &
while kill -0 $! 2>/dev/null; do
    if [ -e {file} ]; then kill -9 {whom}; fi
    sleep 0.005
done
wait $!
"""


def wipe(folder: Path) -> None:
    subprocess.run(['chmod', '-R', 'u+rwX', folder], check=False)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize('sudo', [False, pytest.param(True, marks=needs_root)])
def test_what_was_wiped_comes_back_without_a_difference(
    engine: Engine, sshd: Sshd, source: Path, tmp_path: Path, sudo: bool
) -> None:
    make_zoo(source, root=sudo, unreadable=sudo)
    if not sudo:
        give(source, *sshd.ids)
    with sshd.sudo_allowed():
        backup = back_up(engine, job_for(engine, sshd, source, client={'use_sudo': sudo}).id)
        assert backup.status is Status.COMPLETED
        known = tmp_path / 'known'
        subprocess.run(['rsync', '-aHAX', f'{source}/', f'{known}/'], check=True, timeout=60)
        wipe(source)
        restore = restored(engine, backup.id)
    assert (restore.status, restore.error_message) == (Status.COMPLETED, None)
    assert differences(known, source) == ''
    assert differences(copy_of(engine, backup, source), source) == ''


@needs_root
def test_single_files_of_any_name_come_back_on_another_client(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    make_zoo(source, root=False, unreadable=False)
    give(source, *sshd.ids)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    with Sshd() as other:
        client = add_client(engine, other, name='another one')
        target = other.home / 'from elsewhere'
        chosen = [path_text(os.fsencode(source) + b'/names/' + name) for name in NAMES]
        restore = restored(engine, backup.id, client_id=client.id, paths=chosen, restore_path=str(target))
        assert (restore.status, restore.client_id, restore.file_count) == (
            Status.COMPLETED,
            client.id,
            len(NAMES),
        )
        give(target, *sshd.ids)
        for folder in filter(Path.is_dir, (source / 'names').iterdir()):
            shutil.rmtree(folder)  # only files were asked for
        shutil.copystat(source / 'names', target)
        assert differences(source / 'names', target) == ''


@pytest.mark.parametrize('whom', ['$!', '$PPID'], ids=['rsync killed', 'connection cut'])
def test_a_restore_that_was_cut_off_is_completed_by_the_next_one(
    engine: Engine, sshd: Sshd, source: Path, whom: str
) -> None:
    make_many(source, 600)
    (source / 'big').write_bytes(os.urandom(2_000_000))
    give(source, *sshd.ids)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    wipe(source)
    trigger = source / '000' / '01' / 'file-150.txt'
    environment = sshd.path_with(scripts={'rsync': CUT.format(file=trigger, whom=whom)})
    key = engine.system.public_key().public_key
    sshd.authorized_keys.write_text('')
    sshd.authorize(key, environment=environment)

    cut = restored(engine, backup.id)

    assert (cut.status, bool(cut.error_message)) == (Status.FAILED, True)
    assert not (source / '000' / '05' / 'file-599.txt').exists()
    sshd.authorized_keys.write_text('')
    sshd.authorize(key)
    again = restored(engine, backup.id)
    assert (again.status, again.error_message) == (Status.COMPLETED, None)
    # Where the cut left rsync over there no time, half a file of its own lies there yet (rsync(1), --temp-dir).
    left = [
        line
        for line in differences(copy_of(engine, backup, source), source).splitlines()
        if not HALF.match(line)
    ]
    assert left == []


@needs_rrsync
@pytest.mark.parametrize('dry_run', [True, False])
def test_a_key_that_may_only_read_is_told_at_the_start(
    engine: Engine, sshd: Sshd, source: Path, dry_run: bool
) -> None:
    write(source / 'note', 'as it was', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    write(source / 'note', 'of today', sshd)
    sshd.authorized_keys.write_text('')
    sshd.authorize(engine.system.public_key().public_key, command='rrsync -ro /')
    assert engine.clients.test(1).success  # that is how PLUMBUS knows
    restore = restored(engine, backup.id, dry_run=dry_run)
    sshd.authorized_keys.write_text('')
    assert (restore.status, restore.cause) == (Status.FAILED, 'forced_command')
    assert 'may only read' in str(restore.error_message)
    assert 'Restore with another key, or to another client.' in str(restore.error_message)
    assert (source / 'note').read_text() == 'of today'


@needs_rrsync
def test_a_key_bound_to_one_folder_restores_there_and_says_so_elsewhere(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    for name in ('inside', 'outside'):
        (source / name).mkdir()
        os.chown(source / name, *sshd.ids)
        write(source / name / 'note', 'as it was', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    sshd.authorized_keys.write_text('')
    sshd.authorize(engine.system.public_key().public_key, command=f'rrsync {source}/inside')
    assert engine.clients.test(1).success
    chosen = [str(source / 'outside' / 'note')]
    elsewhere = restored(engine, backup.id, paths=chosen)
    there = restored(engine, backup.id, paths=chosen, restore_path='/new')
    sshd.authorized_keys.write_text('')
    assert (elsewhere.status, elsewhere.cause) == (Status.FAILED, 'bound_folder')
    assert 'rrsync line' in str(elsewhere.error_message)
    assert sorted(os.listdir(source / 'inside')) == ['new', 'note']
    assert there.status is Status.COMPLETED
    assert (source / 'inside' / 'new' / 'note').read_text() == 'as it was'
