"""What the server tells of itself over the API."""

import pytest
from httpx import AsyncClient

from plumbus import __version__
from plumbus.errors import StoreError
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import ScriptedEngine

STATS = {
    'total_clients', 'total_jobs', 'enabled_jobs', 'total_backups', 'successful_backups', 'failed_backups', 'success_rate',
    'total_size_bytes', 'total_size_gb', 'protected_bytes', 'disk_bytes', 'disk_free_bytes', 'disk_total_bytes', 'running', 'queued',
    'overdue_jobs', 'version',
}  # fmt: skip


async def test_it_tells_its_version(stranger: AsyncClient) -> None:
    assert (await stranger.get('/api/version')).json() == {'version': __version__}


async def test_it_is_healthy(stranger: AsyncClient) -> None:
    assert (await stranger.get('/api/health')).json() == {'status': 'ok'}


async def test_it_is_not_healthy_when_the_store_cannot_be_written(
    stranger: AsyncClient, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StoreError('The disk is full.', 'Free some space.')

    monkeypatch.setattr(engine.system.database, 'check_writable', fail)
    assert (
        assert_problem(await stranger.get('/api/health'), 503)['error']
        == 'The disk is full. Free some space.'
    )


async def test_it_is_not_healthy_when_the_scheduler_is_dead(
    stranger: AsyncClient, engine: ScriptedEngine
) -> None:
    engine._scheduler.stop(timeout_s=5)
    assert 'scheduler' in assert_problem(await stranger.get('/api/health'), 503)['error']


async def test_it_is_not_healthy_when_all_workers_are_dead(
    stranger: AsyncClient, engine: ScriptedEngine
) -> None:
    assert engine._queue.stop(timeout_s=5)
    assert 'workers' in assert_problem(await stranger.get('/api/health'), 503)['error']


async def test_it_counts(api: AsyncClient, job_id: int) -> None:
    before = (await api.get('/api/stats')).json()
    assert before.keys() >= STATS
    assert (before['total_clients'], before['total_jobs'], before['total_backups']) == (1, 1, 0)
    await api.post(f'/api/jobs/{job_id}/run?wait=60')
    after = (await api.get('/api/stats')).json()
    assert (after['total_backups'], after['successful_backups'], after['failed_backups']) == (1, 1, 0)
    assert after['success_rate'] == 100
    assert after['disk_total_bytes'] > after['disk_free_bytes'] > 0
    assert after['version'] == __version__


async def test_it_shows_its_public_key(api: AsyncClient) -> None:
    told = (await api.get('/api/system/public-key')).json()
    assert told['public_key'].startswith('ssh-ed25519 ')
    assert told['public_key'] in told['install_command']
    assert '\n' not in told['install_command']
