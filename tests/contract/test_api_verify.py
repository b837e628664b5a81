"""Verifications over the API. That damage is found is shown by the integration tests."""

import pytest
from httpx import AsyncClient

from plumbus.backup.manifest import Entry, ManifestWriter
from plumbus.model import Status
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import TIMEOUT_S, ScriptedEngine


@pytest.fixture
async def backup_id(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> int:
    """A backup with a snapshot that holds one file, of which the manifest says something else than the tree."""
    snapshot = engine.settings.data_dir / 'backups' / 'pi-1' / 'home-1' / '2026-11-23T020000Z'
    file = snapshot / 'tree' / 'notes.txt'
    file.parent.mkdir(parents=True)
    file.write_text('x')
    status = file.stat()
    with ManifestWriter(snapshot / 'manifest.msgpack.zst') as manifest:
        manifest.add(
            Entry(
                b'notes.txt',
                'f',
                1,
                int(status.st_mtime),
                0o600,
                status.st_uid,
                status.st_gid,
                b'?' * 16,
                'xxh128',
            )
        )
    file.chmod(0o600)
    engine.ending['backup_path'] = str(snapshot.relative_to(engine.settings.data_dir))
    return int((await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()['backup_id'])


async def test_a_verification_is_queued_shown_and_listed(
    api: AsyncClient, engine: ScriptedEngine, backup_id: int
) -> None:
    answer = await api.post(f'/api/backups/{backup_id}/verify')
    assert answer.status_code == 202
    assert answer.json() == {'success': True, 'verify_id': 1, 'status': 'queued'}
    engine.verifications.wait(1, TIMEOUT_S)
    verification = (await api.get('/api/verifications/1')).json()
    assert (verification['backup_id'], verification['trigger'], verification['verify_status']) == (
        backup_id,
        'api',
        'damaged',
    )
    assert verification.keys() >= {
        'status',
        'progress',
        'start_time',
        'end_time',
        'error_message',
        'shared_with',
        'warnings',
    }
    for path in ('/api/verifications', f'/api/verifications?backup_id={backup_id}'):
        listed = await api.get(path)
        assert [item['id'] for item in listed.json()] == [1]
        assert listed.headers['x-total-count'] == '1'
    assert (await api.get('/api/verifications?backup_id=99')).json() == []


async def test_its_end_is_told_at_the_backup(api: AsyncClient, backup_id: int) -> None:
    before = (await api.get(f'/api/backups/{backup_id}')).json()
    assert (before['verified_at'], before['verify_status'], before['verify_errors']) == (None, None, [])
    answer = (await api.post(f'/api/backups/{backup_id}/verify?wait=60')).json()
    assert answer['success'] is True
    assert answer['verify_id'] == answer['id'] == 1
    assert (answer['status'], answer['file_count'], answer['error_count']) == ('warning', 1, 1)
    after = (await api.get(f'/api/backups/{backup_id}')).json()
    assert after['verified_at']
    assert after['verify_status'] == 'damaged'
    assert after['verify_errors'] == answer['verify_errors'] == ['/notes.txt has other content.']
    assert 'data folder' in answer['error_message']


async def test_a_verification_is_cancelled_while_it_waits_for_backups(
    api: AsyncClient, engine: ScriptedEngine, backup_id: int, client_id: int
) -> None:
    engine.release.clear()
    await api.put(f'/api/clients/{client_id}', json={'max_parallel': 9})
    for number in range(engine.settings.max_parallel + 1):  # one more than there are places
        fields = {'client_id': client_id, 'name': f'busy {number}', 'source_paths': ['/etc']}
        job = (await api.post('/api/jobs', json=fields)).json()['job_id']
        assert (await api.post(f'/api/jobs/{job}/run')).status_code == 202
    assert (await api.post(f'/api/backups/{backup_id}/verify')).status_code == 202
    assert (await api.get('/api/verifications/1')).json()['progress']['phase'] == 'queued'
    assert_problem(await api.post(f'/api/backups/{backup_id}/verify'), 409)
    answer = await api.post('/api/verifications/1/cancel')
    assert answer.json()['success'] is True
    assert engine.verifications.wait(1, TIMEOUT_S).status is Status.CANCELLED
    assert_problem(await api.post('/api/verifications/1/cancel'), 409)
    assert (await api.get(f'/api/backups/{backup_id}')).json()['verify_status'] is None


async def test_it_has_a_log(api: AsyncClient, backup_id: int) -> None:
    await api.post(f'/api/backups/{backup_id}/verify?wait=60')
    log = await api.get('/api/verifications/1/log')
    assert log.headers['content-type'] == 'text/plain; charset=utf-8'
    assert '/notes.txt has other content.' in log.text


async def test_what_has_no_snapshot_cannot_be_verified(
    api: AsyncClient, engine: ScriptedEngine, job_id: int
) -> None:
    without = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()['backup_id']
    assert_problem(await api.post(f'/api/backups/{without}/verify'), 404)
    assert_problem(await api.post('/api/backups/99/verify'), 404)
    assert (await api.get('/api/verifications')).json() == []


@pytest.mark.parametrize(('method', 'path'), [('GET', ''), ('GET', '/log'), ('POST', '/cancel')])
async def test_an_unknown_verification_is_404(api: AsyncClient, method: str, path: str) -> None:
    assert_problem(await api.request(method, f'/api/verifications/7{path}'), 404)


async def test_a_stranger_learns_nothing(stranger: AsyncClient) -> None:
    assert_problem(await stranger.get('/api/verifications'), 401)
    assert_problem(await stranger.post('/api/backups/1/verify'), 401)
