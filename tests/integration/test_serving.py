"""`python main.py` as a process: started, logged in to, watched, stopped."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.served import LIMIT_S, ROOT, TOKEN, Served, wait_for
from tests.support.sshd import Sshd

PASSWORD = 'fleeb juice 42'


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, PLUMBUS_ADMIN_PASSWORD=PASSWORD) as server:
        yield server


@pytest.fixture
def slow_backup(served: Served, sshd: Sshd, tmp_path: Path) -> Iterator[int]:
    """A running backup that would take minutes."""
    source = sshd.folder / f'slow-{tmp_path.name}'
    source.mkdir()
    (source / 'large.bin').write_bytes(os.urandom(20_000_000))
    with served.api as api:
        sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
        client = {'name': 'Sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        client_id = api.post('/api/clients', json=client).json()['client_id']
        assert api.post(f'/api/clients/{client_id}/test').json()['success'] is True
        job = {'client_id': client_id, 'name': 'Slow', 'source_path': str(source), 'bandwidth_limit_kib': 200}
        job_id = api.post('/api/jobs', json=job).json()['job_id']
        backup_id = api.post(f'/api/jobs/{job_id}/run').json()['backup_id']
        wait_for(lambda: api.get(f'/api/backups/{backup_id}').json()['status'] == 'running')
    yield backup_id
    (source / 'large.bin').unlink()


def test_it_is_ready_and_small(served: Served) -> None:
    assert served.http.get('/api/version').status_code == 200
    assert served.http.get('/login').status_code == 200
    assert served.memory() < 150_000_000


def test_it_logs_to_the_terminal_and_to_a_file_but_no_secrets(served: Served) -> None:
    with served.api as api:
        assert api.get('/api/clients').status_code == 200
    for text in (served.text, (served.data / 'logs' / 'plumbus.log').read_text()):
        assert 'serves http://127.0.0.1:' in text
        assert 'ERROR' not in text
        assert TOKEN not in text
        assert PASSWORD not in text
    assert served.data.stat().st_mode & 0o077 == 0
    assert not (served.output.parent / '.nicegui').exists()


def test_a_browser_logs_in_and_out(served: Served) -> None:
    http = served.http
    assert http.get('/').headers['location'] == '/login?next=/'
    wrong = http.post('/login', data={'username': 'admin', 'password': 'wrong', 'next': '/backups'})
    assert (wrong.status_code, wrong.headers['location']) == (303, '/login?error=1&next=/backups')
    assert 'set-cookie' not in wrong.headers
    right = http.post(
        '/login', data={'username': 'admin', 'password': PASSWORD, 'next': '/backups?status=failed'}
    )
    assert (right.status_code, right.headers['location']) == (303, '/backups?status=failed')
    cookie = right.headers['set-cookie']
    assert cookie.startswith('plumbus_session=')
    assert {'httponly', 'samesite=lax', 'path=/'} <= {part.strip().lower() for part in cookie.split(';')}
    assert 'secure' not in cookie.lower()
    assert http.get('/').status_code == 200
    assert http.get('/api/clients').json() == []
    assert http.post('/logout').headers['location'] == '/login'
    assert http.get('/').status_code == 303


def test_guessing_is_slowed_down(served: Served) -> None:
    form = {'username': 'admin', 'password': 'wrong'}
    places = [served.http.post('/login', data=form).headers['location'] for _ in range(12)]
    assert places[:3] == ['/login?error=1'] * 3
    # On a busy machine the first pauses may be over before the next guess comes; but each is longer than the one before.
    assert any(place.startswith('/login?error=wait-') for place in places[3:])


def test_the_first_visit_sets_the_password(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        code = re.findall(r'with the code (\S+)', server.text)[0]
        foreign = {'X-Forwarded-For': '192.168.1.7'}
        assert server.http.get('/').headers['location'] == '/setup'
        assert server.http.get('/api/clients').status_code == 401
        form = {'code': 'WRONG', 'password': PASSWORD}
        refused = server.http.post('/setup', data=form, headers=foreign)
        assert refused.headers['location'] == '/setup?error=1'
        accepted = server.http.post('/setup', data=form | {'code': code}, headers=foreign)
        assert accepted.headers['location'] == '/'
        assert server.http.get('/').status_code == 200
        assert server.http.post('/setup', data=form).headers['location'] == '/login'


def test_on_this_machine_the_first_visit_needs_no_code(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        weak = server.http.post('/setup', data={'password': 'short'})
        assert weak.headers['location'] == '/setup?error=password'
        assert server.http.post('/setup', data={'password': PASSWORD}).headers['location'] == '/'


def test_a_stream_flows_while_the_backup_runs_and_ends_when_nobody_reads(
    served: Served, slow_backup: int
) -> None:
    with served.api as api, api.stream('GET', f'/api/backups/{slow_backup}/events') as stream:
        assert stream.headers['content-type'].startswith('text/event-stream')
        names = set()
        for line in stream.iter_lines():
            if line.startswith('event: '):
                names.add(line[7:])
            if {'status', 'log', 'progress'} <= names:
                break
    with served.api as api:
        assert api.get(f'/api/backups/{slow_backup}').json()['status'] == 'running'
        assert api.get('/api/health').status_code == 200


def test_it_stops_in_time_with_streams_and_waits_open(served: Served, slow_backup: int) -> None:
    with served.api as api, api.stream('GET', f'/api/backups/{slow_backup}/events') as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith('event: ')
        assert served.stop() == 0
        told = [line for line in lines if line.startswith('data: ')]
    assert told
    assert 'Traceback' not in served.text
    assert 'exceeded' not in served.text, 'the stream ended by itself'
    stored = json.loads((served.data / 'db' / 'history.json').read_text())
    assert stored['backups'][str(slow_backup)]['status'] == 'interrupted', 'the files are whole after the end'


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_nothing_runs(served: Served, number: int) -> None:
    assert served.stop(number) == 0
    assert 'Traceback' not in served.text


def test_a_port_in_use_is_told_plainly(tmp_path: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        told = run_main(tmp_path, '--port', str(other.getsockname()[1]))
    assert told.returncode == 1
    assert 'Address already in use' in told.stderr
    assert '--port' in told.stderr
    assert 'Traceback' not in told.stderr


@pytest.mark.parametrize(
    ('name', 'value', 'told_as'),
    [('PLUMBUS_MAX_PARALLEL', 'many', 'max_parallel'), ('PLUMBUS_PORT', '99999', 'port'), ('TZ', 'Mars/Olympus', 'TZ')],
)  # fmt: skip
def test_a_wrong_setting_is_told_plainly(tmp_path: Path, name: str, value: str, told_as: str) -> None:
    told = run_main(tmp_path, **{name: value})
    assert told.returncode == 1
    assert f'A setting is wrong: {told_as} ' in told.stderr
    assert 'Traceback' not in told.stderr


def test_an_unwritable_data_folder_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    told = run_main(tmp_path, '--data-dir', str(tmp_path / 'file'))
    assert told.returncode == 1
    assert told.stderr.startswith('PLUMBUS cannot start.')
    assert 'Traceback' not in told.stderr


def run_main(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Given a command line that must fail, return what comes of it."""
    environment = {**os.environ, 'PLUMBUS_DATA_DIR': str(folder / 'data'), **settings}
    return subprocess.run(
        [sys.executable, str(ROOT / 'main.py'), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
