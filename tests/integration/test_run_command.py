"""`python main.py run`: against the running server, with the exit code of what became of the backup."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from plumbus.commands.run import line_of
from tests.support.served import ROOT, Served
from tests.support.sshd import Sshd


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as server:
        yield server


@pytest.fixture
def job_id(served: Served, sshd: Sshd, tmp_path: Path) -> int:
    source = sshd.folder / f'home-{tmp_path.name}'
    source.mkdir()
    (source / 'notes').write_text('fleeb')
    source.chmod(0o755)
    with served.api as api:
        sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
        fields = {'name': 'pi', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        client = api.post('/api/clients', json=fields).json()['id']
        job = {'client_id': client, 'name': 'home', 'source_path': str(source)}
        return int(api.post('/api/jobs', json=job).json()['id'])


def run(served: Served, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """As one does it in a shell beside the server: with its data folder and port, without its token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(('PLUMBUS_', 'PYTEST_'))}
    given = {'PLUMBUS_DATA_DIR': str(served.data), 'PLUMBUS_PORT': served.url.rpartition(':')[2], **settings}
    return subprocess.run(
        [sys.executable, str(ROOT / 'main.py'), 'run', *words], env={**kept, **given}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_it_waits_for_the_end_and_tells_it(served: Served, job_id: int) -> None:
    done = run(served, str(job_id))
    assert (done.returncode, done.stderr) == (0, '')
    assert 'backup 1 of home: completed' in done.stdout
    assert '1 files, 5 Bytes, 5 Bytes transferred' in done.stdout
    told = run(served, str(job_id), '--json')
    assert (orjson.loads(told.stdout)['id'], told.returncode) == (2, 0)
    with served.api as api:
        assert api.get('/api/tokens').json() == []


def test_the_exit_code_says_what_became_of_it(served: Served, job_id: int, sshd: Sshd) -> None:
    with served.api as api:
        source = Path(api.get(f'/api/jobs/{job_id}').json()['source_path'])
        (source / 'closed').write_text('nobody may read this')
        (source / 'closed').chmod(0)
        warned = run(served, str(job_id))
        assert (warned.returncode, 'closed' in warned.stdout) == (3, True)
        api.put(f'/api/jobs/{job_id}', json={'source_paths': ['/not there']})
        failed = run(served, str(job_id))
        assert (failed.returncode, 'not there' in failed.stdout) == (1, True)
        started = run(served, str(job_id), '--no-wait')
        assert (started.returncode, started.stdout) == (0, '3\n')


def test_what_cannot_be_is_a_sentence(served: Served, tmp_path: Path) -> None:
    assert 'There is no job 7' in run(served, '7').stderr
    nobody = run(served, '7', PLUMBUS_PORT='1')
    assert (nobody.returncode, 'No PLUMBUS answers at http://127.0.0.1:1' in nobody.stderr) == (1, True)
    assert 'There is no data folder' in run(served, '7', PLUMBUS_DATA_DIR=str(tmp_path / 'none')).stderr


def test_the_line_on_a_terminal_tells_how_far_it_is() -> None:
    progress = {
        'phase': 'fetching',
        'percent': 50.0,
        'bytes': 5_000_000,
        'bytes_total': 10_000_000,
        'rate_bps': 1e6,
        'eta_s': 65,
        'files': 3,
        'files_total': 1_200,
        'current_file': '/srv/film.mov',
    }
    begin = '[############------------]  50 %  5.0 MB of 10.0 MB, 1.0 MB/s, 1 minute and 5 seconds left'
    running = {'id': 1, 'status': 'running', 'progress': progress}
    assert line_of(running) == f'{begin}, 3 of 1,200 files'
    progress |= {'files': 0, 'files_total': 1}
    assert line_of(running) == f'{begin}, /srv/film.mov'
    assert line_of(
        {'id': 1, 'status': 'queued', 'progress': None, 'queued_reason': 'waits for quiet hours'}
    ) == ('backup 1: waits for quiet hours')
