"""Everything by keyboard: the whole way from the first start to a finished backup without a mouse, and the patterns of trees, tables,
menus and dialogs. What has the focus is always seen."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import (
    DESKTOP,
    FURTHEST,
    LOST,
    PASSWORD,
    RING,
    Look,
    serious_in_front,
    visiting,
)
from tests.support.served import Served
from tests.support.sshd import Sshd


class Keys:
    """A keyboard; each key leaves the focus where it can be seen."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Write over what stands in the field."""
        self.page.keyboard.press('Control+a')
        self.page.keyboard.type(text)

    def to(self, target: Locator) -> None:
        """Go on with Tab until the target has the focus."""
        expect(target).to_be_visible()
        for _ in range(FURTHEST):
            self.page.keyboard.press('Tab')
            hidden = self.page.evaluate(RING)
            if target.evaluate('one => one === document.activeElement'):
                assert hidden == ''
                return
            assert hidden in {'', LOST}  # the Tab key leaves the page at its end
        pytest.fail(f'{target} cannot be reached with the Tab key')

    def to_button(self, name: str, key: str = 'Enter') -> None:
        """Go to a button and press it."""
        self.to(self.page.get_by_role('button', name=name, exact=True))
        self.press(key)

    def to_field(self, label: str, text: str) -> None:
        """Go to a field and fill it."""
        self.to(self.page.get_by_label(label, exact=True))
        self.type(text)


@pytest.mark.parametrize('look', [DESKTOP], ids=str)
def test_it_goes_from_the_first_start_to_a_finished_backup(
    browser: Browser, look: Look, untouched: Served, sshd: Sshd, sample: Path
) -> None:
    with visiting(browser, untouched.url, look) as page:
        keys = Keys(page)
        start(keys)
        add_client(keys, sshd)
        set_up_job(keys, sample)
        run_it(keys)
        ask_and_think_again(keys)
        change_the_theme(keys)


def start(keys: Keys) -> None:
    keys.page.goto('/')
    expect(keys.page.get_by_label('New password')).to_be_focused()
    keys.type(PASSWORD)
    keys.press('Enter')
    keys.to(keys.page.get_by_role('link', name='Add your first client'))
    keys.press('Enter')


def add_client(keys: Keys, sshd: Sshd) -> None:
    page = keys.page
    sshd.authorize(page.request.get('/api/system/public-key').json()['public_key'])
    expect(page.get_by_role('heading', name='Add a client')).to_be_visible()
    for label, text in (
        ('Address', sshd.host),
        ('Name', 'by keyboard'),
        ('Login name', sshd.user),
        ('SSH port', str(sshd.port)),
    ):
        keys.to_field(label, text)
    keys.to_button('Test the connection')
    expect(page.get_by_text('it works')).to_be_visible()
    expect(page.get_by_role('region', name='Test and trust')).to_be_focused()
    keys.to_button('Trust and save')
    keys.to_button('Set up the job', 'Space')


def set_up_job(keys: Keys, sample: Path) -> None:
    page = keys.page
    keys.to_field('Name of the job', 'attic')
    keys.to(page.get_by_role('treeitem', expanded=False).first)
    for ticked in ('etc', 'home'):  # what the step before suggested
        untick(keys, ticked)
    for folder in [*list(reversed(sample.parents))[1:], sample]:
        find(keys, folder)
        keys.press('ArrowRight')
        expect(focused(page)).to_have_attribute('aria-expanded', 'true')
        expect(page.get_by_text('Loading …')).to_have_count(0)
    keys.press('Space')
    expect(focused(page)).to_have_attribute('aria-checked', 'true')
    find(keys, sample / 'cache')
    keys.press('Space')
    expect(page.get_by_text(f'without {sample}/cache')).to_be_visible()
    assert page.evaluate(RING) == ''
    keys.to(page.get_by_role('button', name='Caches'))  # the whole tree is one stop of the Tab key
    keys.to_button('Weekly')
    expect(page.get_by_text('Monday at 02:00')).to_be_visible()
    keys.to_button('Save job')
    expect(page.get_by_role('heading', name='attic')).to_be_visible()


def find(keys: Keys, path: Path) -> None:
    keys.page.keyboard.type(path.name)
    expect(focused(keys.page).get_by_role('checkbox')).to_have_attribute('aria-label', str(path))


def untick(keys: Keys, name: str) -> None:
    keys.press('Home')
    keys.page.keyboard.type(name)
    if focused(keys.page).get_attribute('aria-checked') == 'true':
        keys.press('Space')
        expect(focused(keys.page)).to_have_attribute('aria-checked', 'false')


def focused(page: Page) -> Locator:
    return page.locator('*:focus')


def run_it(keys: Keys) -> None:
    keys.to_button('Run now')
    keys.page.wait_for_url('**/backups/*')
    expect(keys.page.get_by_role('main').get_by_text('completed', exact=True)).to_be_visible()


def ask_and_think_again(keys: Keys) -> None:
    """A dialog keeps the focus, Escape closes it, and the focus is where it was."""
    page = keys.page
    keys.to_button('Delete')
    dialog = page.get_by_role('dialog')
    expect(dialog.get_by_role('button', name='Keep it')).to_be_focused()
    for _ in range(5):
        keys.press('Tab')
        assert dialog.evaluate('one => one.contains(document.activeElement)')
    keys.press('Escape')
    expect(dialog).to_have_count(0)
    expect(page.get_by_role('button', name='Delete', exact=True)).to_be_focused()


def change_the_theme(keys: Keys) -> None:
    """A menu goes round with the arrow keys."""
    page = keys.page
    keys.page.reload()
    keys.to_button('Theme')
    expect(page.get_by_text('As the system')).to_be_visible()
    assert serious_in_front(page, '.q-menu') == []
    keys.press('Escape')
    expect(page.get_by_text('As the system')).to_have_count(0)
    expect(page.get_by_role('button', name='Theme')).to_be_focused()
    keys.press('Enter')
    expect(page.locator('.q-menu:focus, .q-menu :focus')).to_have_count(1)
    keys.press('End', 'Enter')
    expect(page.locator('body.body--dark')).to_have_count(1)
    expect(page.get_by_role('button', name='Theme')).to_be_focused()
