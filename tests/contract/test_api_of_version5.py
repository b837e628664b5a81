"""A script that was written for the API of PLUMBUS 5.x: its requests are taken, and it finds what it looks for in the answers."""

import httpx
import pytest
from httpx import AsyncClient

CLIENT = {
    'id',
    'name',
    'host',
    'port',
    'username',
    'auth_method',
    'key_path',
    'use_sudo',
    'created_at',
    'updated_at',
}
JOB = {
    'id',
    'client_id',
    'name',
    'source_path',
    'schedule',
    'enabled',
    'created_at',
    'updated_at',
    'last_run',
    'client_name',
    'host',
    'username',
}
BACKUP = {
    'id',
    'job_id',
    'status',
    'start_time',
    'end_time',
    'size_bytes',
    'file_count',
    'error_message',
    'backup_path',
    'job_name',
    'client_name',
}
STATS = {
    'total_clients', 'total_jobs', 'enabled_jobs', 'total_backups', 'successful_backups', 'failed_backups', 'total_size_bytes', 'total_size_gb',
}  # fmt: skip


@pytest.fixture
async def job(api: AsyncClient) -> int:
    """As its page sent them: all fields of its forms, empty ones too."""
    client = await api.post(
        '/api/clients',
        json={
            'name': 'Pi', 'host': '127.0.0.1', 'port': 1, 'username': 'pi', 'auth_method': 'password', 'password': 'fleeb', 'key_path': None,
            'use_sudo': False,
        },
    )  # fmt: skip
    assert (client.status_code, client.json()['success']) == (201, True)
    sent = {
        'client_id': client.json()['client_id'],
        'name': 'Home',
        'source_path': '/home/pi',
        'schedule': '',
        'enabled': True,
    }
    made = await api.post('/api/jobs', json=sent)
    assert (made.status_code, made.json()['success']) == (201, True), made.text
    return int(made.json()['job_id'])


def fields(answer: httpx.Response) -> set[str]:
    found = answer.json()
    assert answer.status_code == 200, answer.text
    return set(found[0] if isinstance(found, list) else found)


async def test_it_finds_the_fields_it_knows(api: AsyncClient, job: int) -> None:
    assert fields(await api.get('/api/clients')) >= CLIENT
    assert fields(await api.get('/api/clients/1')) >= CLIENT
    assert fields(await api.get('/api/jobs')) >= JOB
    assert fields(await api.get(f'/api/jobs/{job}')) >= JOB
    assert fields(await api.get('/api/stats')) >= STATS
    ran = await api.post(f'/api/jobs/{job}/run')
    assert (ran.json()['success'], isinstance(ran.json()['backup_id'], int)) == (True, True)
    assert fields(await api.get('/api/backups')) >= BACKUP
    assert fields(await api.get(f'/api/jobs/{job}/history')) >= BACKUP


async def test_its_changes_are_taken(api: AsyncClient, job: int) -> None:
    for sent in ({'enabled': 0}, {'schedule': '0 2 * * *', 'enabled': 1}, {'source_path': '/etc'}):
        answer = await api.put(f'/api/jobs/{job}', json=sent)
        assert (answer.status_code, answer.json().get('success', True)) == (200, True), answer.text
    changed = (await api.get(f'/api/jobs/{job}')).json()
    assert (changed['schedule'], changed['enabled'], changed['source_path']) == ('0 2 * * *', True, '/etc')
    assert (await api.put('/api/clients/1', json={'host': 'pi.lan', 'use_sudo': 1})).status_code == 200
    assert (await api.delete(f'/api/jobs/{job}')).json()['success'] is True


async def test_a_test_tells_success_and_error(api: AsyncClient, job: int) -> None:
    told = (await api.post('/api/clients/1/test')).json()
    assert (told['success'], bool(told['error'])) == (False, True)
