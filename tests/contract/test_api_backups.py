"""Backups over the API: listed, watched, noted, cancelled, looked into."""

from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from plumbus.errors import TransferFailed
from plumbus.model import Status
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import TIMEOUT_S, ScriptedEngine
from tests.support.sshd import Sshd

SHOWN = {
    'id', 'job_id', 'job_name', 'client_id', 'client_name', 'trigger', 'status', 'start_time', 'end_time', 'duration_s', 'size_bytes',
    'transferred_bytes', 'disk_bytes', 'file_count', 'new_files', 'changed_files', 'deleted_files', 'exit_code', 'error_message', 'warnings',
    'backup_path', 'verified_at', 'verify_status', 'pinned', 'note', 'progress',
}  # fmt: skip
PROGRESS = {
    'phase', 'percent', 'bytes', 'bytes_total', 'files', 'files_total', 'rate_bps', 'eta_s', 'current_file',
}  # fmt: skip


async def test_it_shows_all_of_a_backup(api: AsyncClient, backup_id: int) -> None:
    backup = (await api.get(f'/api/backups/{backup_id}')).json()
    assert backup.keys() >= SHOWN
    assert (backup['status'], backup['client_name'], backup['job_name']) == (
        'completed',
        'Pi in the attic',
        'Home',
    )
    assert (backup['progress'], backup['pinned'], backup['note'], backup['warnings']) == (None, False, '', [])
    assert backup['start_time'] <= backup['end_time']
    assert backup['start_time'].endswith('+00:00')


async def test_it_shows_progress_while_it_runs(api: AsyncClient, running_id: int) -> None:
    backup = (await api.get(f'/api/backups/{running_id}')).json()
    assert backup['status'] == 'running'
    progress = backup['progress']
    assert progress.keys() >= PROGRESS
    assert (progress['phase'], progress['percent'], progress['bytes']) == ('fetch', 50, 500)
    assert (progress['bytes_total'], progress['files_total']) == (1000, 3)
    assert progress['current_file'] == '/home/pi/half.bin'


