"""The frame: navigation, what runs now, theme, addresses that lead nowhere."""

import re

import pytest
from nicegui import ui
from nicegui.testing import User

from tests.support.page_engine import PageEngine
from tests.support.visitor import until

PAGES = [
    '/', '/clients', '/clients/new', '/clients/3', '/clients/3/edit', '/jobs', '/jobs/new', '/jobs/3', '/jobs/3/edit', '/backups',
    '/backups/501', '/backups/480', '/settings',
]  # fmt: skip


@pytest.mark.parametrize('address', PAGES)
async def test_it_draws_the_navigation_on_every_page(user: User, address: str) -> None:
    await user.open(address)
    for words in ('Dashboard', 'Clients', 'Jobs', 'Backups', 'Settings'):
        await user.should_see(words)
    await user.should_see('2 running')


@pytest.mark.parametrize(
    'address', ['/backups/99999', '/jobs/99999', '/clients/99999', '/jobs/99999/edit', '/clients/99999/edit']
)
async def test_it_answers_404_in_plain_words_for_what_does_not_exist(user: User, address: str) -> None:
    response = await user.http_client.get(address)
    assert response.status_code == 404
    assert 'There is no' in response.text


@pytest.mark.parametrize(
    'address',
    ['/backups/-1', '/backups/x', '/jobs/1e3', '/clients/١', '/clients/' + '9' * 400, '/nowhere', '/a/b/c'],
)
async def test_it_answers_404_for_addresses_that_make_no_sense(user: User, address: str) -> None:
    response = await user.http_client.get(address)
    assert response.status_code == 404
    assert 'PLUMBUS' in response.text
    assert 'Traceback' not in response.text


async def test_it_counts_clients_jobs_and_failing_jobs(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    for number in (len(engine.clients.all()), len(engine.jobs.all()), 2):
        await user.should_see(str(number))


async def test_it_notices_when_a_backup_ends(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    await user.should_see('2 running')
    engine.finish(engine.backups.get(501))
    await user.should_see('1 running')
    engine.finish(engine.backups.get(502))
    await user.should_see('idle')


async def test_it_remembers_the_theme(user: User, engine: PageEngine) -> None:
    await user.open('/')
    user.find(kind=ui.menu_item, marker='dark').click()
    await until(lambda: engine.accounts.theme('admin') == 'dark')
    await user.open('/jobs')
    assert next(iter(user.find(kind=ui.dark_mode).elements)).value is True


async def test_it_follows_the_system_until_somebody_chooses(user: User) -> None:
    await user.open('/')
    assert next(iter(user.find(kind=ui.dark_mode).elements)).value is None


async def test_it_loads_nothing_from_elsewhere(user: User) -> None:
    text = (await user.http_client.get('/')).text
    assert 'http://' not in text.replace('http://www.w3.org', '').replace('http://test', '')
    assert 'https://' not in text


async def test_no_bar_without_a_name_shows_requests(user: User) -> None:
    text = (await user.http_client.get('/')).text
    assert re.search(r'"skipHijack": ?true', text)
