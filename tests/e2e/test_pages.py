"""Every page in both themes, on a desktop and on a phone: it fits, names its parts, and can be used with the keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import LOOKS, Look, fits

PAGES = {
    '/': re.compile('Welcome|protected'), '/clients': 'Clients', '/clients/new': 'Add a client', '/jobs': 'Jobs', '/backups': 'Backups',
    '/settings': 'Settings', '/browse': 'Browse & restore', '/restores': 'Restores',
    '/settings/notifications': 'Notifications', '/settings/notifications/new': 'Add a target',
}  # fmt: skip


def test_it_fits_and_has_a_heading(visitor: Page) -> None:
    for address, heading in PAGES.items():
        visitor.goto(address)
        expect(visitor.get_by_role('main').get_by_role('heading', name=heading).first).to_be_visible()
        assert fits(visitor), address


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
        visitor.wait_for_timeout(300)
        visitor.goto('/settings')
        expect(visitor.locator('body')).to_have_class(re.compile('body--dark' if dark else 'body--light'))
    visitor.get_by_role('button', name='Theme').click()
    visitor.get_by_text('As the system').click()
    visitor.wait_for_timeout(300)


def test_it_follows_the_theme_of_the_system(visitor: Page, look: Look) -> None:
    expect(visitor.locator('body')).to_have_class(re.compile(f'body--{look.theme}'))


@pytest.mark.parametrize('look', [one for one in LOOKS if not one.phone], ids=str)
def test_it_can_be_reached_with_the_keyboard(visitor: Page, look: Look) -> None:
    visitor.goto('/clients')
    visitor.keyboard.press('Tab')
    expect(visitor.get_by_text('Skip to the content')).to_be_focused()
    reached = set()
    for _ in range(20):
        visitor.keyboard.press('Tab')
        reached.add(
            visitor.evaluate(
                "document.activeElement.textContent.trim() || document.activeElement.getAttribute('aria-label') || ''"
            )
        )
    assert any('Add a client' in words for words in reached)
    assert any('Dashboard' in words for words in reached)


def test_it_logs_out(visitor: Page, look: Look) -> None:
    visitor.get_by_role('button', name='Account of admin').click()
    visitor.get_by_role('button', name='Log out').click()
    expect(visitor.get_by_role('heading', name='Welcome back')).to_be_visible()
    visitor.goto('/jobs')
    expect(visitor.get_by_role('heading', name='Welcome back')).to_be_visible()
    assert fits(visitor)
