"""A walk through every page, as a desktop and a phone in both themes see it: it fits, complains of nothing, asks nobody else,
and axe finds nothing serious; and what changes elsewhere shows at once."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PASSWORD, Complaints, Look, fits
from tests.support.served import Served
from tests.support.sshd import Sshd
from tests.support.story import Story

SERIOUS = {'serious', 'critical'}
EXPECTED = re.compile(r'the server responded with a status of 404 .*/nowhere')


@pytest.fixture(scope='module')
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp('walk'), PLUMBUS_ADMIN_PASSWORD=PASSWORD, TZ='Europe/Berlin') as one:
        yield one


@pytest.fixture(scope='module')
def addresses(served: Served, sshd: Sshd) -> list[str]:
    with served.api as api:
        return Story(api, sshd).tell()


@pytest.fixture
def walker(browser: Browser, served: Served, look: Look) -> Iterator[Page]:
    """Somebody who is logged in, sees it in this look and hears what the browser complains of."""
    context = browser.new_context(
        base_url=served.url,
        viewport={'width': look.width, 'height': look.height},
        color_scheme='dark' if look.theme == 'dark' else 'light',
        locale='en-US',
        reduced_motion='reduce',
    )
    page = context.new_page()
    complaints = Complaints(urlsplit(served.url).netloc)
    complaints.watch(page)
    page.goto('/login')
    page.get_by_label('User name').fill('admin')
    page.get_by_label('Password', exact=True).fill(PASSWORD)
    page.get_by_role('button', name='Log in').click()
    page.wait_for_url('**/')
    yield page
    context.close()
    assert [told for told in complaints.found if not EXPECTED.search(told)] == []


def settled(page: Page, address: str) -> None:
    """Open a page and wait until it has loaded what it shows."""
    page.goto(address)
    expect(page.get_by_role('heading', level=1).first).to_be_visible()
    expect(page.locator('.q-skeleton')).to_have_count(0)


def serious(page: Page, part: str = 'html') -> list[str]:
    """Return what axe finds in a part of the page that is serious or critical, with the first place of each."""
    told = Axe().run(page, part, options={'resultTypes': ['violations']}).response['violations']
    return [f'{one["id"]}: {one["nodes"][0]["html"][:300]}' for one in told if one['impact'] in SERIOUS]


def test_every_page_fits_and_anyone_can_use_it(walker: Page, addresses: list[str], look: Look) -> None:
    found = list[str]()
    for address in addresses:
        settled(walker, address)
        if not fits(walker):
            found.append(f'{address}: scrolls sideways')
        if not look.phone:
            found += [f'{address}: {one}' for one in serious(walker)]
    assert '\n'.join(found) == ''


@pytest.mark.parametrize('look', [Look(theme='light', width=1440, height=900)], ids=str)
def test_what_changes_elsewhere_shows_at_once(
    walker: Page, served: Served, addresses: list[str], look: Look
) -> None:
    settled(walker, '/jobs')
    with served.api as api:
        api.put('/api/jobs/1', json={'name': 'smoothed dinglebops'}).raise_for_status()
    expect(walker.get_by_text('smoothed dinglebops').first).to_be_visible(timeout=10_000)


@pytest.mark.parametrize('look', [Look(theme='light', width=1440, height=900)], ids=str)
def test_the_keyboard_finds_a_file(walker: Page, addresses: list[str], look: Look) -> None:
    settled(walker, '/clients')
    walker.keyboard.press('Control+k')
    box = walker.get_by_role('combobox', name='Search')
    expect(box).to_be_focused()
    box.press_sequentially('plan.txt')
    group = walker.get_by_role('group', name='Files')
    expect(group.get_by_role('option').first).to_be_visible()
    walker.wait_for_timeout(300)  # what fades in has no contrast yet
    assert serious(walker, '.finder') == []  # behind it everything is dimmed
    box.press('ArrowDown')
    box.press('ArrowUp')
    box.press('Enter')
    walker.wait_for_url('**/browse?*plan.txt')
    walker.keyboard.press('/')
    expect(box).to_be_focused()
    walker.keyboard.press('Escape')
    expect(box).to_have_count(0)


def test_the_title_tells_what_runs(walker: Page, addresses: list[str]) -> None:
    settled(walker, '/jobs')
    expect(walker).to_have_title(re.compile(r'^▶ \S+.* · Jobs · PLUMBUS$'))
