"""The running server of this data folder, asked over its REST API as any other program would."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson

from plumbus.commands.noting import shell_user
from plumbus.commands.ownership import require_own
from plumbus.config import Settings
from plumbus.errors import NotFound, PlumbusError
from plumbus.model import Scope, acting
from plumbus.services.tokens import Tokens
from plumbus.store.database import Database
from plumbus.store.documents import utc_now

HERE = {'0.0.0.0': '127.0.0.1', '::': '::1'}  # noqa: S104  # nosec B104 - looked up, not listened on
LIMIT_S = 90
LOOK_LIMIT_S = 5
LONGEST_VERSION = 1000
LIFETIME = timedelta(days=1)


class Server:
    """Answers as JSON; what it refuses is raised as PlumbusError with its own sentence."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Given a request below /api, return the answer: what JSON holds, else the text."""
        try:
            answer = self._http.request(method, f'/api{path}', **arguments)
            told = (
                answer.json()
                if answer.headers['content-type'].startswith('application/json')
                else answer.text
            )
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise PlumbusError(
                f'No PLUMBUS answers at {self._http.base_url} ({type(error).__name__}).',
                'Start it, or name its address as it has it: PLUMBUS_HOST, PLUMBUS_PORT.',
            ) from None
        if answer.is_error:
            raise PlumbusError(
                told['error'] if isinstance(told, dict) else f'The server answered {answer.status_code}.'
            )
        return told


@contextmanager
def running_server(settings: Settings, scope: Scope = Scope.RUN) -> Iterator[Server]:
    """Given the settings of a server of this machine and what is to be done, talk to it: with the token of the settings, or
    one that lasts as long as this.

    Raise PlumbusError if the data folder is not there or not ours.
    """
    with (
        _token(settings, scope) as token,
        _asking(settings, LIMIT_S, {'Authorization': f'Bearer {token}'}) as http,
    ):
        yield Server(http)


def version_there(settings: Settings) -> str:
    """Given the settings of a server of this machine, return the version of the PLUMBUS that answers there, or ''."""
    with (
        _asking(settings, LOOK_LIMIT_S) as http,
        suppress(httpx.HTTPError, ValueError),
        http.stream('GET', '/api/version') as answer,  # another program's may have no end
    ):
        told = orjson.loads(next(answer.iter_bytes(LONGEST_VERSION), b''))
        version = told.get('version') if isinstance(told, dict) else None
        return version if isinstance(version, str) else ''
    return ''


def _asking(settings: Settings, limit_s: float, headers: Mapping[str, str] | None = None) -> httpx.Client:
    return httpx.Client(
        base_url=_address(settings),
        headers=headers,
        timeout=limit_s,
        trust_env=False,
        verify=False,  # noqa: S501  # nosec B501 - the certificate bears another name than this machine's own address
    )


def _address(settings: Settings) -> str:
    host = HERE.get(settings.host, settings.host)
    scheme = 'https' if settings.tls_cert else 'http'
    return f'{scheme}://{f"[{host}]" if ":" in host else host}:{settings.port}'


@contextmanager
def _token(settings: Settings, scope: Scope) -> Iterator[str]:
    if settings.api_token:
        yield settings.api_token.get_secret_value()
        return
    data_dir: Path = settings.data_dir.resolve()
    if not (data_dir / 'db').is_dir():
        raise NotFound(
            f'There is no data folder {data_dir}.', 'Name the right one with --data-dir or PLUMBUS_DATA_DIR.'
        )
    require_own(data_dir)
    tokens = Tokens(Database(data_dir / 'db'), settings, utc_now)
    with acting(shell_user()):
        made = tokens.create(
            {
                'name': f'command {os.getpid()} of {utc_now():%Y-%m-%d %H:%M:%S}',
                'scope': scope,
                'expires_days': LIFETIME.days,
            }
        )
    try:
        yield made.text
    finally:
        with suppress(NotFound):
            tokens.delete(made.token.id)
