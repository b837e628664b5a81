"""What the page tests share: sample data behind the engine's doors, and a simulated visitor without a browser."""

import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from tests.support.page_engine import PageEngine
from tests.support.past import Past, past
from tests.support.sshd import Sshd
from tests.support.visitor import simulated, until


@pytest.fixture
def engine() -> PageEngine:
    """Twelve clients, fourteen jobs, 500 finished backups and two that run."""
    return PageEngine()


@pytest.fixture
async def user(engine: PageEngine, caplog: pytest.LogCaptureFixture) -> AsyncIterator[User]:
    """Someone before the pages; the test fails if a page logs an error."""
    async with simulated() as visitor:
        from pages import register_all  # the simulation forgets the modules of pages after each test

        register_all(engine)
        yield visitor
    errors = [record.getMessage() for record in caplog.get_records('call') if record.levelno >= logging.ERROR]
    assert errors == []


@pytest.fixture(scope='module')
def lived(sshd: Sshd) -> Iterator[Past]:
    """A real engine with five snapshots of a small machine; a module that wants it says so with an `engine` of its own."""
    folder = sshd.folder / f'past-{secrets.token_hex(4)}'
    folder.mkdir()
    with past(folder, sshd) as made:
        yield made


@pytest.fixture
async def visitor(user: User, lived: Past) -> User:
    """Someone who is logged in to the real engine."""
    user.http_client.cookies.set('plumbus_session', lived.token)
    return user


async def rows(user: User, label: str) -> list[dict[str, Any]]:
    """Return the rows of the list with that label, once it has loaded."""
    await until(lambda: any(table.rows for table in _tables(user, label)))
    return _tables(user, label)[0].rows


def _tables(user: User, label: str) -> list[ui.table]:
    assert user.client
    return [
        e
        for e in user.client.elements.values()
        if isinstance(e, ui.table) and e.props.get('aria-label') == label
    ]


def field(user: User, label: str) -> Any:
    """Return the field with that label."""
    from pages.widgets.fields import identity

    assert user.client
    found = [
        element
        for element in user.client.elements.values()
        if element.props.get('for') == identity(label) and hasattr(element, 'value')
    ]
    assert len(found) == 1, f'{len(found)} fields are labelled {label}'
    return found[0]


def log_of(user: User) -> list[str]:
    """Return the lines that the log of the page shows."""
    log = next(iter(user.find(kind=ui.log).elements))
    return '\n'.join(block.text for block in log.default_slot.children).split('\n')  # type: ignore[attr-defined]
