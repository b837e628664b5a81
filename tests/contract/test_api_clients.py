"""Clients over the API: kept, changed, tested, browsed, deleted."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import ScriptedEngine
from tests.support.marks import needs_root
from tests.support.sshd import Sshd

FIELDS = {'name': 'Pi in the attic', 'host': 'pi.local', 'username': 'pi'}
SHOWN = {
    'id', 'name', 'host', 'port', 'username', 'auth_method', 'key_path', 'use_sudo', 'jump_client_id', 'host_key', 'has_password',
    'has_private_key', 'created_at', 'updated_at', 'revision',
}  # fmt: skip


async def test_it_creates_a_client_with_the_usual_settings(api: AsyncClient) -> None:
    answer = await api.post('/api/clients', json=FIELDS)
    made = answer.json()
    assert answer.status_code == 201
    assert made['success'] is True
    assert made['client_id'] == made['id'] == 1
    assert made.keys() >= SHOWN
    assert (made['port'], made['auth_method'], made['use_sudo']) == (22, 'key', False)
    assert (made['host_key'], made['jump_client_id'], made['has_password']) == (None, None, False)
    assert made['created_at'].endswith('+00:00')


async def test_it_lists_and_shows_clients(api: AsyncClient, client_id: int) -> None:
    listed = await api.get('/api/clients')
    assert listed.headers['x-total-count'] == '1'
    shown = (await api.get(f'/api/clients/{client_id}')).json()
    assert listed.json() == [shown]
    assert 'success' not in shown
    assert shown['name'] == 'Pi in the attic'


async def test_secrets_go_in_and_never_come_out(api: AsyncClient, client_id: int) -> None:
    secrets = {'auth_method': 'password', 'password': 'dinglebop-1', 'private_key': 'PRIVATE KEY dinglebop-2'}
    answers = [
        await api.post('/api/clients', json=FIELDS | secrets),
        await api.put(f'/api/clients/{client_id}', json=secrets),
        await api.get(f'/api/clients/{client_id}'),
        await api.get('/api/clients'),
        await api.post('/api/clients', json=FIELDS | secrets | {'port': 'dinglebop-3', 'password': 'dinglebop-1' * 9999}),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 422]
    for answer in answers:
        assert 'dinglebop' not in answer.text
    assert answers[2].json()['has_password'] is True
    assert answers[2].json()['has_private_key'] is True


async def test_it_forgets_stored_secrets_only_when_told_so(api: AsyncClient, client_id: int) -> None:
    path = f'/api/clients/{client_id}'
    secrets = {'auth_method': 'password', 'password': 'dinglebop-1', 'private_key': 'PRIVATE KEY dinglebop-2'}
    await api.put(path, json=secrets)
    kept = (await api.put(path, json={'password': None, 'private_key': None, 'name': 'Pi'})).json()
    assert (kept['has_password'], kept['has_private_key']) == (True, True)
    told = assert_problem(await api.put(path, json={'forget_secrets': True}), 422)
    assert list(told['fields']) == ['password']
    gone = (await api.put(path, json={'forget_secrets': True, 'auth_method': 'key'})).json()
    assert (gone['has_password'], gone['has_private_key']) == (False, False)
    replaced = (await api.put(path, json={'forget_secrets': True, **secrets, 'private_key': None})).json()
    assert (replaced['has_password'], replaced['has_private_key']) == (True, False)
    assert 'forget_secrets' not in replaced


async def test_it_changes_any_subset_of_the_fields(api: AsyncClient, client_id: int) -> None:
    answer = await api.put(f'/api/clients/{client_id}', json={'port': 2222, 'use_sudo': True})
    assert answer.status_code == 200
    changed = (await api.get(f'/api/clients/{client_id}')).json()
    assert (changed['port'], changed['use_sudo'], changed['name']) == (2222, True, 'Pi in the attic')
    assert changed['revision'] == 2


async def test_it_refuses_an_edit_of_something_older(api: AsyncClient, client_id: int) -> None:
    path = f'/api/clients/{client_id}'
    assert (await api.put(path, json={'name': 'First', 'revision': 1})).status_code == 200
    told = assert_problem(await api.put(path, json={'name': 'Second', 'revision': 1}), 409)
    assert 'Reload' in told['error']
    assert (await api.get(path)).json()['name'] == 'First'
    assert (await api.put(path, json={'name': 'Third', 'revision': 2})).status_code == 200


WRONG: list[tuple[str, Any]] = [
    ('name', ''), ('name', None), ('name', 'a\nb'), ('name', 7), ('host', '-oProxyCommand=x'), ('host', 'a b'), ('host', ''),
    ('port', 0), ('port', 65536), ('port', 'ssh'), ('username', '-l root'), ('username', ''), ('auth_method', 'none'),
    ('auth_method', 'password'), ('key_path', 'relative'), ('key_path', '/a/../b'), ('use_sudo', 'perhaps'), ('jump_client_id', 99),
]  # fmt: skip


async def test_it_names_the_wrong_field(api: AsyncClient, client_id: int) -> None:
    for field, value in WRONG:
        wrong = 'password' if (field, value) == ('auth_method', 'password') else field
        for answer in (
            await api.post('/api/clients', json=FIELDS | {field: value}),
            await api.put(f'/api/clients/{client_id}', json={field: value}),
        ):
            assert list(assert_problem(answer, 422)['fields']) == [wrong]


@pytest.mark.parametrize(
    ('method', 'path'),
    [('GET', ''), ('PUT', ''), ('DELETE', ''), ('POST', '/test'), ('POST', '/browse')],
)
async def test_an_unknown_client_is_404(api: AsyncClient, method: str, path: str) -> None:
    assert_problem(await api.request(method, f'/api/clients/7{path}'), 404)


async def test_a_client_with_jobs_is_not_deleted_by_mistake(
    api: AsyncClient, client_id: int, job_id: int
) -> None:
    told = assert_problem(await api.delete(f'/api/clients/{client_id}'), 409)
    assert '1 job' in told['error']
    assert (await api.delete(f'/api/clients/{client_id}?cascade=true')).json() == {'success': True}
    assert_problem(await api.get(f'/api/clients/{client_id}'), 404)
    assert_problem(await api.get(f'/api/jobs/{job_id}'), 404)


async def test_an_id_is_never_used_again(api: AsyncClient, client_id: int) -> None:
    await api.delete(f'/api/clients/{client_id}')
    assert (await api.post('/api/clients', json=FIELDS)).json()['client_id'] == client_id + 1


async def test_a_test_of_a_machine_that_refuses_tells_why(api: AsyncClient) -> None:
    fields = {'name': 'Nobody', 'host': '127.0.0.1', 'port': 1, 'username': 'pi'}
    client_id = (await api.post('/api/clients', json=fields)).json()['client_id']
    answer = await api.post(f'/api/clients/{client_id}/test')
    assert answer.status_code == 200
    told = answer.json()
    assert told['success'] is False
    assert told['error']
    assert told.keys() >= {'message', 'system_info', 'rsync_version', 'latency_ms', 'host_key'}
    assert 'sudo_available' not in told


async def test_browsing_a_machine_that_refuses_is_502(api: AsyncClient) -> None:
    fields = {'name': 'Nobody', 'host': '127.0.0.1', 'port': 1, 'username': 'pi'}
    client_id = (await api.post('/api/clients', json=fields)).json()['client_id']
    told = assert_problem(await api.post(f'/api/clients/{client_id}/browse', json={'path': '/'}), 502)
    assert told['cause'] == 'refused'


@pytest.mark.parametrize(
    ('body', 'field'),
    [({'path': 'home'}, 'path'), ({'path': '/a/../b'}, 'path'), ({'path': 1}, 'path'), ({'show_hidden': 'x'}, 'show_hidden')],
)  # fmt: skip
async def test_it_browses_absolute_paths_only(
    api: AsyncClient, client_id: int, body: dict[str, Any], field: str
) -> None:
    answer = await api.post(f'/api/clients/{client_id}/browse', json=body)
    assert list(assert_problem(answer, 422)['fields']) == [field]


@pytest.mark.parametrize(('path', 'field'), [('trust', 'fingerprint'), ('install-key', 'password')])
async def test_it_asks_for_what_it_needs(api: AsyncClient, client_id: int, path: str, field: str) -> None:
    for body in ({}, {field: None}, {field: 7}, {field: ''}):
        answer = await api.post(f'/api/clients/{client_id}/{path}', json=body)
        assert list(assert_problem(answer, 422)['fields']) == [field]


async def test_names_that_are_no_text_arrive_readable(
    api: AsyncClient, engine: ScriptedEngine, client_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {'name': 'caf\udce9', 'path': '/caf\udce9', 'size': 1}
    monkeypatch.setattr(engine.clients, 'browse', lambda *_, **__: [file])
    answer = await api.post(f'/api/clients/{client_id}/browse')
    assert answer.json() == {
        'success': True, 'path': '/', 'files': [{'name': 'caf\ufffd', 'path': '/caf\ufffd', 'size': 1}],
    }  # fmt: skip


class TestOnARealMachine:
    """A real sshd, and nothing of the engine replaced."""

    @pytest.fixture
    async def real_id(self, real_api: AsyncClient, sshd: Sshd) -> int:
        fields = {'name': 'Sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        return int((await real_api.post('/api/clients', json=fields)).json()['client_id'])

    async def test_the_first_test_pins_the_host_key(self, real_api: AsyncClient, real_id: int) -> None:
        first = (await real_api.post(f'/api/clients/{real_id}/test')).json()
        assert first['success'] is True, first
        assert first['host_key']['status'] == 'new'
        assert first['host_key']['fingerprint'].startswith('SHA256:')
        assert first['system_info'].startswith('Linux')
        assert first['rsync_version'][0].isdigit()
        assert first['latency_ms'] > 0
        assert 'error' not in first
        assert 'sudo_available' not in first
        second = (await real_api.post(f'/api/clients/{real_id}/test')).json()
        assert second['host_key'] == first['host_key'] | {'status': 'trusted'}
        shown = (await real_api.get(f'/api/clients/{real_id}')).json()
        assert shown['host_key'] == first['host_key']['fingerprint']

    async def test_it_tells_whether_sudo_works(self, real_api: AsyncClient, real_id: int) -> None:
        await real_api.put(f'/api/clients/{real_id}', json={'use_sudo': True})
        told = (await real_api.post(f'/api/clients/{real_id}/test')).json()
        assert told.keys() >= {'sudo_available', 'sudo_message'}

    async def test_a_fingerprint_that_it_does_not_show_is_not_trusted(
        self, real_api: AsyncClient, real_id: int
    ) -> None:
        body = {'fingerprint': 'SHA256:' + 'A' * 43}
        answer = await real_api.post(f'/api/clients/{real_id}/trust', json=body)
        assert list(assert_problem(answer, 422)['fields']) == ['fingerprint']

    async def test_it_browses_folders_first(self, real_api: AsyncClient, sshd: Sshd, real_id: int) -> None:
        (sshd.home / 'zebra').mkdir(exist_ok=True)
        (sshd.home / 'apple.txt').write_text('apple')
        answer = await real_api.post(
            f'/api/clients/{real_id}/browse', json={'path': f'{sshd.home}/', 'show_hidden': False}
        )
        told = answer.json()
        assert told['success'] is True
        assert told['path'] == str(sshd.home)
        files = {file['name']: file for file in told['files']}
        names = list(files)
        assert names.index('zebra') < names.index('apple.txt')
        assert not any(name.startswith('.') for name in names)
        apple = files['apple.txt']
        assert (apple['path'], apple['size'], apple['is_dir']) == (f'{sshd.home}/apple.txt', 5, False)
        assert apple.keys() >= {'modified', 'is_link', 'permissions', 'mode', 'readable'}
        assert files['zebra']['permissions'] == '755'
        assert files['zebra']['mode'] == 'drwxr-xr-x'

    @needs_root
    async def test_it_installs_its_key_and_forgets_the_password(
        self, real_api: AsyncClient, sshd: Sshd
    ) -> None:
        fields = {'name': 'P', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        login = {'auth_method': 'password', 'password': sshd.password}
        client_id = (await real_api.post('/api/clients', json=fields | login)).json()['client_id']
        path = f'/api/clients/{client_id}'
        assert_problem(await real_api.post(f'{path}/install-key', json={'password': 'wrong'}), 502)
        told = (await real_api.post(f'{path}/install-key', json={'password': sshd.password})).json()
        assert told['success'] is True, told
        shown = (await real_api.get(path)).json()
        assert (shown['auth_method'], shown['has_password']) == ('key', False)


async def test_a_way_leads_through_other_clients_and_never_back(api: AsyncClient) -> None:
    async def added(name: str, jump: int | None) -> int:
        fields = {'name': name, 'host': '127.0.0.1', 'port': 1, 'username': 'pi', 'jump_client_id': jump}
        return int((await api.post('/api/clients', json=fields)).json()['client_id'])

    door = await added('door', None)
    inner = await added('inner', door)
    vault = await added('vault', inner)
    for jump in (door, inner, vault):
        answer = await api.put(f'/api/clients/{door}', json={'jump_client_id': jump})
        assert answer.json()['fields'] == {'jump_client_id': 'a client cannot be reached through itself'}
    answer = await api.put(f'/api/clients/{door}', json={'jump_client_id': 99})
    assert answer.json()['fields'] == {'jump_client_id': 'there is no client 99'}
    for used in (door, inner):
        assert (await api.delete(f'/api/clients/{used}?cascade=true')).status_code == 409
    last = vault
    for _ in range(3):
        last = await added('deeper', last)
    told = (
        await api.post(
            '/api/clients', json={'name': 'x', 'host': 'x', 'username': 'x', 'jump_client_id': last}
        )
    ).json()
    assert told['fields'] == {'jump_client_id': 'leads over more than 5 machines'}
