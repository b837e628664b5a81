"""The commands as a user calls them, on data folders that real backups made."""

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from plumbus.engine import Engine
from plumbus.model import Backup, Status
from plumbus.transfer.keys import Keys
from tests.support.engines import (
    add_client,
    back_up,
    copy_of,
    differences,
    job_for,
    restored,
    running_engine,
    state_of,
    tree_of,
    until,
    write,
)
from tests.support.served import LIMIT_S, ROOT, TOKEN, Served
from tests.support.sshd import Sshd

PASSWORD = 'fleeb juice 42'
NOT_KEPT = {'updated_at'}


def command(
    data_dir: Path, *words: str, given: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `python main.py …` on a data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('PLUMBUS_')}
    return subprocess.run(
        [sys.executable, str(ROOT / 'main.py'), *words], cwd=data_dir.parent, input=given, capture_output=True, text=True,
        env=kept | {'PLUMBUS_DATA_DIR': str(data_dir), **settings}, timeout=LIMIT_S, check=False,
    )  # fmt: skip


def rescanned(data_dir: Path, *words: str) -> dict[str, Any]:
    """Run a rescan that must succeed, and return what it tells a program."""
    done = command(data_dir, 'rescan', '--json', *words)
    assert (done.returncode, done.stderr) == (0, '')
    return dict(orjson.loads(done.stdout))


def records(engine: Engine) -> dict[str, Any]:
    """What must come back as it was."""
    views = {'next_run'}
    return {
        'clients': [one.model_dump(exclude=NOT_KEPT) for one in engine.clients.all()],
        'jobs': [one.model_dump(exclude=NOT_KEPT | views) for one in engine.jobs.all()],
        'backups': [one.model_dump(exclude=NOT_KEPT | {'duration_s', 'end_time', 'revision'}) for one in engine.backups.page().items],
    }  # fmt: skip


@pytest.fixture
def files(source: Path, sshd: Sshd) -> Path:
    for number in range(20):
        write(source / f'{number}', f'content of {number}', sshd)
    return source


