"""Streams of events last for hours; they end when the login or the token does with which they were opened."""

import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import Message, Send

from plumbus.errors import PlumbusError

CHECK_AGAIN_S = 5.0


def ending_with_login(
    still_known: Callable[[], Awaitable[object]], send: Send, timer: Callable[[], float] = time.monotonic
) -> Send:
    """Given what raises when the login has ended, and the way to answer, return one that a stream of events ends with it."""
    is_stream = is_over = False
    looked_s = timer()

    async def send_while_known(message: Message) -> None:
        nonlocal is_stream, is_over, looked_s
        if is_over:
            return
        if message['type'] == 'http.response.start':
            kind = Headers(raw=message['headers']).get('content-type', '')
            is_stream = kind.startswith('text/event-stream')
        elif is_stream and timer() - looked_s > CHECK_AGAIN_S:
            looked_s = timer()
            try:
                await still_known()
            except PlumbusError:
                is_over = True
                message = {'type': 'http.response.body', 'body': b'', 'more_body': False}
        await send(message)

    return send_while_known
