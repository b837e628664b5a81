"""Open tabs without a browser: what a page's script does with the server (NiceGUI's static/nicegui.js), and what it has been sent."""

import asyncio
import html
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import socketio

ACKNOWLEDGED_EVERY_S = 3.0
LIMIT_S = 60.0
Elements = dict[str, dict[str, Any]]


@dataclass
class Tab:
    """One open page: its elements as a browser would have them by now, and how much was sent to it."""

    address: str
    client_id: str
    elements: Elements
    page_bytes: int
    messages: list[tuple[str, int]] = field(default_factory=list)
    most_rows: int = 0
    _next: int = 0
    _acknowledged: int = -1

    @property
    def text(self) -> str:
        """Everything that is written on it somewhere."""
        return '\n'.join(words for element in self.elements.values() for words in _words(element))

    def rows(self, label: str = '') -> list[dict[str, Any]]:
        """Return the rows of the table with that label, or of the first one."""
        for element in self.elements.values():
            props = element.get('props') or {}
            if 'rows' in props and label in {'', props.get('aria-label')}:
                return list(props['rows'])
        return []

    def take(self, kind: str, data: dict[str, Any]) -> None:
        """Given a message from the server, keep what it changes."""
        self._next = data.pop('_id', self._next - 1) + 1
        self.messages.append((kind, len(json.dumps(data))))
        if kind == 'update':
            for number, element in data.items():
                self._put(number, element)

    def _put(self, number: str, element: dict[str, Any] | None) -> None:
        if element is None:
            self.elements.pop(number, None)
            return
        self.elements[number] = element
        self.most_rows = max(self.most_rows, len((element.get('props') or {}).get('rows') or ()))

    def acknowledge(self) -> dict[str, Any] | None:
        """Return what the browser tells every few seconds, if there is anything new to tell."""
        if self._acknowledged >= self._next:
            return None
        self._acknowledged = self._next
        return {'client_id': self.client_id, 'next_message_id': self._next}


@asynccontextmanager
async def open_tab(http: httpx.AsyncClient, address: str) -> AsyncIterator[Tab]:
    """Open a page as somebody who is logged in does, connect to it, and leave it at the end."""
    answer = await http.get(address)
    answer.raise_for_status()
    query = json.loads(
        re.findall(r'query: (\{.*?\}),\n', answer.text)[0].replace("'", '"').replace('True', 'true')
    )
    tab = Tab(
        address=address,
        client_id=query['client_id'],
        elements=_elements(answer.text),
        page_bytes=len(answer.content),
    )
    socket = socketio.AsyncClient(
        reconnection=False, websocket_extra_options={'compress': 15}
    )  # as browsers offer it
    socket.on('*', tab.take)
    ids = {
        'tab_id': uuid.uuid4(),
        'old_tab_id': 'null',
        'document_id': uuid.uuid4(),
        'implicit_handshake': 'true',
    }
    url = f'{http.base_url}?{urlencode({**query, **ids})}'
    headers = {'Cookie': '; '.join(f'{name}={value}' for name, value in http.cookies.items())}
    await socket.connect(
        url, headers, ['websocket'], socketio_path='/_nicegui_ws/socket.io', wait_timeout=LIMIT_S
    )
    acknowledging = asyncio.create_task(_acknowledge(socket, tab))
    try:
        yield tab
    finally:
        acknowledging.cancel()
        await socket.disconnect()


async def reached(condition: Callable[[], bool], what: str, seconds: float = LIMIT_S) -> float:
    """Wait until something holds and return how many seconds that took; fail with `what` if it never does."""
    began = time.perf_counter()
    while not condition():
        assert time.perf_counter() - began < seconds, f'{what} did not happen'
        await asyncio.sleep(0.005)
    return time.perf_counter() - began


async def log_in(http: httpx.AsyncClient, username: str, password: str) -> None:
    """Come in through the form of the login page."""
    fields = {'username': username, 'password': password, 'next': '/'}
    answer = await http.post('/login', data=fields, headers={'Origin': str(http.base_url).rstrip('/')})
    assert answer.status_code == 303, answer.text
    assert answer.headers['location'] == '/', 'the login is refused'


async def _acknowledge(socket: socketio.AsyncClient, tab: Tab) -> None:
    while True:
        await asyncio.sleep(ACKNOWLEDGED_EVERY_S)
        if told := tab.acknowledge():
            await socket.emit('ack', told)


def _elements(page: str) -> Elements:
    raw = re.findall(r'String\.raw`(.*?)`', page, re.DOTALL)[0]
    found: Elements = json.loads(html.unescape(raw))
    return found


def _words(element: dict[str, Any]) -> list[str]:
    props = element.get('props') or {}
    rows = [
        str(cell.get('text', ''))
        for row in props.get('rows') or ()
        for cell in row.values()
        if isinstance(cell, dict)
    ]
    return [
        str(element.get('text') or ''),
        *(str(props[name]) for name in ('label', 'aria-label') if name in props),
        *rows,
    ]
