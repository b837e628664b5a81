"""The server as the network sees it: https, proxies, foreign web sites, floods."""

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.certificates import write_certificate
from tests.support.served import LIMIT_S, Served

PASSWORD = 'fleeb juice 42'
FORM = {'username': 'admin', 'password': PASSWORD}
SOCKET = '/_nicegui_ws/socket.io/?EIO=4&transport=websocket'


@pytest.fixture(scope='module')
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp('served'), PLUMBUS_ADMIN_PASSWORD=PASSWORD) as server:
        yield server


@pytest.mark.parametrize('path', ['/login', '/static/base.css', '/_nicegui_ws/socket.io/', '/api/version', '/api/nothing', '/nothing'])  # fmt: skip
def test_every_answer_carries_the_headers_of_safety(served: Served, path: str) -> None:
    got = served.http.get(path, headers={'Origin': served.url})
    assert got.headers['x-content-type-options'] == 'nosniff'
    assert got.headers['x-frame-options'] == 'DENY'
    assert "frame-ancestors 'none'" in got.headers['content-security-policy']
    assert 'access-control-allow-origin' not in served.http.get(path).headers
    assert 'server' not in got.headers


def test_no_script_of_a_page_runs_without_its_number(served: Served) -> None:
    got = served.http.get('/login')
    nonce = re.findall("'nonce-([^']+)'", got.headers['content-security-policy'])[0]
    scripts = re.findall('<script[^>]*>', got.text)
    assert len(scripts) > 5
    assert all(f'nonce="{nonce}"' in script for script in scripts)
    assert got.headers['cache-control'] == 'no-store'


def test_the_socket_of_a_page_is_open_to_our_pages_alone(served: Served) -> None:
    url = served.url.replace('http', 'ws') + SOCKET
    for origin in ('http://evil.example', 'null', served.url.replace('127.0.0.1', 'localhost')):
        with pytest.raises(InvalidStatus, match='403'), connect(url, origin=origin):
            pytest.fail('it was let in')
    with connect(url, origin=served.url) as link:
        assert str(link.recv(LIMIT_S)).startswith('0{')


def test_a_message_to_the_socket_has_a_limit(served: Served) -> None:
    with connect(served.url.replace('http', 'ws') + SOCKET, origin=served.url) as link:
        link.recv(LIMIT_S)
        link.send('4' * 1_100_000)
        with pytest.raises(ConnectionClosedError) as closed:
            drain(link)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1009


def drain(link: ClientConnection) -> None:
    for _ in link:
        pass


def test_foreign_pages_can_change_nothing(served: Served) -> None:
    for headers in ({'Origin': 'http://evil.example'}, {'Sec-Fetch-Site': 'cross-site'}, {'Origin': 'null'}):
        assert served.http.post('/login', data=FORM, headers=headers).status_code == 403


def raw(served: Served, text: bytes) -> bytes:
    """Send bytes to the server as they are and return the beginning of what it answers."""
    parts = urlsplit(served.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=LIMIT_S) as link:
        try:
            link.sendall(text)
            return link.recv(2000)
        except (ConnectionResetError, BrokenPipeError):
            return b''


def test_huge_headers_and_nonsense_are_refused(served: Served) -> None:
    for request in (
        b'GET /login HTTP/1.1\r\nHost: x\r\nCookie: ' + b'a' * 3_000_000 + b'\r\n\r\n',
        b'GET /' + b'a' * 3_000_000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
        b'GET /login HTTP/1.1\r\n' + b'X: y\r\n' * 200_000 + b'\r\n',
        b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
        b'\0\xff' * 5000,
    ):
        answer = raw(served, request)
        assert answer[:12] in {b'HTTP/1.1 400', b'HTTP/1.1 431', b'HTTP/1.1 414', b''}
        assert b'Traceback' not in answer
    assert served.http.get('/api/health').status_code == 200


def test_bodies_have_a_limit_even_if_they_do_not_tell_their_length(served: Served) -> None:
    flood = b'100000\r\n' + b'x' * 0x100000 + b'\r\n'
    for path in (b'/_nicegui_ws/socket.io/?EIO=4&transport=polling', b'/login'):
        head = b'POST ' + path + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
        assert raw(served, head + flood * 3).startswith(b'HTTP/1.1 413')


def test_who_sends_slowly_keeps_nobody_else_out(served: Served) -> None:
    parts = urlsplit(served.url)
    where = (str(parts.hostname), int(parts.port or 0))
    slow = [socket.create_connection(where, timeout=LIMIT_S) for _ in range(200)]
    try:
        for number, link in enumerate(slow):
            body = b'POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nuser'
            link.sendall(body if number % 2 else b'GET / HTTP/1.1\r\nHo')
        assert served.http.get('/login').status_code == 200
        assert served.http.get('/api/health').status_code == 200
    finally:
        for link in slow:
            link.close()


def test_what_a_proxy_says_counts_only_if_it_is_named(served: Served, tmp_path: Path) -> None:
    said = {'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Host': 'nas.example'}
    from_there = said | {'Origin': 'https://nas.example'}
    assert 'secure' not in served.http.post('/login', data=FORM, headers=said).headers['set-cookie'].lower()
    assert served.http.post('/login', data=FORM, headers=from_there).status_code == 403
    with Served(tmp_path, PLUMBUS_ADMIN_PASSWORD=PASSWORD, PLUMBUS_TRUSTED_PROXIES='127.0.0.1') as behind:
        answer = behind.http.post('/login', data=FORM, headers=from_there)
        assert 'secure' in answer.headers['set-cookie'].lower()
        assert 'strict-transport-security' in answer.headers


def test_it_serves_https_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    named = write_certificate(tmp_path, '127.0.0.1')
    trusted = ssl.create_default_context(cafile=named['PLUMBUS_TLS_CERT'])
    trusted.check_hostname = False
    with Served(tmp_path, PLUMBUS_ADMIN_PASSWORD=PASSWORD, verify=trusted, **named) as server:
        assert server.url.startswith('https://')
        assert server.http.get('/login').headers['strict-transport-security'] == 'max-age=2592000'
        answer = server.http.post('/login', data=FORM)
        assert 'secure' in answer.headers['set-cookie'].lower()
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url.replace('https', 'http'), trust_env=False)


def test_a_wrong_certificate_is_told_at_the_start(tmp_path: Path) -> None:
    named = write_certificate(tmp_path) | {
        'PLUMBUS_TLS_KEY': write_certificate(tmp_path, 'other')['PLUMBUS_TLS_KEY']
    }
    done = Served(tmp_path, **named).refused()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        'PLUMBUS cannot start. The key of PLUMBUS_TLS_KEY is not the one of the certificate of PLUMBUS_TLS_CERT.'
    )