async def test_it_lists_newest_first_in_pages(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> None:
    engine.error = TransferFailed('It failed.')
    await api.post(f'/api/jobs/{job_id}/run?wait=60')
    engine.error = None
    for _ in range(2):
        await api.post(f'/api/jobs/{job_id}/run?wait=60')
    for query, ids, total in [
        ('', [3, 2, 1], 3),
        ('?limit=2', [3, 2], 3),
        ('?limit=2&offset=2', [1], 3),
        ('?offset=9', [], 3),
        ('?status=failed', [1], 1),
        ('?status=failed,completed', [3, 2, 1], 3),
        (f'?job_id={job_id}&client_id=1', [3, 2, 1], 3),
        ('?job_id=9', [], 0),
        ('?client_id=9', [], 0),
        ('?client_id=&job_id=&status=&limit=100&offset=0', [3, 2, 1], 3),
    ]:
        answer = await api.get(f'/api/backups{query}')
        assert [backup['id'] for backup in answer.json()] == ids, query
        assert answer.headers['x-total-count'] == str(total), query


@pytest.mark.parametrize(
    ('query', 'field'),
    [
        ('limit=0', 'limit'), ('limit=10001', 'limit'), ('limit=x', 'limit'), ('offset=-1', 'offset'), ('status=done', 'status'),
        ('client_id=x', 'client_id'), ('job_id=1.5', 'job_id'),
    ],
)  # fmt: skip
async def test_it_names_the_wrong_parameter(api: AsyncClient, query: str, field: str) -> None:
    assert list(assert_problem(await api.get(f'/api/backups?{query}'), 422)['fields']) == [field]


async def test_a_backup_is_pinned_and_noted(api: AsyncClient, backup_id: int) -> None:
    path = f'/api/backups/{backup_id}'
    changed = await api.put(path, json={'pinned': True})
    assert changed.json()['success'] is True
    await api.put(path, json={'note': 'before the move'})
    backup = (await api.get(path)).json()
    assert (backup['pinned'], backup['note']) == (True, 'before the move')
    assert list(assert_problem(await api.put(path, json={'note': 7}), 422)['fields']) == ['note']
    assert_problem(await api.delete(path), 409)


async def test_a_backup_is_deleted(api: AsyncClient, backup_id: int) -> None:
    assert (await api.delete(f'/api/backups/{backup_id}')).json() == {'success': True}
    assert_problem(await api.get(f'/api/backups/{backup_id}'), 404)


async def test_a_running_backup_is_cancelled_not_deleted(
    api: AsyncClient, engine: ScriptedEngine, running_id: int
) -> None:
    assert_problem(await api.delete(f'/api/backups/{running_id}'), 409)
    assert (await api.post(f'/api/backups/{running_id}/cancel')).json()['success'] is True
    assert engine.backups.wait(running_id, TIMEOUT_S).status is Status.CANCELLED
    backup = (await api.get(f'/api/backups/{running_id}')).json()
    assert (backup['status'], backup['progress']) == ('cancelled', None)
    assert_problem(await api.post(f'/api/backups/{running_id}/cancel'), 409)


async def test_the_log_is_text(api: AsyncClient, backup_id: int) -> None:
    answer = await api.get(f'/api/backups/{backup_id}/log')
    assert answer.headers['content-type'] == 'text/plain; charset=utf-8'
    lines = answer.text.splitlines()
    assert lines[0].endswith(' the machine answers')
    assert lines[-1].endswith(' the end')


@pytest.mark.parametrize('path', ['log', 'events', 'files', 'cancel', 'restore'])
async def test_an_unknown_backup_is_404(api: AsyncClient, path: str) -> None:
    method = 'POST' if path in {'cancel', 'restore'} else 'GET'
    assert_problem(await api.request(method, f'/api/backups/7/{path}'), 404)


class TestOnARealMachine:
    """A real backup, looked into."""

    @pytest.fixture
    async def real_backup(self, real_api: AsyncClient, sshd: Sshd, tmp_path: Path) -> dict[str, Any]:
        source = sshd.folder / tmp_path.name
        (source / 'deep').mkdir(parents=True)
        (source / 'a.conf').write_text('a = 1\n')
        (source / 'deep' / 'b.conf').write_text('b = 2\n')
        (source / 'link').symlink_to('a.conf')
        (source / 'caf\udce9').write_text('x')
        client = {'name': 'Sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        client_id = (await real_api.post('/api/clients', json=client)).json()['client_id']
        await real_api.post(f'/api/clients/{client_id}/test')
        job = {'client_id': client_id, 'name': 'Home', 'source_path': str(source)}
        job_id = (await real_api.post('/api/jobs', json=job)).json()['job_id']
        backup: dict[str, Any] = (await real_api.post(f'/api/jobs/{job_id}/run?wait=60')).json()
        assert backup['status'] == 'completed', backup
        return backup | {'source': str(source)}

    async def test_it_tells_what_it_did(self, real_backup: dict[str, Any]) -> None:
        assert real_backup.keys() >= SHOWN
        assert real_backup['size_bytes'] > 0
        assert not real_backup['backup_path'].startswith('/')

    async def test_its_folders_are_listed(self, real_api: AsyncClient, real_backup: dict[str, Any]) -> None:
        files = f'/api/backups/{real_backup["id"]}/files'
        told = (await real_api.get(files, params={'path': real_backup['source']})).json()
        assert (told['success'], told['backup_id'], told['path']) == (
            True,
            real_backup['id'],
            real_backup['source'],
        )
        assert [file['name'] for file in told['files']] == ['deep', 'a.conf', 'caf\ufffd', 'link']
        assert told['total_files'] == 4
        link = told['files'][3]
        assert (link['is_link'], link['target'], link['is_dir']) == (True, 'a.conf', False)
        assert told['files'][0].keys() >= {'path', 'size', 'modified', 'mode', 'owner', 'group'}
        page = (
            await real_api.get(files, params={'path': real_backup['source'], 'limit': 1, 'offset': 1})
        ).json()
        assert ([file['name'] for file in page['files']], page['total_files']) == (['a.conf'], 4)

    async def test_a_pattern_finds_names_below(
        self, real_api: AsyncClient, real_backup: dict[str, Any]
    ) -> None:
        files = f'/api/backups/{real_backup["id"]}/files'
        told = (await real_api.get(files, params={'search': '*.conf'})).json()
        assert {file['name'] for file in told['files']} == {'a.conf', 'b.conf'}
        every = (await real_api.get(files, params={'path': real_backup['source'], 'recursive': True})).json()
        assert {file['name'] for file in every['files']} >= {'a.conf', 'b.conf', 'deep', 'link'}

    @pytest.mark.parametrize(
        'path', ['/../../..', '/etc/../..', '../', '/nothing', '/..', '//../..', '/\x00', '/%2e%2e/..']
    )
    async def test_no_path_leads_out(
        self, real_api: AsyncClient, real_backup: dict[str, Any], path: str
    ) -> None:
        answer = await real_api.get(f'/api/backups/{real_backup["id"]}/files', params={'path': path})
        assert_problem(answer, 404)

    async def test_no_link_leads_out(self, real_api: AsyncClient, real_backup: dict[str, Any]) -> None:
        path = f'{real_backup["source"]}/link'
        assert_problem(
            await real_api.get(f'/api/backups/{real_backup["id"]}/files', params={'path': path}), 404
        )

    async def test_one_file_is_restored_elsewhere(
        self, real_api: AsyncClient, sshd: Sshd, real_backup: dict[str, Any]
    ) -> None:
        target = sshd.home / f'back-{real_backup["id"]}'
        body = {'paths': [f'{real_backup["source"]}/a.conf'], 'restore_path': str(target)}
        answer = await real_api.post(f'/api/backups/{real_backup["id"]}/restore?wait=60', json=body)
        restore = answer.json()
        assert (restore['success'], restore['restore_id'], restore['status']) == (True, 1, 'completed'), (
            restore
        )
        assert (target / 'a.conf').read_text() == 'a = 1\n'
        assert (await real_api.get('/api/restores/1/log')).headers['content-type'].startswith('text/plain')
