"""Starts PLUMBUS: reads the settings, builds the engine, puts API and pages on one port; or does a command. Wiring only."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import app, ui
from pydantic import ValidationError
from starlette.types import ASGIApp

import pages
from pages import window
from plumbus import __version__
from plumbus.api.application import create_api
from plumbus.api.proxies import TrustedProxies
from plumbus.api.security import LARGEST_HEADERS, LARGEST_MESSAGE, Gate, Guard
from plumbus.commands.arguments import read_arguments
from plumbus.config import Settings
from plumbus.engine import Engine
from plumbus.errors import PlumbusError
from plumbus.model.fields import explain
from plumbus.services.certificate import Certificate, certificate
from plumbus.store.program_log import set_up_logging

HERE = Path(__file__).resolve().parent
FAVICON = HERE / 'pages' / 'static' / 'favicon.svg'
OPEN_REQUESTS_LIMIT_S = 3
QUICK = 3  # how hard answers are compressed: all others wait meanwhile, and the last percents take ten times as long
SWITCH_S = 0.001  # so long a thread that computes (of a backup, say) keeps all others waiting; an answer waits several times
log = logging.getLogger('plumbus')


def main(arguments: Sequence[str] | None = None) -> int:
    """Given the command line, serve until told to stop, or do what a command says. Return the exit code."""
    options = read_arguments(arguments)
    if options.run:
        return int(options.run.carry_out(partial(read_settings, options), options))
    try:
        drawn_by = window.toolkit(os.environ) if options.native else None
        settings = read_settings(options)
        set_up_logging(settings.data_dir, settings.log_format, settings.log_level)
        engine = Engine(settings)
        engine.claim()  # before the port: two on one data folder is the clearer complaint
        secured = None if options.native else certificate(settings)
        port = free_port(settings.host, 0 if options.native else settings.port)
        wire(engine, native=options.native)
        engine.start()
        sys.setswitchinterval(SWITCH_S)
        if drawn_by:
            window.prepare(window_address(engine, port), drawn_by)
    except PlumbusError as error:
        sys.stderr.write(f'PLUMBUS cannot start. {error}\n')
        return 1
    serve(settings.host, port, secured, native=options.native)
    return 0


def read_settings(options: argparse.Namespace) -> Settings:
    """Given the command line, return the settings; it stands above the environment, this above `.env`."""
    given = {name: getattr(options, name) for name in ('host', 'port', 'data_dir')}
    if options.native:
        given['host'] = '127.0.0.1'
    try:
        return Settings(
            _env_file=HERE / '.env', **{name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        wrong = '; '.join(f'{name} {why}' for name, why in explain(error).items())
        raise PlumbusError(f'A setting is wrong: {wrong}.', 'See docs/configuration.md.') from None


def free_port(host: str, port: int) -> int:
    """Given where to listen, return the port, chosen if it is 0. Raise PlumbusError if that is not possible."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = (error.strerror or str(error)).partition(' (while')[0]
        raise PlumbusError(
            f'It cannot listen on {host}, port {port}: {reason}.',
            'Stop the program that uses the port, or choose another with --port or PLUMBUS_PORT.',
        ) from None


def wire(engine: Engine, *, native: bool) -> None:
    """Given the engine, put its pages and its API on NiceGUI's app, behind the guard."""
    gate = Gate(engine, native=native)
    api = create_api(engine, gate)
    pages.register_all(engine.door)
    put_in_front(
        app,
        lambda inner: GZipMiddleware(
            TrustedProxies(Guard(inner, api=api, gate=gate), engine.settings.trusted_proxies),
            compresslevel=QUICK,
        ),
    )
    # What was read and made by then stays: looking through it for garbage again and again would slow down large answers.
    app.on_startup(gc.freeze)
    app.on_startup(lambda: _before_signals(api.state.streams.close, engine.stop))
    app.on_shutdown(lambda: asyncio.to_thread(engine.stop))


def put_in_front(served: FastAPI, front: Callable[[ASGIApp], ASGIApp]) -> None:
    """Given an application, put a layer in front of it and all of its middleware, which costs what does not need it dearly."""
    build = served.build_middleware_stack
    served.build_middleware_stack = lambda: front(build())  # type: ignore[method-assign]


def window_address(engine: Engine, port: int) -> str:
    """Given where it is served, return the address that lets a desktop window in, once; nobody else learns it."""
    return f'http://127.0.0.1:{port}/window?secret={engine.accounts.make_window_secret()}'


def serve(host: str, port: int, secured: Certificate | None, *, native: bool) -> None:
    """Given where to listen, and with which certificate if any, serve until told to stop."""
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(0)
    )  # for after the server has stopped in an orderly way
    scheme, name = 'https' if secured else 'http', f'[{host}]' if ':' in host else host
    log.info('PLUMBUS %s serves %s://%s:%d', __version__, scheme, name, port)
    ui.run(
        host=host,
        port=port,
        title='PLUMBUS',
        favicon=FAVICON,
        dark=None,
        language='en-US',
        tailwind=False,
        reload=False,
        show=False,
        native=native,
        window_size=window.SIZE if native else None,
        reconnect_timeout=10,
        show_welcome_message=False,
        timeout_graceful_shutdown=OPEN_REQUESTS_LIMIT_S,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # see TrustedProxies
        gzip_middleware_factory=None,  # see wire
        http='h11',  # httptools takes headers of any length
        h11_max_incomplete_event_size=LARGEST_HEADERS,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # costs a quarter of a megabyte for each open page
        ssl_certfile=secured and secured.chain,
        ssl_keyfile=secured and secured.key,
    )


def _before_signals(close_streams: Callable[[], None], stop_engine: Callable[[], None]) -> None:
    """End event streams and runs as soon as a signal comes: the server waits for open requests before all else."""
    loop = asyncio.get_running_loop()

    def stop(
        server_stops: Callable[[int, FrameType | None], object], number: int, frame: FrameType | None
    ) -> None:
        threading.Thread(target=stop_engine, name='stop').start()
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(close_streams)
        server_stops(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        server_stops = signal.getsignal(number)
        if callable(server_stops):
            signal.signal(number, partial(stop, server_stops))


def command_line() -> None:
    """Do what the command line says and end with its exit code."""
    try:
        code = main()
    except KeyboardInterrupt:
        code = 0
    if code:
        sys.exit(code)


if __name__ == '__main__':
    command_line()
