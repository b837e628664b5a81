"""Tabs that are closed leave nothing behind: not a page object, a listener, a timer, a task, a thread, nor memory."""

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import pytest
from nicegui import Client, app, ui
from nicegui.testing import User

from pages.widgets.listing import PER_PAGE
from tests.support.page_engine import PageEngine
from tests.support.visitor import until

TABS, AT_ONCE = 200, 40
ADDRESSES = ('/', '/clients', '/clients/1', '/clients/1/edit', '/clients/new', '/jobs', '/jobs/1', '/jobs/1/edit', '/jobs/new',
             '/backups', '/backups/501', '/backups/500', '/settings', '/settings/notifications', '/settings/notifications/1',
             '/nowhere/at/all', '/jobs/99999')  # fmt: skip
MOST_BYTES = TABS * 10_000


@dataclass(frozen=True, slots=True)
class Left:
    """How much there is of what a tab takes. `threads` are those beside the pool that all share."""

    clients: int
    listeners: int
    timers: int
    tasks: int
    threads: int

    @staticmethod
    def now(engine: PageEngine) -> 'Left':
        gc.collect()
        own = [one for one in threading.enumerate() if 'ThreadPool' not in one.name]
        timers = sum(isinstance(one, ui.timer | app.timer) for one in gc.get_objects())
        return Left(
            len(Client.instances),
            engine.events.listener_count,
            timers,
            len(asyncio.all_tasks()),
            len(own),
        )


@pytest.fixture(autouse=True)
def _gone_at_once(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed tab is given up without the seconds in which it could come back."""
    monkeypatch.setattr(app.config, 'reconnect_timeout', 0.0)


@pytest.fixture
def traced() -> Iterator[None]:
    yield
    tracemalloc.stop()


async def open_tabs(user: User, addresses: list[str]) -> None:
    """Open a page in a tab each; three of four never connect, as when a browser asks and goes away."""
    for number, address in enumerate(addresses):
        if number % 4 or address in {'/nowhere/at/all', '/jobs/99999'}:
            await user.http_client.get(address)
        else:
            await user.open(address)


async def close_all() -> None:
    """Close every tab as a browser does; who never connected is given up after its time."""
    for client in list(Client.instances.values()):
        for socket in list(client._socket_to_document_id):
            client.handle_disconnect(socket)
    Client.prune_instances(client_age_threshold=0)
    await until(lambda: not Client.instances)


async def test_what_many_tabs_took_is_given_back(user: User, engine: PageEngine, traced: None) -> None:
    tracemalloc.start()
    await open_tabs(user, [*ADDRESSES, *ADDRESSES])  # what is loaded once for all
    await close_all()
    await until(lambda: not any(task.get_name().startswith('outbox') for task in asyncio.all_tasks()))
    before, bytes_before = Left.now(engine), tracemalloc.get_traced_memory()[0]
    addresses = cycle(ADDRESSES)
    for _ in range(TABS // AT_ONCE):
        await open_tabs(user, list(islice(addresses, AT_ONCE)))
        engine.tell('job', 1)
        engine.move(engine.backups.get(501), 70)
        await close_all()
    user.client = None
    await until(lambda: Left.now(engine) == before)
    assert tracemalloc.get_traced_memory()[0] - bytes_before < MOST_BYTES


async def ask(user: User) -> None:
    """Press a button that asks whether it may act."""
    client = await user.open('/clients/1')
    user.find('Delete').click()
    await until(lambda: any(isinstance(one, ui.dialog) for one in client.elements.values()))


async def test_a_page_that_is_closed_over_a_question_leaves_nothing_either(
    user: User, engine: PageEngine
) -> None:
    await open_tabs(user, ['/clients/1'])
    await close_all()
    await until(lambda: not any(task.get_name().startswith('outbox') for task in asyncio.all_tasks()))
    before = Left.now(engine)
    await ask(user)
    await close_all()
    user.client = None
    await until(lambda: Left.now(engine) == before)


def rows_of(client: Client) -> dict[str, int]:
    """How many rows each table of a page has been sent."""
    tables = [one for one in client.elements.values() if isinstance(one, ui.table)]
    return {one.props.get('aria-label', ''): len(one.rows) for one in tables}


async def test_no_table_sends_more_than_one_page_of_rows(user: User, engine: PageEngine) -> None:
    client, job = engine.client_list[0], engine.job_list[0]
    engine.client_list += [
        client.model_copy(update={'id': n, 'name': f'one more {n}'}) for n in range(100, 160)
    ]
    engine.job_list += [job.model_copy(update={'id': n, 'name': f'one more {n}'}) for n in range(100, 160)]
    tables: dict[str, int] = {}
    for address in ('/', '/clients', '/clients/1', '/jobs', '/jobs/1', '/backups', '/settings/notifications'):
        page = await user.open(address)
        await until(lambda page=page: all(rows_of(page).values()) and bool(rows_of(page)))  # type: ignore[misc]
        tables |= {f'{address} {label}': count for label, count in rows_of(page).items()}
    assert {name for name, count in tables.items() if count > PER_PAGE} == set()
    assert (
        tables['/ Backups of the last 30 days']
        == tables['/clients Clients']
        == tables['/jobs Jobs']
        == PER_PAGE
    )
