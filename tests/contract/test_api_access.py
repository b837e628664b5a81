"""Who gets in, and that every wrong request is answered as the contract says: JSON, one sentence, nothing inside."""

import re
from typing import Any

import pytest
from httpx import AsyncClient, Response

from plumbus.errors import (
    Cancelled,
    ClientError,
    Conflict,
    InvalidInput,
    NotFound,
    NotLoggedIn,
    NotPermitted,
    StoreError,
    TransferFailed,
)  # fmt: skip
from tests.support.fake_engine import ScriptedEngine

ROUTES = [
    ('GET', '/api/clients'), ('POST', '/api/clients'), ('GET', '/api/clients/1'), ('PUT', '/api/clients/1'), ('DELETE', '/api/clients/1'),
    ('POST', '/api/clients/1/test'), ('POST', '/api/clients/1/trust'), ('POST', '/api/clients/1/install-key'),
    ('POST', '/api/clients/1/browse'), ('GET', '/api/system/public-key'),
    ('GET', '/api/jobs'), ('POST', '/api/jobs'), ('GET', '/api/jobs/1'), ('PUT', '/api/jobs/1'), ('DELETE', '/api/jobs/1'),
    ('POST', '/api/jobs/1/run'), ('POST', '/api/jobs/1/prune'), ('GET', '/api/jobs/1/history'), ('POST', '/api/schedule/preview'),
    ('GET', '/api/backups'), ('GET', '/api/backups/1'), ('PUT', '/api/backups/1'), ('DELETE', '/api/backups/1'),
    ('POST', '/api/backups/1/cancel'), ('GET', '/api/backups/1/log'), ('GET', '/api/backups/1/events'),
    ('GET', '/api/backups/1/files'), ('POST', '/api/backups/1/restore'),
    ('GET', '/api/restores'), ('GET', '/api/restores/1'), ('POST', '/api/restores/1/cancel'), ('POST', '/api/restores/1/undo'), ('GET', '/api/restores/1/log'),
    ('GET', '/api/backups/1/download'), ('GET', '/api/backups/1/diff'), ('GET', '/api/backups/1/textdiff'), ('GET', '/api/backups/1/preview'),
    ('GET', '/api/jobs/1/versions'), ('GET', '/api/search'),
    ('POST', '/api/backups/1/verify'), ('GET', '/api/verifications'), ('GET', '/api/verifications/1'),
    ('POST', '/api/verifications/1/cancel'), ('GET', '/api/verifications/1/log'),
    ('GET', '/api/notifications'), ('POST', '/api/notifications'), ('POST', '/api/notifications/test'),
    ('GET', '/api/notifications/deliveries'), ('GET', '/api/notifications/settings'), ('PUT', '/api/notifications/settings'),
    ('GET', '/api/notifications/1'), ('PUT', '/api/notifications/1'), ('DELETE', '/api/notifications/1'),
    ('POST', '/api/notifications/1/test'),
    ('GET', '/api/stats'), ('GET', '/metrics'),
    ('GET', '/api/tokens'), ('POST', '/api/tokens'), ('DELETE', '/api/tokens/1'),
    ('GET', '/api/users'), ('POST', '/api/users'), ('GET', '/api/users/1'), ('PUT', '/api/users/1'), ('DELETE', '/api/users/1'),
    ('POST', '/api/users/1/reset-second-factor'),
    ('GET', '/api/audit'),
    ('POST', '/api/configuration/export'), ('POST', '/api/configuration/import'),
]  # fmt: skip
OPEN_ROUTES = [('GET', '/api/version'), ('GET', '/api/health')]
METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE')


def assert_problem(answer: Response, status: int) -> dict[str, Any]:
    """The shape of every error."""
    assert answer.status_code == status, answer.text
    assert answer.headers['content-type'] == 'application/json'
    told: dict[str, Any] = answer.json()
    assert told['success'] is False
    assert isinstance(told['error'], str)
    assert re.search(r'[.…)]$', told['error']), told['error']
    assert 'Traceback' not in answer.text
    assert '.py' not in answer.text
    return told


async def test_it_serves_nothing_to_strangers(stranger: AsyncClient) -> None:
    for method, path in ROUTES:
        told = assert_problem(await stranger.request(method, path), 401)
        assert 'Authorization: Bearer' in told['error']


