"""Nothing is served open: who asks is known before a route or a page is reached. Plain ASGI, so that streams stream."""

from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from plumbus.api.errors import SENTENCES, problem
from plumbus.api.headers import host_name, is_loopback, with_safe_headers
from plumbus.api.lasting import ending_with_login
from plumbus.api.proxies import FORWARDED
from plumbus.engine import Engine
from plumbus.errors import NotLoggedIn, NotPermitted, PlumbusError
from plumbus.model import Actor, acting
from plumbus.model import Scope as May

COOKIE = 'plumbus_session'
LOGIN_PATHS = frozenset({'/login', '/login/code', '/setup', '/logout'})
WINDOW_PATH = '/window'  # the way in of a desktop window, by a secret that is used once
OPEN_API = frozenset({'/api/health', '/api/version', WINDOW_PATH})
METRICS_PATH = '/metrics'
# What NiceGUI serves to a page, the login page too; no page may ever stand below these.
OPEN_PREFIXES = ('/_nicegui/', '/_nicegui_ws/', '/static/')
READING = frozenset({'GET', 'HEAD', 'OPTIONS'})
SOCKET = '/_nicegui_ws/'
LARGEST_HEADERS = 256 * 1024  # with room for the paths of a selection to download
LARGEST_MESSAGE = 1_000_000  # of a page to its server; what Socket.IO takes at the most
MOST_LOOK_UPS = 16
NO_TOKEN = NotLoggedIn('You are not logged in.', 'Send the header Authorization: Bearer TOKEN, or log in.')
WRONG_TOKEN = NotLoggedIn('This token is not valid.', 'Check it, or make a new one in Settings.')
FOREIGN = NotPermitted('The request comes from another web site.', 'Open PLUMBUS itself and try again there.')


class Gate:
    """Knows who asks: by bearer token, or by the cookie of a session."""

    def __init__(self, engine: Engine, *, native: bool = False) -> None:
        self._engine = engine
        # Before a desktop window sits one user of this machine; others of it must not pass as that one at the first start.
        self.trusts_machine = not native
        self._limiter = CapacityLimiter(MOST_LOOK_UPS)

    async def visitor(self, scope: Scope, *, touch: bool = True) -> Actor | None:
        """Given a request, return the user whose browser sent it, or None. With `touch`, the login counts as used."""
        token = cookie(scope)
        if not token:
            return None
        look_up = partial(self._engine.accounts.session_actor, token, address(scope), touch=touch)
        found: Actor | None = await self.ask(look_up)
        return found

    async def check(self, scope: Scope, *, touch: bool = True) -> Actor:
        """Given a request to the API, return who sent it. Raise NotLoggedIn, or NotPermitted for a foreign web site."""
        scheme, _, text = Headers(scope=scope).get('authorization', '').partition(' ')
        if scheme:
            known: Actor | None = None
            if scheme.lower() == 'bearer':
                tokens, whose = self._engine.tokens, (text.strip(), address(scope))
                known = tokens.recalled(*whose) or await self.ask(tokens.actor, *whose)
            if known is None:
                raise WRONG_TOKEN
            return known
        if scope['path'] == METRICS_PATH and self._engine.settings.metrics_open:
            return Actor(name='anybody', kind='token', scope=May.READ, address=address(scope))
        visitor = await self.visitor(scope, touch=touch)
        if visitor is None:
            raise NO_TOKEN
        if scope['method'] not in READING:
            check_origin(scope)
        return visitor

    async def has_users(self) -> bool:
        """Whether anybody can log in yet."""
        known: bool = await self.ask(self._engine.accounts.has_users)
        return known

    async def ask(self, function: Any, *arguments: Any) -> Any:
        """Given a blocking function, return its result. Slow routes cannot use up the threads of these look-ups."""
        return await to_thread.run_sync(function, *arguments, limiter=self._limiter)


class Authenticated:
    """Lets through to the API who is known; from there on all is done on behalf of that one."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Given a request, pass it on. Raise what the layer of errors turns into 401 or 403."""
        actor = await self._known(scope) if scope['type'] == 'http' else None
        still_known = partial(self._gate.check, scope, touch=False)
        with acting(actor):
            await self._app(scope, receive, ending_with_login(still_known, send) if actor else send)

    async def _known(self, scope: Scope) -> Actor | None:
        if scope['path'] in LOGIN_PATHS:
            check_origin(scope)
            return await self._gate.visitor(scope)
        return None if scope['path'] in OPEN_API else await self._gate.check(scope)


