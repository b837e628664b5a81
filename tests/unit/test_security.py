"""Who asks, from where, and where a page's request is sent. The guard stands before small applications that note their visitors."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from plumbus import model
from plumbus.api.login import local_path
from plumbus.api.security import Gate, Guard, check_origin, from_loopback
from plumbus.errors import NotPermitted, StoreError
from plumbus.model import Actor, present_actor


class Accounts:
    """One user, one session."""

    users = True
    broken = False

    def has_users(self) -> bool:
        return self.users

    def session_actor(self, token: str, address: str, *, touch: bool) -> Actor | None:
        if self.broken:
            raise StoreError('The disk cannot be read.')
        known = Actor(name='admin', kind='user', scope=model.Scope.ADMIN, address=address)
        return known if token == 'good' else None


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def page(accounts: Accounts) -> AsyncClient:
    return connected(accounts)


def connected(
    accounts: Accounts, *, native: bool = False, client: str = '127.0.0.1', **named: Any
) -> AsyncClient:
    gate = Gate(SimpleNamespace(accounts=accounts), native=native)  # type: ignore[arg-type]
    guard = Guard(_pages, _api, gate)
    return AsyncClient(
        transport=ASGITransport(guard, client=(client, 5)),
        base_url=named.pop('base_url', 'http://localhost'),
        **named,
    )


async def _pages(scope: Scope, receive: Receive, send: Send) -> None:
    actor, state = present_actor(), Request(scope).state
    shown = f'page for {actor.name if actor else None} loopback={getattr(state, "loopback", "-")}'
    await PlainTextResponse(shown)(scope, receive, send)


async def _api(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f'api {scope["method"]} {scope["path"]}')(scope, receive, send)


def scope_of(*, client: str = '127.0.0.1', **headers: str) -> Scope:
    raw = [(name.replace('_', '-').encode(), value.encode()) for name, value in headers.items()]
    return {'type': 'http', 'client': (client, 1), 'headers': raw}


@pytest.mark.parametrize('path', ['/api', '/api/', '/api/clients', '/api/nothing', '/metrics', '/window'])
async def test_the_paths_of_the_api_go_to_the_api(page: AsyncClient, path: str) -> None:
    for method in ('GET', 'POST', 'DELETE', 'TRACE'):
        assert (await page.request(method, path)).text == f'api {method} {path}'


@pytest.mark.parametrize('path', ['/login', '/setup', '/logout'])
async def test_forms_are_taken_by_the_api(page: AsyncClient, path: str) -> None:
    assert (await page.post(path)).text == f'api POST {path}'


@pytest.mark.parametrize(
    ('path', 'location'),
    [
        ('/', '/login?next=/'),
        ('/backups/7?tab=log', '/login?next=/backups/7%3Ftab%3Dlog'),
        ('/apiary', '/login?next=/apiary'),
        ('/_nicegui', '/login?next=/_nicegui'),
        ('/_niceguix/', '/login?next=/_niceguix/'),
        ('/staticx', '/login?next=/staticx'),
        ('/setup', '/login?next=/setup'),
        ('/docs', '/login?next=/docs'),
    ],
)
async def test_pages_need_a_session(page: AsyncClient, path: str, location: str) -> None:
    answer = await page.get(path)
    assert answer.status_code == 303
    assert answer.headers['location'] == location
    assert answer.headers['cache-control'] == 'no-store'


async def test_whoever_has_a_session_sees_the_pages(accounts: Accounts) -> None:
    async with connected(accounts, cookies={'plumbus_session': 'good'}) as page:
        answer = await page.get('/backups/7')
        assert answer.text == 'page for admin loopback=True'
        assert answer.headers['cache-control'] == 'no-store'
        assert answer.headers['x-frame-options'] == 'DENY'
        assert (await page.get('/login')).headers['location'] == '/'
        assert (await page.get('/setup')).headers['location'] == '/'


@pytest.mark.parametrize('cookies', [{'plumbus_session': 'bad'}, {'plumbus_session': ''}, {'other': 'good'}])
async def test_another_cookie_is_no_session(accounts: Accounts, cookies: dict[str, str]) -> None:
    async with connected(accounts, cookies=cookies) as page:
        assert (await page.get('/')).status_code == 303


async def test_strange_cookies_of_others_do_no_harm(page: AsyncClient) -> None:
    cookies = 'a[b]=1; {"x":1}; plumbus_session=good; =; c'
    assert (await page.get('/', headers={'Cookie': cookies})).status_code == 200


@pytest.mark.parametrize(
    'path', ['/login', '/favicon.ico', '/_nicegui/3.18.0/x.js', '/_nicegui_ws/socket.io/', '/static/logo.svg']
)
async def test_what_the_login_page_needs_is_open(page: AsyncClient, path: str) -> None:
    assert (await page.get(path)).text.startswith('page for')


async def test_before_there_is_a_user_everything_leads_to_the_setup(accounts: Accounts) -> None:
    accounts.users = False
    async with connected(accounts) as page:
        for path in ('/', '/login', '/clients'):
            assert (await page.get(path)).headers['location'] == '/setup'
        assert (await page.get('/setup')).text == 'page for None loopback=True'


async def test_a_form_without_a_session_gets_a_sentence(page: AsyncClient) -> None:
    answer = await page.post('/clients')
    assert answer.status_code == 401
    assert answer.json()['success'] is False


async def test_a_broken_store_is_told_on_pages_too(accounts: Accounts) -> None:
    accounts.broken = True
    async with connected(accounts, cookies={'plumbus_session': 'good'}) as page:
        answer = await page.get('/')
        assert (answer.status_code, answer.text) == (503, 'The disk cannot be read.')


async def test_a_foreign_websocket_is_closed(accounts: Accounts) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {'type': 'websocket.connect'}

    guard = Guard(_pages, _api, Gate(SimpleNamespace(accounts=accounts)))  # type: ignore[arg-type]
    evil = [(b'origin', b'http://evil.example'), (b'host', b'nas:5000')]
    for path, headers in (('/somewhere', []), ('/_nicegui_ws/socket.io/', evil)):
        await guard({'type': 'websocket', 'path': path, 'headers': headers}, receive, send)
    assert sent == [{'type': 'websocket.close', 'code': 1008}] * 2


@pytest.mark.parametrize('headers', [{}, {'Content-Length': '1000001'}, {'Transfer-Encoding': 'chunked'}])
async def test_what_pages_send_without_a_login_is_short(page: AsyncClient, headers: dict[str, str]) -> None:
    async def flood() -> AsyncIterator[bytes]:
        yield b'x' * 100

    answer = await page.post('/_nicegui_ws/socket.io/', content=flood(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()['error'].startswith('The request is too large.')


async def test_other_web_sites_do_not_reach_the_socket_of_a_page(page: AsyncClient) -> None:
    headers = {'Origin': 'http://evil.example'}
    for method in ('GET', 'POST'):
        answer = await page.request(method, '/_nicegui_ws/socket.io/', content=b'2', headers=headers)
        assert answer.status_code == 403
    assert (await page.post('/_nicegui_ws/socket.io/', content=b'2')).status_code == 200


class TestDesktopWindow:
    """Whoever else works on this machine is a stranger to it."""

    async def test_it_needs_a_login_too(self, accounts: Accounts) -> None:
        async with connected(accounts, native=True) as page:
            assert (await page.get('/')).headers['location'] == '/login?next=/'

    async def test_nobody_sets_the_password_without_the_code(self, accounts: Accounts) -> None:
        accounts.users = False
        async with connected(accounts, native=True) as page:
            assert (await page.get('/setup')).text == 'page for None loopback=False'


@pytest.mark.parametrize(
    ('client', 'headers', 'expected'),
    [
        ('127.0.0.1', {'host': 'localhost:5000'}, True),
        ('127.0.0.1', {'host': '127.0.0.1'}, True),
        ('::1', {'host': '[::1]:5000'}, True),
        ('192.168.1.7', {'host': 'localhost'}, False),
        ('127.0.0.1', {'host': 'evil.example'}, False),
        ('127.0.0.1', {'host': '[broken'}, False),
        ('127.0.0.1', {}, False),
        ('127.0.0.1', {'host': 'localhost', 'x_forwarded_for': '10.0.0.1'}, False),
        ('127.0.0.1', {'host': 'localhost', 'x_forwarded_proto': 'https'}, False),
        ('testclient', {'host': 'localhost'}, False),
    ],
)
def test_it_knows_this_machine(client: str, headers: dict[str, str], *, expected: bool) -> None:
    assert from_loopback(scope_of(client=client, **headers)) is expected


@pytest.mark.parametrize(
    'headers',
    [
        {},
        {'host': 'nas:5000', 'origin': 'http://nas:5000'},
        {'host': 'inner', 'sec_fetch_site': 'same-origin', 'origin': 'https://backup.example'},
        {'sec_fetch_site': 'none'},
    ],
)
def test_a_request_of_our_own_pages_is_welcome(headers: dict[str, str]) -> None:
    check_origin(scope_of(**headers))


@pytest.mark.parametrize(
    'headers',
    [
        {'host': 'nas:5000', 'origin': 'http://nas'},
        {'host': 'nas', 'origin': 'http://evil.example'},
        {'host': 'nas', 'origin': 'null'},
        {'host': 'nas', 'origin': 'http://[broken'},
        {'host': 'inner', 'x_forwarded_host': 'backup.example', 'origin': 'https://backup.example'},
        {'origin': 'http://nas'},
        {'host': 'nas', 'sec_fetch_site': 'cross-site', 'origin': 'http://nas'},
    ],
)
def test_a_request_of_another_site_is_not(headers: dict[str, str]) -> None:
    with pytest.raises(NotPermitted):
        check_origin(scope_of(**headers))


@pytest.mark.parametrize(
    ('wanted', 'path'),
    [
        ('/backups/7?tab=log#end', '/backups/7?tab=log#end'),
        ('', '/'),
        ('backups', '/'),
        ('//evil.example', '/'),
        ('/\\evil.example', '/'),
        ('https://evil.example', '/'),
        ('javascript:alert(1)', '/'),
        ('/a\r\nSet-Cookie: x=1', '/'),
    ],
)
def test_a_login_leads_to_a_page_of_ours(wanted: str, path: str) -> None:
    assert local_path(wanted) == path
