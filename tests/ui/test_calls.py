"""What a page asks of the engine, when nobody is there any more to see the answer."""

import asyncio
import threading

from nicegui import background_tasks, ui
from nicegui.testing import User

from tests.support.page_engine import PageEngine
from tests.support.visitor import until


async def test_an_answer_for_a_closed_page_is_not_shown(user: User, engine: PageEngine) -> None:
    from pages.calls import ask

    go, shown, cancelled = threading.Event(), list[str](), list[bool]()

    @ui.page('/slow')
    def slow() -> None:
        async def load() -> None:
            try:
                await ask(go.wait, 5)
                shown.append('drawn on a page that is gone')
            except asyncio.CancelledError:
                cancelled.append(True)

        background_tasks.create(load(), name='load', context=ui.context.client)

    client = await user.open('/slow')
    client.delete()
    go.set()
    await until(lambda: bool(cancelled or shown))
    assert (shown, cancelled) == ([], [True])