@pytest.fixture
def lost(tmp_path: Path, sshd: Sshd, files: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A data folder with two snapshots whose database is gone, and what was in it. A failed backup had come in between."""
    data_dir = tmp_path / 'data'
    with running_engine(data_dir) as engine:
        job = job_for(
            engine, sshd, files, name='nightly', schedule='30 2 * * 1-5', timezone='Europe/Berlin', excludes=['*.tmp'],
            retention={'keep_last': 9, 'keep_yearly': 2}, pre_command='true', bandwidth_limit_kib=100_000,
        )  # fmt: skip
        first = back_up(engine, job.id)
        engine.jobs.update(job.id, {'pre_command': 'exit 1'})
        assert back_up(engine, job.id).status is Status.FAILED
        engine.jobs.update(job.id, {'pre_command': None})
        write(files / 'new', 'new', sshd)
        assert back_up(engine, job.id).status is Status.COMPLETED
        engine.backups.edit(first.id, {'pinned': True, 'note': 'before the move'})
        known = records(engine)
    known['backups'] = [one for one in known['backups'] if one['status'] == 'completed']
    shutil.rmtree(data_dir / 'db')
    return data_dir, known


def newest(engine: Engine) -> Backup:
    return engine.backups.page(limit=1).items[0]


def test_a_lost_database_comes_back(lost: tuple[Path, dict[str, Any]], sshd: Sshd, files: Path) -> None:
    data_dir, known = lost
    before = {tree: state_of(tree) for tree in data_dir.glob('backups/*/*/2*/tree')}

    told = rescanned(data_dir)

    assert told['added'] == {'clients': 1, 'jobs': 1, 'backups': 2}
    assert (told['skipped'], told['need_password'], told['notes']) == ([], [], [])
    with running_engine(data_dir) as engine:
        assert records(engine) == known
        assert engine.backups.get(1).pinned
        assert engine.backups.files(1, str(files)).total == 20
        assert engine.backups.files(3, str(files), search='new').total == 1
        last = newest(engine)

        backup = back_up(engine, 1)

        assert (backup.id, backup.status, backup.error_message) == (4, Status.COMPLETED, None)
        assert (backup.transferred_bytes, backup.disk_bytes, backup.new_files) == (0, 0, 0)
        assert shared(copy_of(engine, last, files)) == shared(copy_of(engine, backup, files))
        assert differences(files, copy_of(engine, backup, files)) == ''
        (files / '7').write_text('ruined')
        restore = restored(engine, last.id, paths=[str(files / '7')])
        assert (restore.status, (files / '7').read_text()) == (Status.COMPLETED, 'content of 7')
        assert {tree: state_of(tree) for tree in before} == before


def shared(folder: Path) -> dict[str, int]:
    """The inodes of the files in a folder of a snapshot."""
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def test_a_new_machine_knows_the_clients_again(
    lost: tuple[Path, dict[str, Any]], tmp_path: Path, sshd: Sshd, files: Path
) -> None:
    old, known = lost
    new = tmp_path / 'moved'
    new.mkdir(mode=0o700)
    subprocess.run(['cp', '-a', str(old / 'backups'), str(new)], check=True)
    (new / 'backups' / '.plumbus-store').unlink()  # as `cp -a backups/*` leaves it behind

    told = rescanned(new)

    assert 'own SSH key' in told['notes'][0]
    assert Keys(new / 'keys').pinned('plumbus-client-1') == sshd.host_key_line
    with running_engine(new) as engine:
        client = engine.clients.get(1)
        assert client.model_dump(exclude=NOT_KEPT) == known['clients'][0]
        assert back_up(engine, 1).cause == 'auth'
        sshd.authorize(engine.system.public_key().public_key)
        backup = back_up(engine, 1)
        assert (backup.status, backup.transferred_bytes) == (Status.COMPLETED, 0)
        assert backup.id > 4


def test_another_machine_is_not_taken_for_a_client_that_came_back(
    lost: tuple[Path, dict[str, Any]], sshd: Sshd
) -> None:
    data_dir, _ = lost
    shutil.rmtree(data_dir / 'keys')
    rescanned(data_dir)
    Keys(data_dir / 'keys').forget('plumbus-client-1')
    with running_engine(data_dir) as engine, Sshd() as other:
        engine.clients._clients.set(1, port=other.port)
        tested = engine.clients.test(1)
        assert tested.cause == 'host_key_changed'
        assert tested.host_key is not None
        assert tested.host_key.status == 'changed'


def test_a_server_that_forgot_everything_says_so_and_mixes_nothing(
    lost: tuple[Path, dict[str, Any]], sshd: Sshd, files: Path
) -> None:
    data_dir, _ = lost
    with running_engine(data_dir) as engine:
        add_client(engine, sshd, name='another')
        other = job_for(engine, sshd, files, name='other')
        backup = back_up(engine, other.id)
        assert (other.client_id, other.id, backup.id) == (2, 2, 4)
        assert back_up(engine, other.id).backup_path
        assert len(list(data_dir.glob('backups/*/*/2*'))) == 4
    refused = command(data_dir, 'rescan')
    assert refused.returncode == 1
    assert '--merge' in refused.stderr

    told = rescanned(data_dir, '--merge')

    assert told['added'] == {'clients': 1, 'jobs': 1, 'backups': 2}
    with running_engine(data_dir) as engine:
        assert [one.id for one in engine.backups.page().items] == [5, 4, 3, 1]
        assert [one.name for one in engine.clients.all()] == ['sample', 'another']


def test_half_a_snapshot_and_a_damaged_one_are_skipped(
    lost: tuple[Path, dict[str, Any]], files: Path
) -> None:
    data_dir, _ = lost
    first, second = sorted(data_dir.glob('backups/*/*/2*'))
    (first / 'backup.json').write_bytes((first / 'backup.json').read_bytes()[:100])
    half = second.with_name('2026-01-01T000000Z')
    half.mkdir()
    shutil.copy(second / 'backup.json', half)

    done = command(data_dir, 'rescan')

    assert done.returncode == 0
    assert f'{first.relative_to(data_dir)}: ' in done.stdout
    assert f'{half.relative_to(data_dir)}: ' in done.stdout
    with running_engine(data_dir) as engine:
        assert [one.id for one in engine.backups.page().items] == [3]
        assert engine.backups.files(3, str(files)).total == 21


def test_a_suspicious_backup_that_someone_accepts_is_what_the_next_is_measured_by(
    engine: Engine, sshd: Sshd, files: Path
) -> None:
    job = job_for(engine, sshd, files)
    back_up(engine, job.id)
    for number in range(15):
        (files / f'{number}').unlink()
    shrunk = back_up(engine, job.id)
    assert shrunk.suspicious
    engine.backups.edit(shrunk.id, {'suspicious': False})
    assert back_up(engine, job.id).status is Status.COMPLETED
    assert (tree_of(engine, shrunk).parent / 'backup.json').read_text().count('"suspicious": false') == 1


def test_a_check_of_a_data_folder_in_use(tmp_path: Path) -> None:
    with Served(tmp_path, PLUMBUS_ADMIN_PASSWORD=PASSWORD) as server:
        port = server.url.rpartition(':')[2]
        done = command(server.data, 'check', '--json', PLUMBUS_PORT=port)
        found = orjson.loads(done.stdout)
        told = {one['topic']: one for one in found['checks']}
        assert (done.returncode, found['problems']) == (0, 0), found
        assert 'answers at' in told['port']['message']
        refused = command(server.data, 'rescan')
        assert refused.returncode == 1
        assert server.http.get('/api/health').status_code == 200


def test_a_check_tells_a_problem_with_its_remedy(lost: tuple[Path, dict[str, Any]]) -> None:
    data_dir, _ = lost
    (data_dir / 'keys' / 'id_ed25519').chmod(0o644)
    done = command(data_dir, 'check', PLUMBUS_PORT='0')
    assert done.returncode == 1
    assert f'-> chmod 600 {data_dir}/keys/id_ed25519' in done.stdout
    assert '-> Stop PLUMBUS and run: python main.py rescan' in done.stdout
    wrong = command(data_dir, 'check', PLUMBUS_PORT='99999')
    assert (wrong.returncode, wrong.stderr.startswith('A setting is wrong: port')) == (1, True)


def test_a_forgotten_password_is_set_in_a_terminal(tmp_path: Path) -> None:
    with Served(tmp_path, PLUMBUS_ADMIN_PASSWORD=PASSWORD) as server:
        form = {'username': 'admin', 'password': PASSWORD}
        assert server.http.post('/login', data=form).headers['location'] == '/'
        assert server.http.get('/').status_code == 200

        typed = typed_into(server.data, 'quite another one\n', 'quite another one\n')

        assert 'quite another' not in typed
        assert 'The password of admin is set.' in typed
        assert server.http.get('/').status_code == 303, 'the session has ended'
        assert 'error' in server.http.post('/login', data=form).headers['location']
        form['password'] = 'quite another one'
        assert server.http.post('/login', data=form).headers['location'] == '/'
        with server.api as api:
            assert api.headers['Authorization'] == f'Bearer {TOKEN}'
            assert api.get('/api/clients').status_code == 200


def test_two_different_passwords_change_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / 'data'
    assert 'not the same' in typed_into(data_dir, 'quite another one\n', 'quite an other one\n')
    assert not (data_dir / 'db').exists()


def typed_into(data_dir: Path, *lines: str) -> str:
    """Run set-password in a terminal, type the lines when it asks, and return all that the terminal showed."""
    terminal, inside = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith('PLUMBUS_')}
    child = subprocess.Popen(
        [sys.executable, str(ROOT / 'main.py'), 'set-password', '--data-dir', str(data_dir)],
        stdin=inside, stdout=inside, stderr=inside, start_new_session=True, env=kept,
    )  # fmt: skip
    os.close(inside)
    os.set_blocking(terminal, False)
    shown = b''

    def asked(count: int) -> bool:
        nonlocal shown
        shown += read_some(terminal)
        return shown.count(b': ') >= count

    for number, line in enumerate(lines, 1):
        until(lambda number=number: asked(number), 'the question', LIMIT_S)
        os.write(terminal, line.encode())
    until(lambda: asked(99) or child.poll() is not None, 'the end', LIMIT_S)
    child.wait(LIMIT_S)
    shown += read_some(terminal)
    os.close(terminal)
    return shown.decode()


def read_some(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nothing now, or the other end is closed
        return b''
