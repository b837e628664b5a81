"""Restores over the API. That files come back is shown with the backups and in the integration tests."""

import pytest
from httpx import AsyncClient

from plumbus.model import Status
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import TIMEOUT_S, ScriptedEngine


@pytest.fixture
async def backup_id(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> int:
    """A backup with a snapshot that holds one file."""
    tree = engine.settings.data_dir / 'backups' / 'pi-1' / 'home-1' / '2026-11-23T020000Z' / 'tree'
    file = tree / 'home' / 'pi' / 'notes.txt'
    file.parent.mkdir(parents=True)
    file.write_text('x')
    engine.ending['backup_path'] = str(tree.parent.relative_to(engine.settings.data_dir))
    return int((await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()['backup_id'])


async def test_a_restore_is_queued_shown_and_listed(api: AsyncClient, backup_id: int) -> None:
    body = {'paths': ['/home/pi/notes.txt'], 'restore_path': '/srv/new', 'dry_run': True}
    answer = await api.post(f'/api/backups/{backup_id}/restore', json=body)
    assert answer.status_code == 202
    assert answer.json() == {
        'success': True, 'restore_id': 1, 'status': 'queued', 'notes': [], 'missing': [], 'damaged': [],
    }  # fmt: skip
    restore = (await api.get('/api/restores/1')).json()
    assert restore['backup_id'] == backup_id
    assert (restore['paths'], restore['restore_path'], restore['dry_run']) == (
        ['/home/pi/notes.txt'],
        '/srv/new',
        True,
    )
    assert restore.keys() >= {
        'status',
        'client_id',
        'client_name',
        'error_message',
        'changes',
        'progress',
        'delete',
    }
    listed = await api.get('/api/restores')
    assert [item['id'] for item in listed.json()] == [1]
    assert listed.headers['x-total-count'] == '1'


async def test_everything_is_restored_when_nothing_is_named(api: AsyncClient, backup_id: int) -> None:
    restore = (await api.post(f'/api/backups/{backup_id}/restore?wait=60')).json()
    assert (restore['status'], restore['paths'], restore['restore_path']) == ('completed', [], None)
    assert restore['id'] == restore['restore_id']


@pytest.mark.parametrize(
    ('body', 'field'),
    [({'paths': ['x']}, 'paths'), ({'restore_path': '../x'}, 'restore_path'), ({'client_id': 99}, 'client_id'), ({'delete': 'x'}, 'delete')],
)  # fmt: skip
async def test_it_names_the_wrong_field(
    api: AsyncClient, backup_id: int, body: dict[str, object], field: str
) -> None:
    answer = await api.post(f'/api/backups/{backup_id}/restore', json=body)
    assert list(assert_problem(answer, 422)['fields']) == [field]


async def test_what_the_snapshot_does_not_hold_is_404(api: AsyncClient, backup_id: int) -> None:
    answer = await api.post(f'/api/backups/{backup_id}/restore', json={'paths': ['/home/pi/other.txt']})
    assert_problem(answer, 404)
    assert (await api.get('/api/restores')).json() == []


async def test_a_restore_is_cancelled(api: AsyncClient, engine: ScriptedEngine, backup_id: int) -> None:
    engine.halfway.clear()
    engine.release.clear()
    await api.post(f'/api/backups/{backup_id}/restore')
    assert engine.halfway.wait(TIMEOUT_S)
    assert (await api.post('/api/restores/1/cancel')).json()['success'] is True
    assert engine.restores.wait(1, TIMEOUT_S).status is Status.CANCELLED
    assert_problem(await api.post('/api/restores/1/cancel'), 409)
    log = await api.get('/api/restores/1/log')
    assert log.headers['content-type'] == 'text/plain; charset=utf-8'
    assert 'the machine answers' in log.text


async def test_a_restore_without_a_safety_copy_is_not_undone(
    api: AsyncClient, engine: ScriptedEngine, backup_id: int
) -> None:
    await api.post(f'/api/backups/{backup_id}/restore?wait=60')
    assert_problem(await api.post('/api/restores/1/undo'), 409)
    engine.restores.records.set(1, undoable=True)
    answer = await api.post('/api/restores/1/undo')
    assert (answer.status_code, answer.json()['restore_id']) == (202, 2)
    assert (await api.get('/api/restores/2')).json()['undo_of'] == 1


@pytest.mark.parametrize(
    ('method', 'path'), [('GET', ''), ('GET', '/log'), ('POST', '/cancel'), ('POST', '/undo')]
)
async def test_an_unknown_restore_is_404(api: AsyncClient, method: str, path: str) -> None:
    assert_problem(await api.request(method, f'/api/restores/7{path}'), 404)
