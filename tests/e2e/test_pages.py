"""The frame of every page: its navigation, its theme, its menus; and the way out."""

import re

from playwright.sync_api import Page, expect

from tests.support.browser import Look, fits


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


def test_it_logs_out(visitor: Page, look: Look) -> None:
    visitor.get_by_role('button', name='Account of admin').click()
    visitor.get_by_role('button', name='Log out').click()
    expect(visitor.get_by_role('heading', name='Welcome back')).to_be_visible()
    visitor.goto('/jobs')
    expect(visitor.get_by_role('heading', name='Welcome back')).to_be_visible()
    assert fits(visitor)
