"""The server goes away under an open page: the page says so, and goes on by itself once it is back."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from tests.support.browser import PASSWORD, Look, fits, log_in, settled, visiting
from tests.support.served import Served

# The browser tells of every attempt to reach it.
AWAY = re.compile('ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection to')


def test_a_page_says_that_the_server_is_away_and_comes_back_with_it(
    browser: Browser, look: Look, tmp_path: Path
) -> None:
    with Served(tmp_path, PLUMBUS_ADMIN_PASSWORD=PASSWORD) as first:
        port = str(urlsplit(first.url).port)
        with visiting(browser, first.url, look, expected=AWAY) as page:
            log_in(page)
            settled(page, '/clients')
            first.stop()
            lost = page.get_by_text('Connection lost.')
            expect(lost).to_be_visible()
            assert fits(page)
            with (
                Served(tmp_path, '--port', port, PLUMBUS_ADMIN_PASSWORD=PASSWORD) as second,
                second.api as api,
            ):
                expect(lost).to_be_hidden()
                added = {'name': 'garden-pi', 'host': '127.0.0.1', 'username': 'pi'}
                api.post('/api/clients', json=added).raise_for_status()
                expect(page.get_by_text('garden-pi').first).to_be_visible()
