"""What becomes of open pages and streams when the login they were opened with ends: the real server, a real socket."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import socketio

from tests.support.served import LIMIT_S, Served

PASSWORD = 'fleeb juice 42'
COOKIE = 'plumbus_session'


@pytest.fixture(scope='module')
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp('sessions'), PLUMBUS_ADMIN_PASSWORD=PASSWORD) as server:
        yield server


def log_in(served: Served) -> str:
    answer = httpx.post(
        f'{served.url}/login',
        data={'username': 'admin', 'password': PASSWORD},
        trust_env=False,
        timeout=LIMIT_S,
    )
    return str(answer.cookies[COOKIE])


def log_out(served: Served, token: str) -> None:
    httpx.post(f'{served.url}/logout', cookies={COOKIE: token}, trust_env=False, timeout=LIMIT_S)


def page_number(served: Served, token: str) -> str:
    """Given a login, open the dashboard with it and return the number of the page."""
    page = httpx.get(f'{served.url}/', cookies={COOKIE: token}, trust_env=False, timeout=LIMIT_S)
    found = re.search(r'client_id["\':= ]+([0-9a-f-]{36})', page.text.replace('&quot;', '"'))
    assert found
    return found[1]


class Tab:
    """An open page, as the script of the page keeps it: with its number and a socket."""

    def __init__(self, served: Served, token: str) -> None:
        self._served, self.token = served, token
        self.socket = socketio.AsyncClient(reconnection=False)
        self.messages = list[Any]()
        self.socket.on('*', lambda name, *data: self.messages.append((name, data)))

    async def open(self) -> None:
        self.number = page_number(self._served, self.token)
        await self.socket.connect(
            f'{self._served.url}?client_id={self.number}', socketio_path='/_nicegui_ws/socket.io', transports=['websocket'],
            headers={'Cookie': f'{COOKIE}={self.token}', 'Origin': self._served.url},
        )  # fmt: skip
        assert await self.shake_hands()

    async def shake_hands(self) -> bool:
        """Ask for what happens on the page from now on."""
        known = {
            'client_id': self.number,
            'tab_id': 'a-tab',
            'document_id': 'a-document',
            'next_message_id': 0,
        }
        return bool(await self.socket.call('handshake', known, timeout=60))


@pytest.fixture
async def tab(served: Served) -> AsyncIterator[Tab]:
    made = Tab(served, log_in(served))
    await made.open()
    yield made
    await made.socket.disconnect()


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, 'it never came to hold'
        await asyncio.sleep(0.05)


async def test_a_logout_closes_the_socket_and_the_page_is_gone(served: Served, tab: Tab) -> None:
    log_out(served, tab.token)
    await until(lambda: not tab.socket.connected)
    assert any('/login' in str(message) for message in tab.messages), 'its browser is sent to the login'
    again = Tab(served, tab.token)
    again.number = tab.number
    await again.socket.connect(
        f'{served.url}?client_id={tab.number}', socketio_path='/_nicegui_ws/socket.io', transports=['websocket'],
        headers={'Origin': served.url},
    )  # fmt: skip
    assert not await again.shake_hands(), 'whoever noted the number of the page gets nothing more of it'
    await again.socket.disconnect()


async def test_the_socket_of_another_login_stays(served: Served, tab: Tab) -> None:
    other = Tab(served, log_in(served))
    await other.open()
    log_out(served, other.token)
    await until(lambda: not other.socket.connected)
    assert tab.socket.connected


async def test_no_socket_opens_a_page_that_was_not_drawn_for_a_login(served: Served) -> None:
    stranger = Tab(served, '')
    stranger.number = '00000000-0000-4000-8000-000000000000'
    await stranger.socket.connect(
        served.url,
        socketio_path='/_nicegui_ws/socket.io',
        transports=['websocket'],
        headers={'Origin': served.url},
    )
    assert not await stranger.shake_hands()
    await stranger.socket.disconnect()
