"""A friendly page for what does not exist (404) and for what went wrong (500)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request, Response
from nicegui import Client, app, ui
from nicegui.page import page

from pages import theme
from pages.frame import frame
from pages.widgets.text import Text, box, button_link
from plumbus.engine import Engine
from plumbus.errors import NotFound, NotPermitted, PlumbusError


def number_in(text: str) -> int:
    """Given the id in an address, return it as a number. Raise NotFound if it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound('This address leads nowhere.')
    return int(text)


@asynccontextmanager
async def friendly(engine: Engine, here: str) -> AsyncIterator[None]:
    """Draw a page that says what is missing, or not allowed, if the block around a page's first look-up raises so."""
    try:
        yield
    except NotFound as error:
        await _instead(engine, error, here, 404, 'Not here')
    except NotPermitted as error:
        await _instead(engine, error, here, 403, 'Not for you')


async def _instead(engine: Engine, error: PlumbusError, here: str, status: int, title: str) -> None:
    ui.status_code(status)
    async with frame(engine, title, here=here) as view:
        view.head.delete()
        _sorry(error, here, 'Go back to the list')


def _sorry(error: PlumbusError, target: str, words: str = 'Go to the dashboard') -> None:
    with box('stack missing'):
        box(tag='img').props('src=/static/logo.svg alt=""')
        Text(error.message, 'num', 'h1')
        Text(error.remedy or 'It may have been deleted, or the address has a slip in it.', 'sub', 'p')
        button_link(words, target, 'primary')


def register() -> None:
    """Answer unknown addresses and unexpected failures with a page instead of a stack trace."""
    app.on_page_exception(_failed)
    app.exception_handler(404)(_unknown_address)


async def _unknown_address(request: Request, _: Exception) -> Response:
    with Client(page(''), request=request) as client:
        theme.apply('auto')
        ui.page_title('Not here · PLUMBUS')
        with box('door'):
            _sorry(NotFound('There is no such page.', 'Perhaps the address has a slip in it.'), '/')
    return client.build_response(request, 404)


def _failed() -> None:
    theme.apply('auto')
    ui.page_title('Something went wrong · PLUMBUS')
    with box('door'):
        _sorry(
            PlumbusError(
                'This page could not be drawn.',
                'Backups go on. The log of PLUMBUS says what happened; reload to try again.',
            ),
            '/',
        )
