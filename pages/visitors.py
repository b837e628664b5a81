"""On whose behalf a page asks the engine; and what becomes of open pages when the login they were opened with ends."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from nicegui import Client, app, background_tasks, core, ui

from plumbus.engine import Engine
from plumbus.model import Actor, acting
from plumbus.services.digests import digest

Result = TypeVar('Result')
COOKIE = 'plumbus_session'  # set by the API's login
CHECK_EVERY_S = 30.0  # a command on the server, or time alone, ends a login too
_PAGE: ContextVar[Client] = ContextVar('page')
FAREWELL_S = 1.0  # in which a browser goes to the login by itself


class Visitors:
    """Knows the logins of open pages. One for the application."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None

    def install(self) -> None:
        """Begin to watch; ended logins lose their pages."""
        if app.is_started:  # in tests the pages come later
            self._begin()
        else:
            app.on_startup(self._begin)
        self._engine.accounts.when_session_ends(self._ended)

    def on_behalf(self, token: str, address: str, call: Callable[[], Result]) -> Result:
        """Given a login and a call, make it on behalf of that user, whose role is looked up anew. Blocking."""
        with acting(self._actor(token, address)):
            return call()

    def _actor(self, token: str, address: str) -> Actor | None:
        return self._engine.accounts.session_actor(token, address, touch=False)

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        app.timer(CHECK_EVERY_S, self._look)

    def _ended(self, token_digest: str) -> None:
        if self._loop:
            with suppress(RuntimeError):  # the loop has been closed: PLUMBUS is going down
                self._loop.call_soon_threadsafe(self._close, token_digest)

    def _close(self, token_digest: str) -> None:
        for client in list(Client.instances.values()):
            if digest(token_of(client)) == token_digest:
                background_tasks.create(dismiss(client), name='end of a login')

    async def _look(self) -> None:
        tokens = {token_of(client) for client in list(Client.instances.values())} - {''}
        for token in tokens:
            if await asyncio.to_thread(self._actor, token, '') is None:
                self._close(digest(token))


async def dismiss(client: Client) -> None:
    """Given an open page, send its browser to the login, and give it nothing more whether it goes or not."""
    if client.is_deleted:
        return
    sockets = list(client._socket_to_document_id)  # NiceGUI tells them nowhere else
    with client:
        ui.navigate.to('/login')
    await asyncio.sleep(FAREWELL_S)
    if not client.is_deleted:
        client.delete()
    for socket in sockets:
        await core.sio.disconnect(socket)


def install(engine: Engine) -> None:
    """Given the engine, keep an eye on the logins of all pages."""
    app.state.visitors = Visitors(engine)
    app.state.visitors.install()


def visitors() -> Visitors:
    """Return the one that all pages share."""
    return cast(Visitors, app.state.visitors)


def present_page() -> Client:
    """Return the page that this task works for. A task that it started knows it too, though it can draw nothing.

    What the task began at, a button say, may be gone by now: then the page it stood on counts.
    """
    for slot in reversed(ui.context.slot_stack):
        with suppress(RuntimeError):
            _PAGE.set(slot.parent.client)
            break
    return _PAGE.get()


def token_of(client: Client) -> str:
    """Given an open page, return the token of the login it was opened with; empty without one."""
    request: Any = client._request  # the property raises where there is none
    return str(request.cookies.get(COOKIE, '')) if request else ''


def address_of(client: Client) -> str:
    """Given an open page, return the address it was opened from."""
    request: Any = client._request
    return str(request.client.host) if request and request.client else ''
