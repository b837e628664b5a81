"""A walk through every page, as a desktop and a phone in both themes see it: it fits, complains of nothing, asks nobody else,
axe finds nothing serious, and the Tab key leads through it; and what changes elsewhere shows at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DESKTOP, Look, fits, serious, serious_in_front, settled, unseen_stops
from tests.support.story import Story


def test_every_page_fits_and_anyone_can_use_it(visitor: Page, story: Story) -> None:
    found = list[str]()
    for address in story.pages:
        settled(visitor, address)
        if not fits(visitor):
            found.append(f'{address}: scrolls sideways')
        found += [f'{address}: {one}' for one in (*serious(visitor), *unseen_stops(visitor))]
    assert '\n'.join(found) == ''


@pytest.mark.parametrize('look', [DESKTOP], ids=str)
def test_what_changes_elsewhere_shows_at_once(visitor: Page, story: Story, look: Look) -> None:
    settled(visitor, '/jobs')
    visitor.request.put('/api/jobs/1', data={'name': 'smoothed dinglebops'})
    expect(visitor.get_by_text('smoothed dinglebops').first).to_be_visible()


def test_the_keyboard_finds_a_file(visitor: Page) -> None:
    settled(visitor, '/clients')
    visitor.keyboard.press('Control+k')
    box = visitor.get_by_role('combobox', name='Search')
    expect(box).to_be_focused()
    box.press_sequentially('plan.txt')
    group = visitor.get_by_role('group', name='Files')
    expect(group.get_by_role('option').first).to_be_visible()
    assert serious_in_front(visitor) == []
    box.press('ArrowDown')
    box.press('ArrowUp')
    box.press('Enter')
    visitor.wait_for_url('**/browse?*plan.txt')
    visitor.keyboard.press('/')
    expect(box).to_be_focused()
    visitor.keyboard.press('Escape')
    expect(box).to_have_count(0)


def test_the_title_tells_what_runs(visitor: Page) -> None:
    settled(visitor, '/jobs')
    expect(visitor).to_have_title(re.compile(r'^▶ \S+.* · Jobs · PLUMBUS$'))
