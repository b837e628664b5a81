"""The live stream of a backup, served by uvicorn behind layers like NiceGUI's, which pass every answer on in pieces."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from httpx import AsyncClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from plumbus.api.application import create_api
from plumbus.api.security import Gate
from tests.support.fake_engine import OWN_LISTENERS, TIMEOUT_S, ScriptedEngine

Event = tuple[str, Any]


class Passing(BaseHTTPMiddleware):
    """Passes everything on."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


@pytest.fixture
def url(engine: ScriptedEngine) -> Iterator[str]:
    """Where the API is served."""
    app = Starlette(middleware=[Middleware(Passing), Middleware(GZipMiddleware), Middleware(Passing)])
    app.mount('/', create_api(engine, Gate(engine)))
    server = uvicorn.Server(uvicorn.Config(app, host='127.0.0.1', port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert until(lambda: server.started)
    yield f'http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}'
    server.should_exit = True
    thread.join(TIMEOUT_S)


@pytest.fixture
async def reader(url: str, api: AsyncClient) -> AsyncIterator[AsyncClient]:
    """A program that reads streams as they come."""
    headers = {'Authorization': api.headers['Authorization'], 'Accept-Encoding': 'gzip'}
    async with AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=TIMEOUT_S) as client:
        yield client


@asynccontextmanager
async def reading(reader: AsyncClient, backup_id: int) -> AsyncIterator[AsyncIterator[Event]]:
    """Yield the events of a backup as they come."""
    async with reader.stream('GET', f'/api/backups/{backup_id}/events') as stream:
        assert stream.headers['content-type'].startswith('text/event-stream')
        yield _events(stream.aiter_lines())


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    name = ''
    async for line in lines:
        field, _, value = line.partition(': ')
        if field == 'event':
            name = value
        elif field == 'data':
            yield name, json.loads(value)


def until(condition: Any) -> bool:
    """Return whether the condition comes true in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


async def nobody_listens(engine: ScriptedEngine) -> bool:
    return await asyncio.to_thread(until, lambda: engine.events.listener_count == OWN_LISTENERS)


async def test_it_tells_all_until_the_end(
    reader: AsyncClient, engine: ScriptedEngine, running_id: int
) -> None:
    async with reading(reader, running_id) as events:
        told = [await anext(events), await anext(events)]
        engine.release.set()
        told += [event async for event in events]
    assert [name for name, _ in told[:2]] == ['status', 'log']
    assert told[0][1]['progress']['percent'] == 50
    assert [content['status'] for name, content in told if name == 'status'] == ['running', 'completed']
    assert told[-1][0] == 'status'
    lines = [line[9:] for name, content in told if name == 'log' for line in content['lines']]
    assert lines[0] == 'the machine answers'
    assert lines.count('the machine answers') == 1, 'the end of the log is not told twice'
    assert lines[-1] == 'the end'
    assert [content['phase'] for name, content in told if name == 'progress'] == ['publish']
    assert await nobody_listens(engine)


async def test_an_ended_backup_is_told_at_once(reader: AsyncClient, backup_id: int) -> None:
    async with reading(reader, backup_id) as events:
        told = [event async for event in events]
    assert [name for name, _ in told] == ['status', 'log']
    assert told[0][1]['status'] == 'completed'


async def test_nobody_listens_any_more_when_the_reader_has_gone(
    reader: AsyncClient, engine: ScriptedEngine, running_id: int
) -> None:
    for _ in range(5):
        async with reading(reader, running_id) as events:
            assert (await anext(events))[0] == 'status'
            assert engine.events.listener_count == OWN_LISTENERS + 1
        assert await nobody_listens(engine)
    engine.release.set()


async def test_it_ends_with_the_backup_that_is_deleted(
    reader: AsyncClient, engine: ScriptedEngine, running_id: int
) -> None:
    def delete() -> None:
        engine.backups.cancel(running_id)
        engine.backups.wait(running_id, TIMEOUT_S)
        engine.backups.delete(running_id)

    async with reading(reader, running_id) as events:
        assert (await anext(events))[1]['status'] == 'running'
        await asyncio.to_thread(delete)
        assert {name async for name, _ in events} >= {'log'}
    assert await nobody_listens(engine)


async def test_a_quiet_stream_is_kept_alive(
    reader: AsyncClient, engine: ScriptedEngine, running_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('fastapi.routing._PING_INTERVAL', 0.05)
    async with reader.stream('GET', f'/api/backups/{running_id}/events') as stream:
        async for line in stream.aiter_lines():
            if line.startswith(':'):
                break
    engine.release.set()
