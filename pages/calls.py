"""How a page asks the engine: in a thread, and with every refusal shown in plain words."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar, cast

from nicegui import app, run, ui

from pages.visitors import address_of, present_page, token_of, visitors
from plumbus.errors import PlumbusError

Params = ParamSpec('Params')
Result = TypeVar('Result')


async def ask(call: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
    """Given a blocking call of the engine, make it in a thread, on behalf of whose page this is, and return its result.

    Raise CancelledError if that page is closed meanwhile: there is nobody to show it to.
    """
    page = present_page()
    asked = partial(call, *args, **kwargs)
    result = await run.io_bound(visitors().on_behalf, token_of(page), address_of(page), asked)
    if page.is_deleted or (result is None and app.is_stopping):
        raise asyncio.CancelledError
    return cast(Result, result)


@contextmanager
def told() -> Iterator[None]:
    """Show what goes wrong within as a notice, sentence and remedy, and go on."""
    try:
        yield
    except PlumbusError as error:
        complain(error)


def complain(error: PlumbusError) -> None:
    """Given an error, show its sentence and remedy until they are closed."""
    ui.notify(
        error.message,
        caption=error.remedy,
        type='negative',
        icon='o_error',
        multi_line=True,
        close_button='Close',
        timeout=0,
    )


def praise(message: str) -> None:
    """Given a short message, show it for a few seconds."""
    ui.notify(message, type='positive', icon='o_check', timeout=4000)