@pytest.mark.parametrize(
    'path', ['/api', '/api/', '/api/nothing', '/api/openapi.json', '/api/docs', '/api/docs/assets/swagger-ui.css', '/metrics']
)  # fmt: skip
async def test_it_tells_strangers_not_even_what_there_is(stranger: AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert_problem(answer, 401)
    assert answer.headers['www-authenticate'] == 'Bearer'


@pytest.mark.parametrize(
    'value', ['Bearer wrong', 'Bearer', 'Bearer ', 'Basic YWRtaW46eA==', 'the-token-of-the-tests', 'Bearer the-token-of-the-tests-']
)  # fmt: skip
async def test_it_refuses_a_wrong_token(stranger: AsyncClient, value: str) -> None:
    assert_problem(await stranger.get('/api/clients', headers={'Authorization': value}), 401)


async def test_the_name_of_the_scheme_may_be_written_in_any_way(api: AsyncClient) -> None:
    token = api.headers['Authorization'].split()[1]
    answer = await api.get('/api/clients', headers={'Authorization': f'bearer  {token}'})
    assert answer.status_code == 200


@pytest.mark.parametrize('path', ['/api/version', '/api/health'])
async def test_version_and_health_are_open(stranger: AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code == 200


async def test_unknown_paths_answer_json(api: AsyncClient) -> None:
    for path in (
        '/api/',
        '/api/nothing',
        '/api/clients/',
        '/api/clients/1/nothing',
        '/api//clients',
        '/api/docs/nothing',
    ):
        for method in METHODS:
            assert_problem(await api.request(method, path), 404)
    assert_problem(await api.get('/api/docs/assets/no.js'), 404)
    assert_problem(await api.post('/api/docs/assets/no.js'), 405)


async def test_wrong_methods_answer_json_and_tell_the_right_ones(api: AsyncClient) -> None:
    for path in {path for _, path in ROUTES + OPEN_ROUTES}:
        right = {method for method, known in ROUTES + OPEN_ROUTES if known == path}
        for method in set(METHODS) - right:
            answer = await api.request(method, path)
            told = assert_problem(answer, 405)
            assert set(answer.headers['allow'].split(', ')) == right
            assert all(name in told['error'] for name in right)


@pytest.mark.parametrize('noun', ['clients', 'jobs', 'backups', 'restores'])
async def test_what_does_not_exist_is_404(api: AsyncClient, noun: str) -> None:
    for number in ('0', '-1', '7', '9' * 24, 'x', '1.5', '%00', '١', '1' * 5000):
        assert_problem(await api.get(f'/api/{noun}/{number}'), 404)


MALFORMED = (
    b'{', b'nonsense', b'[]', b'"text"', b'null', b'1', b'{"name": "\xff"}', b'{"name": NaN}', b'[' * 50_000, b'{"a": "\\ud800"}',
)  # fmt: skip


@pytest.mark.parametrize('path', ['/api/clients', '/api/jobs', '/api/schedule/preview'])
async def test_a_malformed_body_is_400(api: AsyncClient, path: str) -> None:
    for body in MALFORMED:
        answer = await api.post(path, content=body, headers={'Content-Type': 'application/json'})
        assert_problem(answer, 400)


@pytest.mark.parametrize(
    'kind', ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x']
)
async def test_only_json_is_taken(api: AsyncClient, kind: str) -> None:
    told = assert_problem(await api.post('/api/clients', content=b'{}', headers={'Content-Type': kind}), 400)
    assert 'Content-Type: application/json' in told['error']


@pytest.mark.parametrize('kind', ['application/json; charset=utf-8', 'application/merge-patch+json'])
async def test_json_may_be_called_by_its_other_names(api: AsyncClient, kind: str) -> None:
    assert_problem(await api.post('/api/clients', content=b'{}', headers={'Content-Type': kind}), 422)


async def test_a_body_without_a_type_is_read_as_json(api: AsyncClient) -> None:
    assert_problem(await api.post('/api/clients', content=b'{}'), 422)


async def test_a_missing_body_is_an_empty_one(api: AsyncClient) -> None:
    assert set(assert_problem(await api.post('/api/clients'), 422)['fields']) >= {'name', 'host', 'username'}


async def test_a_huge_body_is_413(api: AsyncClient) -> None:
    assert_problem(await api.post('/api/clients', json={'name': 'x' * 2_100_000}), 413)


@pytest.mark.parametrize(
    ('error', 'status'),
    [
        (InvalidInput({'name': 'is taken'}), 422),
        (NotFound('There is no client 7.'), 404),
        (Conflict('It runs.'), 409),
        (Cancelled('It was cancelled.'), 409),
        (NotLoggedIn('No.'), 401),
        (NotPermitted('No.'), 403),
        (ClientError('It does not answer.', 'Switch it on.', 'timeout'), 502),
        (TransferFailed('rsync is missing.', 'Install it.', 'rsync_missing'), 502),
        (StoreError('The disk is full.', 'Free some space.'), 503),
    ],
)
async def test_each_failure_has_its_status(
    api: AsyncClient, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(engine.clients, 'plain', fail)
    told = assert_problem(await api.get('/api/clients'), status)
    assert told['error'] == str(error) or told['error'].startswith(str(error))
    assert told.get('fields') == getattr(error, 'fields', None)
    assert told.get('cause') == getattr(error, 'cause', None)


async def test_a_bug_is_500_without_its_trace(
    api: AsyncClient,
    engine: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError('secret /srv/inside.py')

    monkeypatch.setattr(engine.clients, 'plain', fail)
    assert 'secret' not in assert_problem(await api.get('/api/clients'), 500)['error']
    assert 'secret' in caplog.text, 'the log tells it'


async def test_a_sentence_never_names_the_data_folder(
    api: AsyncClient, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = engine.settings.data_dir

    def fail() -> None:
        raise StoreError(f'Cannot write {folder}/db/config.json.', f'Look at {folder}.')

    monkeypatch.setattr(engine.clients, 'plain', fail)
    told = assert_problem(await api.get('/api/clients'), 503)
    assert told['error'] == 'Cannot write db/config.json. Look at the data folder.'


async def test_answers_carry_the_headers_of_safety(api: AsyncClient, stranger: AsyncClient) -> None:
    answers = (
        await api.get('/api/clients'),
        await api.get('/api/nothing'),
        await stranger.get('/api/clients'),
    )
    for answer in answers:
        assert answer.headers['cache-control'] == 'no-store'
        assert answer.headers['x-content-type-options'] == 'nosniff'
        assert answer.headers['x-frame-options'] == 'DENY'
        assert answer.headers['referrer-policy'] == 'same-origin'


class TestWithASession:
    """A browser that has logged in."""

    @pytest.fixture
    def visitor(self, stranger: AsyncClient, engine: ScriptedEngine) -> AsyncClient:
        token = engine.accounts.create_first_user('', 'fleeb juice 42', loopback=True)
        stranger.cookies.set('plumbus_session', token)
        return stranger

    async def test_it_may_use_the_api(self, visitor: AsyncClient) -> None:
        assert (await visitor.get('/api/clients')).json() == []

    async def test_a_wrong_token_counts_more_than_a_session(self, visitor: AsyncClient) -> None:
        assert_problem(await visitor.get('/api/clients', headers={'Authorization': 'Bearer wrong'}), 401)

    async def test_its_own_pages_may_change_things(self, visitor: AsyncClient) -> None:
        for headers in (
            {},
            {'Origin': 'http://testserver'},
            {'Sec-Fetch-Site': 'same-origin', 'Origin': 'https://outside.example'},
        ):
            assert_problem(await visitor.post('/api/clients', json={}, headers=headers), 422)

    @pytest.mark.parametrize(
        'headers',
        [{'Origin': 'http://evil.example'}, {'Origin': 'null'}, {'Sec-Fetch-Site': 'cross-site'}, {'Sec-Fetch-Site': 'same-site'}],
    )  # fmt: skip
    async def test_other_web_sites_may_not(self, visitor: AsyncClient, headers: dict[str, str]) -> None:
        assert_problem(await visitor.post('/api/clients', json={}, headers=headers), 403)
        assert_problem(await visitor.post('/login', data={'username': 'admin'}, headers=headers), 403)

    async def test_a_logout_ends_it(self, visitor: AsyncClient) -> None:
        assert (await visitor.post('/logout')).headers['location'] == '/login'
        assert_problem(await visitor.get('/api/clients'), 401)


class TestDescription:
    """/api/openapi.json and the page that shows it."""

    async def test_it_describes_every_route(self, api: AsyncClient) -> None:
        paths = (await api.get('/api/openapi.json')).json()['paths']
        described = {
            (method.upper(), re.sub(r'{\w+}', '1', path))
            for path, routes in paths.items()
            for method in routes
        }
        assert described == set(ROUTES + OPEN_ROUTES)

    async def test_every_reference_leads_somewhere(self, api: AsyncClient) -> None:
        description = await api.get('/api/openapi.json')
        names = set(re.findall(r'"#/components/schemas/([^"]+)"', description.text))
        assert names <= description.json()['components']['schemas'].keys()
        assert '#/$defs' not in description.text

    async def test_it_describes_every_answer(self, api: AsyncClient) -> None:
        paths = (await api.get('/api/openapi.json')).json()['paths']
        for path, routes in paths.items():
            for method, route in routes.items():
                for status, answer in route['responses'].items():
                    schema = answer.get('content', {}).get('application/json', {}).get('schema', {})
                    assert schema.get('type') != 'string', (method, path, status)

    async def test_a_change_may_be_any_subset(self, api: AsyncClient) -> None:
        schemas = (await api.get('/api/openapi.json')).json()['components']['schemas']
        assert set(schemas['ClientFields']['required']) == {'name', 'host', 'username'}
        assert 'required' not in schemas['ClientChanges']
        assert 'revision' in schemas['JobChanges']['properties']

    async def test_its_page_loads_nothing_from_elsewhere(self, api: AsyncClient) -> None:
        page = await api.get('/api/docs')
        assert page.headers['content-type'].startswith('text/html')
        links = re.findall(r'(?:src|href)="([^"]*)"', page.text) + re.findall(r"url: '([^']*)'", page.text)
        assert len(links) == 4
        for link in links:
            assert '//' not in link
            assert (await api.get(f'/api/{link}')).status_code == 200
        assert '"validatorUrl": null' in page.text
