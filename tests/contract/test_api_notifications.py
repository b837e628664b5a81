"""Targets of messages through the API: kept, changed, tried; and their URLs, like those of pings, never come out."""

import pytest
from httpx import AsyncClient

from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import ScriptedEngine
from tests.support.receivers import WebReceiver

SECRET = 'a-token-that-nobody-may-see'


async def created(api: AsyncClient, **fields: object) -> int:
    body = {'name': 'Hook', 'url': f'json://127.0.0.1:9/{SECRET}', **fields}
    answer = await api.post('/api/notifications', json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()['success'] is True
    return int(answer.json()['notification_id'])


async def test_a_target_is_kept_changed_and_removed(api: AsyncClient) -> None:
    target_id = await created(api)
    path = f'/api/notifications/{target_id}'
    target = (await api.get(path)).json()
    assert (target['name'], target['service'], target['url_shown']) == ('Hook', 'JSON', 'json://…')
    assert target['kinds'] == [
        'failed', 'warning', 'overdue', 'recovered', 'disk_low', 'host_key_changed', 'verify_damaged', 'weekly_report'
    ]  # fmt: skip
    assert (target['job_ids'], target['enabled']) == (None, True)
    changed = (await api.put(path, json={'kinds': ['failed'], 'revision': target['revision']})).json()
    assert (changed['kinds'], changed['name']) == (['failed'], 'Hook')
    assert_problem(await api.put(path, json={'name': 'x', 'revision': target['revision']}), 409)
    assert [one['id'] for one in (await api.get('/api/notifications')).json()] == [target_id]
    assert (await api.delete(path)).json() == {'success': True}
    assert_problem(await api.get(path), 404)
    assert_problem(await api.post(f'{path}/test'), 404)


@pytest.mark.parametrize(
    ('fields', 'wrong'),
    [
        ({'name': ''}, 'name'),
        ({'url': 'https://no.service.example'}, 'url'),
        ({'url': None}, 'url'),
        ({'kinds': ['fleeb']}, 'kinds'),
        ({'job_ids': [99]}, 'job_ids'),
        ({'job_ids': 5}, 'job_ids'),
        ({'job_ids': 'all'}, 'job_ids'),
        ({'enabled': 'perhaps'}, 'enabled'),
    ],
)
async def test_it_says_which_field_is_wrong(api: AsyncClient, fields: dict[str, object], wrong: str) -> None:
    body = {'name': 'Hook', 'url': f'json://127.0.0.1:9/{SECRET}', **fields}
    told = assert_problem(await api.post('/api/notifications', json=body), 422)
    assert wrong in told['fields']
    assert SECRET not in str(told)


async def test_a_test_says_in_plain_words_what_became_of_it(api: AsyncClient) -> None:
    with WebReceiver() as web:
        target_id = await created(api, url=f'json://{web.address}/')
        assert (await api.post(f'/api/notifications/{target_id}/test')).json()['success'] is True
        tried = await api.post('/api/notifications/test', json={'url': f'json://{web.address}/'})
        assert tried.json()['success'] is True
        assert len(web.messages) == 2
    refused = (await api.post(f'/api/notifications/{await created(api)}/test')).json()
    assert refused['success'] is False
    assert 'the machine refused the connection' in refused['error']
    log = await api.get('/api/notifications/deliveries?limit=1')
    assert log.headers['x-total-count'] == '2'
    assert [(one['kind'], one['status']) for one in log.json()] == [('test', 'failed')]


async def test_settings_are_kept(api: AsyncClient) -> None:
    path = '/api/notifications/settings'
    defaults = {'reminder_hours': 24, 'disk_low_percent': 10, 'report_weekday': 0, 'report_hour': 8}
    assert (await api.get(path)).json() == {**defaults, 'revision': 1}
    changed = {**defaults, 'report_hour': 6, 'revision': 2}
    assert (await api.put(path, json={'report_hour': 6, 'revision': 1})).json() == changed
    assert_problem(await api.put(path, json={'report_hour': 7, 'revision': 1}), 409)
    assert (await api.get(path)).json() == changed
    assert 'report_weekday' in assert_problem(await api.put(path, json={'report_weekday': 7}), 422)['fields']


async def test_no_url_ever_comes_out(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> None:
    target_id = await created(api)
    ping = {'ping_url': f'https://hc-ping.com/{SECRET}'}
    changed = await api.put(f'/api/jobs/{job_id}', json=ping)
    assert changed.json()['ping_shown'] == 'https://hc-ping.com/…'
    await api.post(f'/api/notifications/{target_id}/test')
    for path in (
        '/api/notifications',
        f'/api/notifications/{target_id}',
        '/api/notifications/deliveries',
        '/api/jobs',
        f'/api/jobs/{job_id}',
    ):
        assert SECRET not in (await api.get(path)).text
    stored = b''.join(
        file.read_bytes() for file in (engine.settings.data_dir / 'db').iterdir() if file.is_file()
    )
    assert SECRET.encode() not in stored


async def test_a_ping_url_stays_until_it_is_emptied(api: AsyncClient, job_id: int) -> None:
    path = f'/api/jobs/{job_id}'
    await api.put(path, json={'ping_url': f'https://hc-ping.com/{SECRET}'})
    for body in ({'name': 'other'}, {'ping_url': None}):
        assert (await api.put(path, json=body)).json()['ping_shown'] == 'https://hc-ping.com/…'
    assert (await api.put(path, json={'ping_url': ''})).json()['ping_shown'] is None
    told = assert_problem(await api.put(path, json={'ping_url': 'file:///etc/passwd'}), 422)
    assert 'ping_url' in told['fields']
