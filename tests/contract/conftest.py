"""The API as a program talks to it: whole, with its guard of tokens, on a real store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from plumbus.api.application import create_api
from plumbus.api.security import Gate
from plumbus.config import Settings
from plumbus.engine import Engine
from tests.support.fake_engine import TIMEOUT_S, ScriptedEngine
from tests.support.sshd import Sshd

TOKEN = 'the-token-of-the-tests'
BEARER = {'Authorization': f'Bearer {TOKEN}'}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / 'data', api_token=TOKEN, timezone='Europe/Berlin')


@pytest.fixture
def engine(settings: Settings) -> Iterator[ScriptedEngine]:
    """Everything real but the runs, which a test directs."""
    made = ScriptedEngine(settings)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def api(engine: ScriptedEngine) -> AsyncIterator[AsyncClient]:
    """A program with a valid token."""
    async with _connected(engine, BEARER) as client:
        yield client


@pytest.fixture
async def stranger(engine: ScriptedEngine) -> AsyncIterator[AsyncClient]:
    """Someone who brings nothing along."""
    async with _connected(engine, {}) as client:
        yield client


@pytest.fixture
async def real_api(settings: Settings, sshd: Sshd) -> AsyncIterator[AsyncClient]:
    """A program with a valid token, an engine of which nothing is replaced, and a machine that lets it in."""
    real = Engine(settings)
    real.start()
    sshd.authorize(real.system.public_key().public_key)
    async with _connected(real, BEARER) as client:
        yield client
    real.stop()


@pytest.fixture
async def client_id(api: AsyncClient) -> int:
    fields = {'name': 'Pi in the attic', 'host': 'pi.local', 'username': 'pi'}
    return int((await api.post('/api/clients', json=fields)).json()['client_id'])


@pytest.fixture
async def job_id(api: AsyncClient, client_id: int) -> int:
    fields = {'client_id': client_id, 'name': 'Home', 'source_paths': ['/home/pi', '/etc']}
    return int((await api.post('/api/jobs', json=fields)).json()['job_id'])


@pytest.fixture
async def backup_id(api: AsyncClient, job_id: int) -> int:
    """A backup that has ended."""
    return int((await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()['backup_id'])


@pytest.fixture
async def running_id(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> int:
    """A backup that is halfway and waits to be released."""
    engine.release.clear()
    started = int((await api.post(f'/api/jobs/{job_id}/run')).json()['backup_id'])
    assert engine.halfway.wait(TIMEOUT_S)
    return started


def _connected(engine: Engine, headers: dict[str, str]) -> AsyncClient:
    transport = ASGITransport(create_api(engine, Gate(engine)), raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url='http://testserver', headers=headers)
