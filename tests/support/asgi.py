"""Requests to an ASGI application at the lowest level: bytes in, bytes out, nothing made well-formed on the way."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from starlette.types import ASGIApp, Message

TOKEN = 'the-token-of-the-tests'
BEARER = ((b'authorization', f'Bearer {TOKEN}'.encode()), (b'host', b'testserver'))


@dataclass(frozen=True, slots=True)
class Got:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def ask(
    app: ASGIApp, method: str, path: str, *, query: str = '', body: bytes = b'', headers: Any = BEARER
) -> Got:
    """Given a decoded path, an encoded query and a body, return the answer."""
    scope = {
        'type': 'http', 'asgi': {'version': '3.0'}, 'http_version': '1.1', 'method': method, 'scheme': 'http', 'path': path,
        'raw_path': quote(path, errors='replace').encode(), 'root_path': '', 'query_string': query.encode(), 'client': ('127.0.0.1', 5),
        'server': ('testserver', 80), 'headers': [(b'content-type', b'application/json'), *headers],
    }  # fmt: skip
    told: list[Message] = []

    parts = [{'type': 'http.request', 'body': body, 'more_body': False}]
    ended = asyncio.Event()

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await ended.wait()  # whoever asked does not go away before
        return {'type': 'http.disconnect'}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    ended.set()
    named = {name.decode(): value.decode('latin-1') for name, value in told[0]['headers']}
    return Got(told[0]['status'], named, b''.join(message.get('body', b'') for message in told[1:]))
