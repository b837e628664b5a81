"""`python main.py` started by an ordinary user: by nobody where the tests run as root."""

import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.served import ROOT, Served
from tests.support.sshd import Sshd

NOBODY = 65534
AS_NOBODY = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups']
ENVIRONMENT = {'PYTHONPATH': f'{ROOT}:{sysconfig.get_path("purelib")}', 'PYTHONDONTWRITEBYTECODE': '1'}
WAIT_S = 60


class Unprivileged(Served):
    """PLUMBUS of a user who is not root, with `folder` for a home, which becomes his."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder, **{**ENVIRONMENT, 'HOME': str(folder), **settings})
        subprocess.run(['chown', '-hR', f'{NOBODY}:{NOBODY}', folder], check=True)
        python = python_for_nobody()
        if python is None:
            pytest.skip(
                'Nobody may run the Python of these tests, or read PLUMBUS: they lie in a closed folder.'
            )
        self._command = [*AS_NOBODY, python, *self._command[1:]]


@cache
def python_for_nobody() -> str | None:
    """A Python that nobody may run with all that PLUMBUS needs; None if there is none (this one may lie in root's home)."""
    same_version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    for found in (sys.executable, shutil.which(same_version, path='/usr/local/bin:/usr/bin:/bin')):
        if found and _works(found):
            return found
    return None


def _works(python: str) -> bool:
    done = subprocess.run(
        [*AS_NOBODY, python, '-c', 'import plumbus, orjson, pydantic'],
        cwd='/', env={**os.environ, **ENVIRONMENT}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode == 0


def add_job(api: httpx.Client, sshd: Sshd, *paths: Path, sudo: bool = True) -> int:
    """A job for these paths on a client of its own, reached with PLUMBUS's key."""
    sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
    fields = {'name': 'sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user, 'use_sudo': sudo}
    client = answered(api.post('/api/clients', json=fields))['client_id']
    job = {'client_id': client, 'name': 'job', 'source_paths': [str(path) for path in paths]}
    return int(answered(api.post('/api/jobs', json=job))['job_id'])


def back_up(api: httpx.Client, job_id: int) -> dict[str, Any]:
    """Run a job and return its ended backup."""
    answered(api.post(f'/api/jobs/{job_id}/run?wait={WAIT_S}'))
    return dict(answered(api.get(f'/api/jobs/{job_id}/history'))[0])


def restored(api: httpx.Client, backup_id: int, **fields: Any) -> dict[str, Any]:
    """Start a restore and return it ended."""
    return dict(answered(api.post(f'/api/backups/{backup_id}/restore?wait={WAIT_S}', json=fields)))


def answered(answer: httpx.Response) -> Any:
    """Given an answer of the API, return what it holds; fail with what it says if it is a refusal."""
    assert answer.is_success, answer.text
    return answer.json()
