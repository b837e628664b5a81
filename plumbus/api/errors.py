"""Every failure as JSON: `{"success": false, "error": "a sentence with the remedy"}`, never a trace, a path or a secret."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plumbus.api.answers import Answer
from plumbus.api.headers import with_safe_headers
from plumbus.errors import (
    Cancelled,
    ClientError,
    Conflict,
    InvalidInput,
    NotFound,
    NotLoggedIn,
    NotPermitted,
    PlumbusError,
    StoreError,
    TransferFailed,
)  # fmt: skip

STATUSES: tuple[tuple[type[PlumbusError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (Conflict, 409),
    (Cancelled, 409),
    (NotLoggedIn, 401),
    (NotPermitted, 403),
    (ClientError, 502),
    (TransferFailed, 502),
    (StoreError, 503),
)
SENTENCES = {
    400: 'The request is malformed.',
    404: 'There is no such address. See /api/docs for what there is.',
    413: 'The request is too large. The limit is 2 MB.',
}
METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')
INTERNAL = 'Something went wrong inside PLUMBUS. Its log tells what; please report it.'
log = logging.getLogger(__name__)


class BadRequest(PlumbusError):
    """The request is malformed: not even its fields can be looked at."""

    def __init__(self, message: str, remedy: str = '', status: int = 400) -> None:
        super().__init__(message, remedy)
        self.status = status


def problem(status: int, error: str, headers: Mapping[str, str] | None = None, **extra: Any) -> Answer:
    """Given a status and a sentence, return the answer for it."""
    return Answer({'success': False, 'error': error, **extra}, status, headers)


class Errors:
    """Turns exceptions into answers. `data_dir` is cut out of every sentence."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = str(data_dir)

    def install(self, api: FastAPI) -> None:
        """Given the application, let it answer in this way."""
        api.add_exception_handler(PlumbusError, self._of_plumbus)
        api.add_exception_handler(RequestValidationError, self._of_validation)
        api.add_exception_handler(HTTPException, self._of_http)

    def answer(self, error: Exception) -> Answer:
        """Given an exception, return what to say about it."""
        if not isinstance(error, PlumbusError):
            return problem(500, INTERNAL)
        status = _status_of(error)
        headers = {'WWW-Authenticate': 'Bearer'} if status == 401 else None
        extra: dict[str, Any] = {'fields': error.fields} if isinstance(error, InvalidInput) else {}
        if cause := getattr(error, 'cause', None):
            extra = {'cause': cause}
        return problem(status, self._without_paths(str(error)), headers, **extra)

    def _of_plumbus(self, _: Request, error: Exception) -> Answer:
        return self.answer(error)

    def _of_validation(self, _: Request, error: Exception) -> Answer:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        details = error.errors()
        if any(detail['loc'][0] == 'path' for detail in details):
            return problem(404, 'There is no such thing: an id is a positive integer.')
        return self.answer(
            InvalidInput({_field_of(detail['loc']): _why(detail['msg']) for detail in details})
        )

    def _of_http(self, request: Request, error: Exception) -> Answer:
        assert isinstance(error, HTTPException)  # noqa: S101
        if error.status_code == 405:
            allowed = ', '.join(_allowed_methods(request))
            sentence = f'This address does not accept {request.method}, only {allowed}.'
            return problem(405, sentence, {'Allow': allowed})
        return problem(error.status_code, SENTENCES.get(error.status_code, str(error.detail)), error.headers)

    def _without_paths(self, sentence: str) -> str:
        return sentence.replace(f'{self._data_dir}/', '').replace(self._data_dir, 'the data folder')


class LastResort:
    """The outermost layer: whatever comes through is logged and answered as JSON. Also sets the headers of safety."""

    def __init__(self, app: ASGIApp, errors: Errors) -> None:
        self._app = app
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Given a request, pass it on."""
        if scope['type'] != 'http':
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = started or message['type'] == 'http.response.start'
            await send(message)

        private = not scope['path'].startswith('/api/docs/assets/')
        hardened = with_safe_headers(scope, send_noting, private=private)
        try:
            await self._app(scope, receive, hardened)
        except Exception as error:  # border of the API: a client gets JSON whatever happens
            if not isinstance(error, PlumbusError):
                log.exception('%s %s failed', scope['method'], scope['path'])
            if started:
                raise
            await self._errors.answer(error)(scope, receive, hardened)


def _status_of(error: PlumbusError) -> int:
    if isinstance(error, BadRequest):
        return error.status
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def _allowed_methods(request: Request) -> list[str]:
    # The framework names those of one route only; here each method of an address is a route of its own.
    scopes = {method: {**request.scope, 'method': method} for method in METHODS}
    routes = request.app.routes
    return [name for name in METHODS if any(route.matches(scopes[name])[0] is Match.FULL for route in routes)]


def _field_of(place: Sequence[int | str]) -> str:
    # ('query', 'path', 0) is the first of several values of one parameter.
    return str(place[1] if len(place) > 1 else place[0])


def _why(message: str) -> str:
    return message.removeprefix('Value error, ')
