"""`python main.py` as a process: started, logged in to, watched, stopped."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.support.sshd import Sshd

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30.0
TOKEN = 'the-token-of-the-tests'
PASSWORD = 'fleeb juice 42'


class Served:
    """PLUMBUS as its users start it, on a free port."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.data = folder / 'data'
        self.output = folder / 'output.txt'
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('PLUMBUS_', 'NICEGUI_', 'PYTEST_'))
        }
        self._environment = kept | {
            'PLUMBUS_API_TOKEN': TOKEN,
            'PLUMBUS_DATA_DIR': str(self.data),
            **settings,
        }
        self._arguments = arguments
        self._folder = folder
        self.seconds = 0.0

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self.output.open('wb') as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / 'main.py'), '--port', '0', *self._arguments],
                cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self.url = wait_for(self._address)
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=LIMIT_S)
        wait_for(self._healthy)
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT_S)

    @property
    def api(self) -> httpx.Client:
        """A client with the token."""
        return httpx.Client(
            base_url=self.url, trust_env=False, timeout=LIMIT_S, headers={'Authorization': f'Bearer {TOKEN}'}
        )

    @property
    def text(self) -> str:
        """What it has written to the terminal."""
        return self.output.read_text()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal and return exit code and seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S), time.monotonic() - began

    def memory(self) -> int:
        """Resident memory in bytes."""
        status = Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.findall(r'VmRSS:\s+(\d+) kB', status)[0]) * 1024

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.text
        found = re.search(r'serves (http://\S+)', self.text)
        return found.group(1) if found else None

    def _healthy(self) -> bool:
        assert self.process.poll() is None, self.text
        with contextlib.suppress(httpx.TransportError):
            return self.http.get('/api/health').status_code == 200
        return False


def wait_for(condition: Any) -> Any:
    """Return what the condition returns as soon as that is true."""
    deadline = time.monotonic() + LIMIT_S
    while not (result := condition()):
        assert time.monotonic() < deadline, 'It took too long.'
        time.sleep(0.02)
    return result


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


def test_it_is_ready_soon_and_small(served: Served) -> None:
    assert served.http.get('/api/version').status_code == 200
    assert served.http.get('/login').status_code == 200
    assert served.memory() < 150_000_000
    assert served.seconds < 3 or (os.getloadavg()[0] > (os.cpu_count() or 1)), (
        f'ready after {served.seconds:.1f} s'
    )


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


def test_behind_https_the_cookie_is_secure(served: Served) -> None:
    form = {'username': 'admin', 'password': PASSWORD}
    answer = served.http.post('/login', data=form, headers={'X-Forwarded-Proto': 'https'})
    assert 'secure' in answer.headers['set-cookie'].lower()


def test_guessing_is_slowed_down(served: Served) -> None:
    form = {'username': 'admin', 'password': 'wrong'}
    places = [served.http.post('/login', data=form).headers['location'] for _ in range(4)]
    assert places[:3] == ['/login?error=1'] * 3
    assert 'Try%20again%20in%201%20seconds' in places[3]


def test_the_first_visit_sets_the_password(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        code = re.findall(r'with the code (\S+)', server.text)[0]
        foreign = {'X-Forwarded-For': '192.168.1.7'}
        assert server.http.get('/').headers['location'] == '/setup'
        assert server.http.get('/api/clients').status_code == 401
        form = {'code': 'WRONG', 'password': PASSWORD}
        refused = server.http.post('/setup', data=form, headers=foreign)
        assert refused.headers['location'].startswith('/setup?error=The%20code%20is%20wrong')
        accepted = server.http.post('/setup', data=form | {'code': code}, headers=foreign)
        assert accepted.headers['location'] == '/'
        assert server.http.get('/').status_code == 200
        assert server.http.post('/setup', data=form).headers['location'] == '/login'


def test_on_this_machine_the_first_visit_needs_no_code(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        weak = server.http.post('/setup', data={'password': 'short'})
        assert 'at%20least%208' in weak.headers['location']
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
        code, seconds = served.stop()
        assert code == 0
        assert seconds < 9, 'a container gets ten seconds'
        told = [line for line in lines if line.startswith('data: ')]
    assert told
    assert 'Traceback' not in served.text
    assert 'exceeded' not in served.text, 'the stream ended by itself'
    stored = json.loads((served.data / 'db' / 'history.json').read_text())
    assert stored['backups'][str(slow_backup)]['status'] == 'interrupted'


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_nothing_runs(served: Served, number: int) -> None:
    code, seconds = served.stop(number)
    assert code == 0
    assert seconds < 5
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
