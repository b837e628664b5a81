"""Who takes messages on loopback: a web server that notes each request, and a mail server."""

import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope


class WebReceiver:
    """Notes method, path and body of each request and answers with `status`; while `hold` is cleared it does not answer."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.location = ''
        self.hold = threading.Event()
        self.hold.set()
        self.requests: list[tuple[str, str, bytes]] = []
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f'127.0.0.1:{self._server.server_port}'

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for _, path, _ in self.requests]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was posted as JSON, in order."""
        return [orjson.loads(body) for method, _, body in self.requests if method == 'POST']

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get('content-length') or 0))
                receiver.requests.append((self.command, self.path, body))
                receiver.hold.wait(60)
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header('Location', receiver.location)
                self.send_header('Content-Length', '0')
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class FreePort(Controller):
    """The mail server's own way to look whether it answers takes port 0 literally."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class MailReceiver:
    """A mail server that keeps every mail."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self._controller = FreePort(self, hostname='127.0.0.1', port=0, ready_timeout=30)

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, as aiosmtpd wants it."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return '250 OK'

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def address(self) -> str:
        """Host and port."""
        return f'127.0.0.1:{self._controller.port}'
