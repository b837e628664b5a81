"""A PLUMBUS without anything in it says what to do next, on every page."""

import pytest
from nicegui.testing import User

from tests.support.page_engine import PageEngine


@pytest.fixture
def engine() -> PageEngine:
    """Nothing at all."""
    return PageEngine(empty=True)


@pytest.mark.parametrize(
    ('address', 'words', 'target'),
    [
        ('/', 'Add your first client', '/clients/new'),
        ('/clients', 'No client yet', '/clients/new'),
        ('/jobs', 'No job yet', '/jobs/new'),
        ('/jobs/new', 'A job needs a client first', '/clients/new'),
        ('/backups', 'No backup yet', '/jobs/new'),
    ],
)
async def test_it_says_what_to_do_next(user: User, address: str, words: str, target: str) -> None:
    client = await user.open(address)
    await user.should_see(words)
    assert target in {element.props.get('href') for element in client.elements.values()}
