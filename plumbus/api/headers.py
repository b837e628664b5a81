"""What every answer tells browsers: run our scripts alone, load nothing from elsewhere, show us in no frame, keep nothing."""

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

HSTS = 'max-age=2592000'  # 30 days, of this name alone
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Styles are written into elements by Quasar and ECharts; 'unsafe-eval' is what Vue compiles its templates with.
PAGE = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SAFE = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
}


def with_safe_headers(scope: Scope, send: Send, *, private: bool) -> Send:
    """Given a request and the way to answer it, return one that adds what browsers should know; private answers are not kept.

    The scripts of a page, and no others, get the number used once that its policy names: whatever a file name or a banner
    smuggles into a page later has none.
    """
    answer = _Answer(send)

    async def send_safely(message: Message) -> None:
        if message['type'] == 'http.response.start':
            headers = MutableHeaders(scope=message)
            headers.update(SAFE)
            if scope.get('scheme') == 'https':
                headers['Strict-Transport-Security'] = HSTS
            if is_trustworthy(scope):
                headers['Cross-Origin-Opener-Policy'] = 'same-origin'
            if private:
                headers.setdefault('Cache-Control', 'no-store')
        await answer.send(message)

    return send_safely


def is_trustworthy(scope: Scope) -> bool:
    """Given a request, return whether browsers count its origin as safe; elsewhere they complain of some headers."""
    if scope.get('scheme') == 'https':
        return True
    name = host_name(Headers(scope=scope).get('host', ''))
    return name == 'localhost' or is_loopback(name)


def is_loopback(name: str) -> bool:
    """Given the text of an address, return whether it means this machine itself."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Given the value of a Host header, return the name in it without its port; empty if it is none."""
    try:
        return urlsplit(f'//{host}').hostname or ''
    except ValueError:
        return ''


class _Answer:
    """Sends an answer on with its policy; a page is held until it is whole, for its scripts to be marked."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._page = bytearray()

    async def send(self, message: Message) -> None:
        """Given a message of the answer, send it, or hold it."""
        if message['type'] == 'http.response.start':
            headers = MutableHeaders(scope=message)
            if headers.get('content-type', '').startswith('text/html'):
                self._start = message
                return
            headers.setdefault('Content-Security-Policy', NOTHING)
        elif self._start is not None and message['type'] == 'http.response.body':
            self._page += message.get('body', b'')
            if not message.get('more_body'):
                await self._send_page(self._start)
            return
        await self._send(message)

    async def _send_page(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        body = bytes(self._page).replace(b'<script', f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=start)
        headers.setdefault('Content-Security-Policy', PAGE.format(nonce=nonce))
        if body:
            headers['Content-Length'] = str(len(body))
        await self._send(start)
        await self._send({'type': 'http.response.body', 'body': body})
