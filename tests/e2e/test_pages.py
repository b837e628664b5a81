"""The frame of every page: its navigation, its theme, its menus; and the way out."""

import re
from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PHONE, Look, fits, settled
from tests.support.served import wait_for
from tests.support.story import Story


def test_it_leads_everywhere_from_the_navigation(visitor: Page, look: Look) -> None:
    for words in ('Clients', 'Jobs', 'Backups', 'Browse & restore', 'Settings', 'Dashboard'):
        if look.phone:
            visitor.get_by_role('button', name='Menu').click()
        entry = visitor.get_by_role('navigation', name='Main navigation').get_by_role('link', name=words)
        entry.click()
        expect(visitor).to_have_title(re.compile(words))
        if not look.phone:
            expect(entry).to_have_attribute('aria-current', 'page')


def test_it_changes_the_theme_and_remembers_it(visitor: Page) -> None:
    for name, dark in (('Dark', True), ('Light', False)):
        visitor.get_by_role('button', name='Theme').click()
        visitor.get_by_text(name, exact=True).click()
        expect(visitor.locator('body')).to_have_class(re.compile('body--dark' if dark else 'body--light'))
        wait_for(lambda name=name: chosen(visitor, name))
        expect(visitor.locator('body')).to_have_class(re.compile('body--dark' if dark else 'body--light'))
    visitor.get_by_role('button', name='Theme').click()
    visitor.get_by_text('As the system').click()
    wait_for(lambda: chosen(visitor, 'As the system'))


def chosen(page: Page, theme: str) -> bool:
    """Whether a page that is opened now has that theme."""
    page.goto('/settings')
    page.get_by_role('button', name='Theme').click()
    found = page.get_by_role('menuitemradio', name=theme).get_attribute('aria-checked') == 'true'
    page.keyboard.press('Escape')
    expect(page.get_by_role('menu', name='Theme')).to_have_count(0)
    return found


def test_it_follows_the_theme_of_the_system(visitor: Page, look: Look) -> None:
    expect(visitor.locator('body')).to_have_class(re.compile(f'body--{look.theme}'))


def test_it_logs_out(newcomer: Page, look: Look) -> None:
    newcomer.get_by_role('button', name='Account of admin').click()
    newcomer.get_by_role('button', name='Log out').click()
    expect(newcomer.get_by_role('heading', name='Welcome back')).to_be_visible()
    newcomer.goto('/jobs')
    expect(newcomer.get_by_role('heading', name='Welcome back')).to_be_visible()
    assert fits(newcomer)


@pytest.mark.parametrize('look', [PHONE], ids=str)
def test_four_buttons_stand_two_by_two_on_a_phone(visitor: Page, story: Story, look: Look) -> None:
    for address in ('/clients/1', f'/backups/{story.backups[0]}'):
        settled(visitor, address)
        buttons = visitor.locator('.page-head > .btn').filter(visible=True)
        boxes = [button.bounding_box() for button in buttons.all()]
        rows = Counter(round(box['y']) for box in boxes if box)
        assert list(rows.values()) == [2, 2], address
        assert all(box['height'] >= 44 for box in boxes if box)


@pytest.mark.parametrize('look', [PHONE], ids=str)
def test_no_choice_stands_alone_in_its_row_on_a_phone(visitor: Page, story: Story, look: Look) -> None:
    settled(visitor, '/jobs/new')
    for words in visitor.locator('.fold .q-item__label--caption').all():
        assert words.evaluate('element => element.scrollWidth <= element.clientWidth')
    for group in visitor.locator('.choices').filter(visible=True).all():
        boxes = [button.bounding_box() for button in group.get_by_role('button').all()]
        rows = Counter(round(box['y']) for box in boxes if box)
        assert min(rows.values()) > 1, group.get_attribute('aria-label')
        assert len(rows) == 2
        assert fits(visitor)
