"""What a program sees of a job that is overdue."""

from datetime import timedelta
from typing import Any

from httpx import AsyncClient

from plumbus.store.documents import utc_now
from tests.support.fake_engine import ScriptedEngine


async def job_of(api: AsyncClient, job_id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f'/api/jobs/{job_id}')).json()
    return found


async def test_a_job_tells_since_when_it_is_overdue(
    api: AsyncClient, engine: ScriptedEngine, client_id: int
) -> None:
    fields = {
        'client_id': client_id,
        'name': 'home',
        'source_paths': ['/'],
        'schedule': '* * * * *',
        'enabled': False,
    }
    made = (await api.post('/api/jobs', json={**fields, 'overdue_grace_minutes': 5})).json()
    assert (made['overdue'], made['overdue_since'], made['overdue_grace_minutes']) == (False, None, 5)
    job_id = made['job_id']
    engine.jobs.jobs.set(job_id, enabled=True, planned_since=utc_now() - timedelta(minutes=30))
    record = engine.jobs.jobs.get(job_id)
    engine.jobs.jobs.restore(record.model_copy(update={'created_at': utc_now() - timedelta(days=1)}))
    late = await job_of(api, job_id)
    assert late['overdue'] is True
    assert late['overdue_since']
    assert (await api.get('/api/jobs')).json()[0]['overdue'] is True
    assert (await api.get('/api/stats')).json()['overdue_jobs'] == 1
    await api.post(f'/api/jobs/{job_id}/run?wait=60')
    assert (await job_of(api, job_id))['overdue'] is False
    assert (await api.get('/api/stats')).json()['overdue_jobs'] == 0


async def test_a_grace_is_a_sensible_number(api: AsyncClient, client_id: int) -> None:
    fields = {'client_id': client_id, 'name': 'home', 'source_paths': ['/'], 'overdue_grace_minutes': -1}
    answer = await api.post('/api/jobs', json=fields)
    assert answer.status_code == 422
    assert 'overdue_grace_minutes' in answer.json()['fields']