class Guard:
    """Stands before NiceGUI's app: the API's paths go to the API, pages need a session, all else leads to the login."""

    def __init__(self, app: ASGIApp, api: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._api = api
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Given any request, send it where it belongs."""
        if scope['type'] == 'lifespan':
            await self._app(scope, receive, send)
        elif scope['type'] == 'websocket':
            await (self._app if _may_connect(scope) else _closed)(scope, receive, send)
        elif _is_for_api(scope):
            await self._api(dict(scope), receive, send)
        elif scope['path'].startswith(OPEN_PREFIXES):
            await (_refusal(scope) or self._app)(
                scope, receive, with_safe_headers(scope, send, private=False)
            )
        else:
            await self._page(scope, receive, with_safe_headers(scope, send, private=True))

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault('state', {})
        state['loopback'] = self._gate.trusts_machine and from_loopback(scope)
        try:
            answer = await self._instead_of_page(scope, state)
        except PlumbusError as error:
            answer = PlainTextResponse(error.message, 503)
        with acting(state.get('actor')):
            await (answer or self._app)(scope, receive, send)

    async def _instead_of_page(self, scope: Scope, state: dict[str, Any]) -> ASGIApp | None:
        path = scope['path']
        if path == '/favicon.ico':
            return None
        state['actor'] = await self._gate.visitor(scope)
        if state['actor']:
            return RedirectResponse('/', 303) if path in LOGIN_PATHS else None
        if not await self._gate.has_users():
            return None if path == '/setup' else RedirectResponse('/setup', 303)
        if path in {'/login', '/login/code'}:
            return None
        if scope['method'] not in READING:
            return problem(401, str(NO_TOKEN))
        return RedirectResponse(f'/login?next={quote(_wanted(scope))}', 303)


def cookie(scope: Scope) -> str:
    """Given a request, return the session token of its cookie; empty without one."""
    return HTTPConnection(scope).cookies.get(COOKIE, '')


def check_origin(scope: Scope) -> None:
    """Given a request that changes something, raise NotPermitted if the page of another web site sent it.

    Browsers say where a request comes from in headers that no page can forge; other programs say nothing.
    """
    headers = Headers(scope=scope)
    if site := headers.get('sec-fetch-site'):
        if site not in {'same-origin', 'none'}:
            raise FOREIGN
        return
    origin = headers.get('origin')
    if origin is not None and _netloc(origin) != headers.get('host'):
        raise FOREIGN


def from_loopback(scope: Scope) -> bool:
    """Given a request, return whether a program on this machine sent it, neither through a proxy nor by a foreign name.

    The name matters: a web site may let its own name point to 127.0.0.1.
    """
    headers = Headers(scope=scope)
    if any(name in headers for name in FORWARDED):
        return False
    named = host_name(headers.get('host', ''))
    return is_loopback(address(scope)) and (named == 'localhost' or is_loopback(named))


def address(scope: Scope) -> str:
    """Given a request, return the address it came from; empty if that is unknown."""
    client = scope.get('client')
    return client[0] if client else ''


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ''


def _may_connect(scope: Scope) -> bool:
    # A page's socket: whoever connects must know the number of a page that was drawn for a user.
    try:
        check_origin(scope)
    except NotPermitted:
        return False
    return bool(scope['path'].startswith(OPEN_PREFIXES))


async def _closed(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({'type': 'websocket.close', 'code': 1008})


def _refusal(scope: Scope) -> ASGIApp | None:
    """What NiceGUI would do without a look: take messages that other web sites send, and of any length."""
    if scope['path'].startswith(SOCKET):
        try:
            check_origin(scope)
        except NotPermitted as error:
            return problem(403, str(error))
    if scope['method'] not in READING:
        length = Headers(scope=scope).get('content-length', '')
        if not length.isdecimal() or len(length) > 9 or int(length) > LARGEST_MESSAGE:
            return problem(413, SENTENCES[413])
    return None


def _is_for_api(scope: Scope) -> bool:
    path: str = scope['path']
    if path in LOGIN_PATHS:
        return bool(scope['method'] == 'POST')
    return path in {'/api', '/metrics', WINDOW_PATH} or path.startswith('/api/')


def _wanted(scope: Scope) -> str:
    query = scope.get('query_string', b'').decode('latin-1')
    return f'{scope["path"]}?{query}' if query else scope['path']
