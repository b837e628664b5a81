"""A stream of events ends with the login it was opened with; a download goes on."""

from typing import Any

import pytest
from starlette.types import Message

from plumbus.api.lasting import ending_with_login
from plumbus.errors import NotLoggedIn


class Session:
    """A login that ends when told so; looked at as often as `looks` tells."""

    known, looks, now = True, 0, 0.0

    async def check(self) -> None:
        self.looks += 1
        if not self.known:
            raise NotLoggedIn('You are not logged in.')


async def sent(session: Session, kind: str) -> list[Any]:
    """What comes through of ten pieces, two seconds apart, when the login ends after the third."""
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    ending = ending_with_login(session.check, send, lambda: session.now)
    await ending({'type': 'http.response.start', 'headers': [(b'content-type', kind.encode())]})
    for number in range(10):
        session.known = number < 3
        session.now += 2
        await ending({'type': 'http.response.body', 'body': b'%d' % number, 'more_body': True})
    return [(message['body'], message['more_body']) for message in told[1:]]


async def test_a_stream_ends_soon_after_the_login(session: Session) -> None:
    pieces = await sent(session, 'text/event-stream; charset=utf-8')
    assert pieces == [(b'0', True), (b'1', True), (b'2', True), (b'3', True), (b'4', True), (b'', False)]
    assert session.looks == 2


async def test_a_download_goes_on(session: Session) -> None:
    assert len(await sent(session, 'application/zip')) == 10
    assert session.looks == 0


@pytest.fixture
def session() -> Session:
    return Session()
