"""What every answer tells browsers, and whom PLUMBUS believes about where a request came from."""

import logging
import re
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from plumbus.api.headers import with_safe_headers
from plumbus.api.proxies import TrustedProxies
from plumbus.config import Settings

NEVER = ('access-control-allow-origin', 'access-control-allow-credentials')


async def answered(answer: Any, base_url: str = 'http://nas:5000', *, private: bool = True) -> Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, with_safe_headers(scope, send, private=private))

    async with AsyncClient(transport=ASGITransport(app), base_url=base_url) as client:
        return await client.get('/', headers={'Origin': 'http://evil.example'})


async def test_every_answer_is_hardened() -> None:
    got = await answered(JSONResponse({}))
    assert got.headers['x-content-type-options'] == 'nosniff'
    assert got.headers['x-frame-options'] == 'DENY'
    assert got.headers['referrer-policy'] == 'same-origin'
    assert got.headers['cross-origin-resource-policy'] == 'same-origin'
    assert 'camera=()' in got.headers['permissions-policy']
    assert got.headers['cache-control'] == 'no-store'
    assert got.headers['content-security-policy'].startswith("default-src 'none'")
    assert not set(NEVER) & set(got.headers)


async def test_what_a_route_says_itself_stays() -> None:
    kept = {'Content-Security-Policy': "default-src 'none'; sandbox", 'Cache-Control': 'private'}
    got = await answered(PlainTextResponse('x', headers=kept))
    assert got.headers['content-security-policy'] == "default-src 'none'; sandbox"
    assert got.headers['cache-control'] == 'private'
    assert 'cache-control' not in (await answered(PlainTextResponse('x'), private=False)).headers


@pytest.mark.parametrize(
    ('url', 'hsts', 'opener'),
    [
        ('http://nas:5000', False, False),
        ('http://localhost:5000', False, True),
        ('http://127.0.0.1', False, True),
        ('https://nas:5000', True, True),
    ],
)
async def test_headers_that_need_https_come_with_it_only(url: str, *, hsts: bool, opener: bool) -> None:
    got = await answered(PlainTextResponse('x'), url)
    assert ('strict-transport-security' in got.headers) is hsts
    assert ('cross-origin-opener-policy' in got.headers) is opener
    assert 'includesubdomains' not in got.headers.get('strict-transport-security', '').lower()


async def test_the_scripts_of_a_page_carry_a_number_used_once() -> None:
    page = HTMLResponse('<script>let a = "ä";</script><script type="module" src="/x.js"></script>')
    first, second = await answered(page), await answered(page)
    policy = first.headers['content-security-policy']
    found = re.findall(r'<script nonce="([\w-]{20,})"', first.text)
    assert found == [found[0]] * 2
    assert f"script-src 'self' 'nonce-{found[0]}' 'unsafe-eval';" in policy
    assert "frame-ancestors 'none'" in policy
    assert first.headers['content-length'] == str(len(first.content))
    assert policy != second.headers['content-security-policy']


async def _told(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    assert request.client
    told = {
        'host': request.headers.get('host'),
        'scheme': request.url.scheme,
        'client': request.client.host,
        'prefix': request.headers.get('x-forwarded-prefix'),
    }
    await JSONResponse(told)(scope, receive, send)


async def seen(peer: str, trusted: tuple[str, ...], **headers: str) -> dict[str, str]:
    app = TrustedProxies(_told, Settings(_env_file=None, trusted_proxies=trusted).trusted_proxies)
    named = {f'X-Forwarded-{name.title()}': value for name, value in headers.items()}
    async with AsyncClient(
        transport=ASGITransport(app, client=(peer, 5)), base_url='http://inner', headers=named
    ) as client:
        found: dict[str, str] = (await client.get('/')).json()
        return found


SAID = {
    'for': '203.0.113.9',
    'proto': 'https',
    'host': 'backup.example',
    'prefix': '/x"><script>',
}


async def test_a_named_proxy_is_believed() -> None:
    expected = {'host': 'backup.example', 'scheme': 'https', 'client': '203.0.113.9', 'prefix': None}
    for trusted in (('10.0.0.2',), ('10.0.0.0/8', '::1')):
        assert await seen('10.0.0.2', trusted, **SAID) == expected


async def test_nobody_else_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        expected = {'host': 'inner', 'scheme': 'http', 'client': '10.0.0.3', 'prefix': None}
        assert await seen('10.0.0.3', ('10.0.0.2',), **SAID) == expected
        assert await seen('127.0.0.1', (), **SAID) == expected | {'client': '127.0.0.1'}
    assert "proxy at '10.0.0.3' that PLUMBUS_TRUSTED_PROXIES does not name" in caplog.text


async def test_only_what_the_nearest_proxies_say_counts() -> None:
    said = {'for': '127.0.0.1, 203.0.113.9, 10.0.0.2', 'host': 'evil.example, backup.example'}
    found = await seen('10.0.0.2', ('10.0.0.2',), **said)
    assert (found['client'], found['host']) == ('203.0.113.9', 'backup.example')


def test_proxies_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PLUMBUS_TRUSTED_PROXIES', '127.0.0.1, 172.18.0.5/16 ::1')
    assert Settings(_env_file=None).trusted_proxies == ('127.0.0.1/32', '172.18.0.0/16', '::1/128')
    for wrong in ('*', 'proxy.example', '10.0.0.0/99', '10.0.0.1; rm'):
        monkeypatch.setenv('PLUMBUS_TRUSTED_PROXIES', wrong)
        with pytest.raises(ValidationError, match='must be addresses or networks'):
            Settings(_env_file=None)
