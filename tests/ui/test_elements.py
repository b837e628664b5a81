"""What an open page costs is what it has of elements, four kilobytes each: a limit for each page, and for a log."""

import pytest
from nicegui import ui
from nicegui.testing import User

from pages.widgets.logview import KEPT, MOST_BLOCKS, TOGETHER, LogView
from tests.support.visitor import until
from tests.ui.conftest import log_of

FRAME = 80
MOST = {
    '/': 250,
    '/clients': FRAME + 20,
    '/clients/1': FRAME + 50,
    '/jobs': FRAME + 20,
    '/jobs/1': FRAME + 50,
    '/backups': FRAME + 20,
    '/backups/501': FRAME + 60,
    '/settings': 210,
}


@pytest.mark.parametrize('address', MOST)
async def test_a_page_costs_few_elements(user: User, address: str) -> None:
    page = await user.open(address)
    await until(lambda: not any(isinstance(one, ui.skeleton) for one in page.elements.values()))
    assert len(page.elements) <= MOST[address]


async def test_a_long_log_costs_few_elements_and_loses_only_its_oldest_lines(user: User) -> None:
    views: list[LogView] = []

    @ui.page('/log')
    def log() -> None:
        views.append(LogView('Log', '/log.txt'))

    page = await user.open('/log')
    before = len(page.elements)
    with page:
        views[0].begin([f'line {number}' for number in range(KEPT)])
        for number in range(KEPT, 2 * KEPT):
            views[0].push([f'line {number}'])
            assert len(page.elements) - before <= MOST_BLOCKS
    shown = log_of(user)
    assert shown == [f'line {number}' for number in range(2 * KEPT - len(shown), 2 * KEPT)]
    assert KEPT <= len(shown) <= KEPT + TOGETHER
