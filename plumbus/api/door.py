"""How a route reaches the engine, what it needs of a request, and the checked forms of query parameters."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import orjson
from anyio import to_thread
from fastapi import Depends, Query, Request
from pydantic import BeforeValidator

from plumbus.api.errors import BadRequest
from plumbus.api.listening import Streams
from plumbus.engine import Engine
from plumbus.model.fields import Id

LARGEST_BODY = 2_000_000
LONGEST_WAIT_S = 3600
LONGEST_PATH = 16_384  # 4096 bytes, each of which may be told in four characters
Result = TypeVar('Result')


async def engine_of(request: Request) -> Engine:
    """Given a request, return the engine behind it."""
    engine: Engine = request.app.state.engine
    return engine


async def streams_of(request: Request) -> Streams:
    """Given a request, return the listeners of live events."""
    streams: Streams = request.app.state.streams
    return streams


async def fields_of(request: Request) -> dict[str, Any]:
    """Given a request, return the JSON object in its body, `{}` without a body. Raise BadRequest if it is none."""
    body = await limited_body(request)
    if not body.strip():
        return {}
    kind = request.headers.get('content-type', 'application/json').partition(';')[0].strip().lower()
    if kind != 'application/json' and not kind.endswith('+json'):
        raise BadRequest('The body is not JSON.', 'Send JSON with the header Content-Type: application/json.')
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f'The body is not valid JSON: {error}.') from None
    if not isinstance(fields, dict):
        raise BadRequest('The body must be a JSON object, like {"name": "…"}.')
    return fields


async def limited_body(request: Request) -> bytes:
    """Given a request, return its body. Raise BadRequest as soon as it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BadRequest('The request is too large.', 'The limit is 2 MB.', status=413)
    return bytes(body)


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Given a blocking function of the engine, return its result without blocking the server."""
    return await to_thread.run_sync(function, *arguments)


def _none_if_empty(value: Any) -> Any:
    return None if value == '' else value


Door = Annotated[Engine, Depends(engine_of)]
Live = Annotated[Streams, Depends(streams_of)]
Fields = Annotated[dict[str, Any], Depends(fields_of)]
OptionalId = Annotated[Id | None, BeforeValidator(_none_if_empty)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Offset = Annotated[int, Query(ge=0, le=2**53)]
PathText = Annotated[str, Query(max_length=LONGEST_PATH)]
WaitSeconds = Annotated[
    float,
    Query(alias='wait', ge=0, le=LONGEST_WAIT_S, description='Answer when it ended, or after these seconds.'),
]
