"""What a program sees of backups that wait: their place, why they wait, and that they can be taken out."""

from httpx import AsyncClient

from tests.support.engines import until
from tests.support.fake_engine import ScriptedEngine


async def started(api: AsyncClient, client_id: int, count: int) -> list[int]:
    ids = []
    for number in range(count):
        fields = {'client_id': client_id, 'name': f'job {number}', 'source_paths': ['/etc']}
        job = (await api.post('/api/jobs', json=fields)).json()['job_id']
        ids.append((await api.post(f'/api/jobs/{job}/run')).json()['backup_id'])
    return ids


async def test_what_waits_tells_its_place_and_why(
    api: AsyncClient, engine: ScriptedEngine, client_id: int
) -> None:
    engine.release.clear()
    changed = await api.put(f'/api/clients/{client_id}', json={'max_parallel': 1})
    assert changed.json()['max_parallel'] == 1
    first, second, third = await started(api, client_id, 3)
    until(lambda: len(engine.backups.page(status='running').items) == 1, 'the start')
    told = {one['id']: one for one in (await api.get('/api/backups')).json()}
    assert [told[number]['queue_position'] for number in (first, second, third)] == [None, 1, 2]
    assert told[second]['queued_reason'] == 'Another backup of this client must end first.'
    assert told[first]['queued_reason'] is None
    answer = await api.post(f'/api/backups/{second}/cancel')
    assert (answer.json()['status'], answer.json()['queue_position']) == ('cancelled', None)
    alone = (await api.get(f'/api/backups/{third}')).json()
    assert (alone['status'], alone['queue_position']) == ('queued', 1)
    history = (await api.get(f'/api/jobs/{alone["job_id"]}/history')).json()
    assert history[0]['queue_position'] == 1


async def test_a_client_takes_a_sensible_number_only(api: AsyncClient, client_id: int) -> None:
    for wrong in (0, 101, 'many'):
        answer = await api.put(f'/api/clients/{client_id}', json={'max_parallel': wrong})
        assert answer.status_code == 422
        assert 'max_parallel' in answer.json()['fields']
    assert (await api.put(f'/api/clients/{client_id}', json={'max_parallel': None})).status_code == 200
