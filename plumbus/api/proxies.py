"""Believes what a proxy says of a request if the settings name that proxy, and nobody else."""

import logging
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

FORWARDED = ('x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'forwarded')
log = logging.getLogger(__name__)


class TrustedProxies:
    """Given the addresses and networks of the proxies, take address, scheme and host of a request from their headers."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        self._app = app
        self._believing = ProxyHeadersMiddleware(app, trusted_hosts=list(trusted))  # type: ignore[arg-type]
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Given any request, pass it on as the proxy in front of it describes it."""
        if scope['type'] not in {'http', 'websocket'}:
            await self._app(scope, receive, send)
            return
        scope = _without_prefix(scope)
        peer = scope['client'][0] if scope.get('client') else ''
        if peer in self._believing.trusted_hosts:
            await self._believing(_named_by_proxy(scope), receive, send)  # type: ignore[arg-type]
        else:
            self._tell(scope, peer)
            await self._app(scope, receive, send)

    def _tell(self, scope: Scope, peer: str) -> None:
        headers = Headers(scope=scope)
        if not self._told and any(name in headers for name in FORWARDED):
            self._told = True
            log.warning(
                'A request came through a proxy at %r that PLUMBUS_TRUSTED_PROXIES does not name: what it says of address and scheme '
                'is not believed. This is told once.',
                peer,
            )


def _without_prefix(scope: Scope) -> Scope:
    """NiceGUI believes this header from anyone, and PLUMBUS does not live below a path."""
    kept = [(name, value) for name, value in scope['headers'] if name != b'x-forwarded-prefix']
    return {**scope, 'headers': kept}


def _named_by_proxy(scope: Scope) -> Scope:
    headers = MutableHeaders(scope=scope)
    if host := headers.get('x-forwarded-host'):
        headers['host'] = host.rpartition(',')[2].strip()  # what the proxy nearest to us says
    return scope
