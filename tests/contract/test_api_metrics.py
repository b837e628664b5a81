"""/metrics: text for Prometheus, for those with a token, or for everybody where that is set."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from plumbus.api.application import create_api
from plumbus.api.security import Gate
from plumbus.config import Settings
from plumbus.engine import Engine
from tests.contract.test_api_access import assert_problem


async def test_it_tells_of_a_backup_that_was_made(api: AsyncClient, job_id: int, backup_id: int) -> None:
    answer = await api.get('/metrics')
    assert answer.headers['content-type'] == 'text/plain; version=0.0.4; charset=utf-8'
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    (status,) = families['plumbus_job_status'].samples
    expected = {'job_id': str(job_id), 'job': 'Home', 'client': 'Pi in the attic', 'status': 'completed'}
    assert status.labels == expected
    assert families['plumbus_scheduler_alive'].samples[0].value == 1
    assert backup_id


async def test_it_wants_a_token(stranger: AsyncClient) -> None:
    assert_problem(await stranger.get('/metrics'), 401)


@pytest.fixture
async def passer_by(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """A stranger to a PLUMBUS with open metrics."""
    engine = Engine(Settings(_env_file=None, data_dir=tmp_path, metrics_open=True))
    transport = ASGITransport(create_api(engine, Gate(engine)), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url='http://testserver') as client:
        yield client


async def test_it_may_be_open_and_nothing_else_then_is(passer_by: AsyncClient) -> None:
    assert 'plumbus_build_info' in (await passer_by.get('/metrics')).text
    for path in ('/api/jobs', '/api/stats', '/metrics/', '/api/openapi.json'):
        assert (await passer_by.get(path)).status_code in {401, 404}
    wrong = {'Authorization': 'Bearer wrong'}
    assert_problem(await passer_by.get('/metrics', headers=wrong), 401)
