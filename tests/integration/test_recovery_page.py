"""The commands of docs/recovery.md, taken from the page and run: with cp and rsync alone, and on a new machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.engines import (
    add_client,
    back_up,
    copy_of,
    differences,
    running_engine,
    write,
)
from tests.support.marks import needs_root
from tests.support.served import ROOT, Served
from tests.support.sshd import Sshd
from tests.support.unprivileged import answered
from tests.support.zoo import give, make_zoo

PAGE = (ROOT / 'docs' / 'recovery.md').read_text(encoding='utf-8')
LIMIT_S = 120


def blocks(heading: str) -> list[str]:
    """The shell commands below a heading of the page, up to the next one."""
    text = re.split(r'^#+ ', PAGE.partition(f'{heading}\n')[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r'^```sh\n(.*?)^```', text, re.DOTALL | re.MULTILINE)


def shell(script: str, folder: Path, **settings: str) -> str:
    """Run commands of the page; the first that fails ends them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('PLUMBUS_')}
    done = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', script], cwd=folder, env=kept | settings, capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors='replace') + done.stdout.decode(errors='replace')
    return done.stdout.decode(errors='replace')


def put(script: str, **places: str) -> str:
    """The script with places of this machine instead of those of the page, each of which must be in it."""
    for name, place in places.items():
        written = PLACES[name]
        assert written in script, f'{written} is not in the page any more'
        script = script.replace(written, place)
    return script


PLACES = {
    'disk': '/mnt/disk', 'etc': 'tree/etc', 'target': '/tmp/back', 'machine': 'root@newmachine:/', 'data': '/srv/plumbus',
    'python': '.venv/bin/python main.py', 'first': '2026-11-22T020000Z', 'second': '2026-11-23T020000Z',
}  # fmt: skip


@pytest.fixture
def lost(tmp_path: Path, sshd: Sshd, source: Path) -> tuple[Path, Path]:
    """A data folder with two snapshots of a zoo, of which only backups/ is left, and a copy of how the zoo was at last."""
    make_zoo(source, root=True, unreadable=False)
    write(source / 'fstab', 'first', sshd)
    with sshd.sudo_allowed(), running_engine(tmp_path / 'old') as engine:
        client = add_client(engine, sshd, name='web', use_sudo=True)
        job = engine.jobs.create({'client_id': client.id, 'name': 'etc', 'source_paths': [str(source)]})
        back_up(engine, job.id)
        write(source / 'fstab', 'second', sshd)
        last = back_up(engine, job.id)
        known = tmp_path / 'known'
        subprocess.run(['rsync', '-aHAX', f'{copy_of(engine, last, source)}/', f'{known}/'], check=True)
    for name in os.listdir(tmp_path / 'old'):
        if name != 'backups':
            path = tmp_path / 'old' / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return tmp_path / 'old', known


@needs_root
def test_cp_and_rsync_are_enough(lost: tuple[Path, Path], source: Path, tmp_path: Path) -> None:
    disk, known = lost
    look, single, machine, versions = blocks('## Without PLUMBUS')
    back, new = tmp_path / 'back', tmp_path / 'new machine'
    for folder in (back, new):
        folder.mkdir()
    there = tmp_path / 'ssh'
    there.write_text('#!/bin/sh\nwhile [ "$1" != newmachine ]; do shift; done; shift\nexec sh -c "$*"\n')
    there.chmod(0o755)
    etc = f'tree{source}'
    script = put(look, disk=str(disk), etc=etc) + put(single, etc=etc, target=str(back))
    script += put(machine, machine=f'"root@newmachine:{new}/"') + 'ls -d 20*Z\n'

    snapshots = shell(script, tmp_path, RSYNC_RSH=str(there)).split()[-2:]

    assert (back / 'fstab').read_text() == 'second'
    assert differences(known, back / 'etc') == ''
    assert differences(known, Path(f'{new}{source}')) == ''
    versions = put(versions, etc=etc, first=snapshots[0], second=snapshots[1])
    told = shell(
        look.splitlines()[0].replace('/mnt/disk', str(disk)) + f'\n{versions.replace("diff ", "! diff ")}',
        tmp_path,
    )
    assert ('< first' in told, '> second' in told) == (True, True)


@needs_root
def test_a_new_machine_takes_over(lost: tuple[Path, Path], sshd: Sshd, source: Path, tmp_path: Path) -> None:
    disk, known = lost
    (script,) = blocks('## A new machine for PLUMBUS')
    data = tmp_path / 'data'
    told = shell(
        put(script, disk=str(disk), data=str(data), python=f'{sys.executable} {ROOT / "main.py"}'), tmp_path
    )
    assert 'web' in told
    shutil.rmtree(source)
    source.mkdir()
    give(source, *sshd.ids)
    with Served(tmp_path) as served, served.api as api, sshd.sudo_allowed():
        newest = answered(api.get('/api/backups'))[0]
        sshd.authorize(answered(api.get('/api/system/public-key'))['public_key'])
        restore = answered(api.post(f'/api/backups/{newest["id"]}/restore?wait=60', json={}))
        assert (restore['status'], restore['error_message']) == ('completed', None)
    assert differences(known, source) == ''
