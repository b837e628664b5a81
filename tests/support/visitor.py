"""A simulated visitor who waits for what a page shows, on a busy machine, too: a test that passes waits no longer for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from nicegui import Client
from nicegui.testing import User, user_simulation

PATIENCE_S = 60.0
LOOKS = 600  # NiceGUI looks every tenth of a second, and of itself only three times


class Visitor(User):
    """NiceGUI's, with patience."""

    async def should_see(self, *target: Any, **which: Any) -> None:
        await super().should_see(*target, **which | {'retries': LOOKS})

    async def should_not_see(self, *target: Any, **which: Any) -> None:
        await super().should_not_see(*target, **which | {'retries': LOOKS})


@asynccontextmanager
async def simulated() -> AsyncIterator[Visitor]:
    """While in this block NiceGUI serves pages to one visitor without a browser."""
    async with user_simulation() as user:
        yield Visitor(user.http_client)
        tabs = list(Client.instances.values())  # the simulation forgets them, but they would never be freed
        for tab in tabs:
            tab.delete()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail if it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, 'it never came to hold'
        await asyncio.sleep(0.02)
