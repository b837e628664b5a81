"""Where Browse & restore begins: an address becomes a place."""

from fastapi import Request
from nicegui import ui

from pages.browse.page import BrowsePage
from pages.browse.place import place_of
from pages.frame import frame
from plumbus.engine import Engine


def register(engine: Engine) -> None:
    """Draw /browse."""
    last: dict[str, int] = {}  # the job that each user looked at last

    @ui.page('/browse')
    async def browse(request: Request) -> None:
        async with frame(engine, 'Browse & restore', here='/browse') as view:
            BrowsePage(view, place_of(request.query_params), last)
