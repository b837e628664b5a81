"""Hostile texts typed into the forms of the pages, and stored through the API: shown letter by letter, or refused; nothing runs."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as AbortedError
from playwright.sync_api import TimeoutError as GoneError

from tests.e2e.conftest import stumbled
from tests.support.browser import PASSWORD, log_in, visiting
from tests.support.served import Served

TEXTS = (
    '<img src=x onerror="window.hit=1">',
    '"><svg onload="window.hit=1">',
    '<script>window.hit=1</script>',
    '{{constructor.constructor("window.hit=1")()}}',
    '{{7*7}}${7*7}',
    "'; DROP TABLE clients; --",
    '-oProxyCommand=touch /tmp/x',
    '$(touch /tmp/x)`id`',
    '../../../../etc/passwd',
    '\u202eabc\u200bdef',
    'x' * 5000,
    '-1e309',
)
FORMS = (
    '/clients/new',
    '/clients/1/edit',
    '/jobs/new',
    '/jobs/1/edit',
    '/settings/notifications',
    '/users',
    '/tokens',
    '/account',
)
# A form that refuses what it was given answers so; the browser tells it as an error.
ANSWERS = re.compile(r'status of 4(0[0-9]|22)')


@pytest.fixture(scope='module')
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp('hostile'), PLUMBUS_ADMIN_PASSWORD=PASSWORD) as one, one.api as api:
        for name in TEXTS[:6]:
            client = api.post(
                '/api/clients', json={'name': name, 'host': 'nowhere.invalid', 'username': 'pi'}
            )
            client.raise_for_status()
            fields = {
                'client_id': client.json()['id'],
                'name': name,
                'source_paths': [f'/srv/{name}'],
                'excludes': [name],
            }
            api.post('/api/jobs', json=fields).raise_for_status()
        yield one


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Page]:
    with visiting(browser, served.url, expected=ANSWERS) as page:
        log_in(page)
        yield page
        page.wait_for_function('() => window.hit === undefined')
    assert stumbled(served) == []


def test_what_is_stored_is_shown_letter_by_letter(visitor: Page) -> None:
    for address in ('/clients', '/jobs', '/', '/browse'):
        visitor.goto(address)
        expect(visitor.get_by_role('heading', level=1).first).to_be_visible()
        expect(visitor.locator('.q-skeleton')).to_have_count(0)
        visitor.wait_for_function('() => window.hit === undefined')
        if address in {'/clients', '/jobs'}:
            for text in TEXTS[:6]:
                expect(visitor.get_by_text(text).first).to_be_visible()
            expect(visitor.get_by_text('49', exact=True)).to_have_count(0)


@pytest.mark.parametrize('address', FORMS)
def test_what_is_typed_does_nothing(visitor: Page, address: str) -> None:
    texts = cycle(TEXTS)
    for _ in range(3):
        opened(visitor, address)
        expect(visitor.get_by_role('heading', level=1).first).to_be_visible()
        expect(visitor.locator('.q-skeleton')).to_have_count(0)
        boxes = visitor.get_by_role('main').get_by_role('textbox')
        for number in range(boxes.count()):
            with suppress(GoneError):  # a field may go while the form follows what was typed
                boxes.nth(number).fill(next(texts), timeout=1000)
        next(texts)  # so that each field gets another one next time
        for name in ('Save', 'Test the connection', 'Add', 'Make', 'Change', 'Create'):
            button = visitor.get_by_role('main').get_by_role('button', name=name).first
            if button.count() and button.is_enabled():
                button.click()
                break
        expect(visitor.get_by_role('main')).to_be_visible()
        visitor.wait_for_function('() => window.hit === undefined')


def opened(page: Page, address: str) -> None:
    """Open a page, also if the form before it has just been saved and leads elsewhere."""
    try:
        page.goto(address)
    except AbortedError:
        page.goto(address)
