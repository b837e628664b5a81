"""`make screenshots`: the pictures of README with sample data, and every page of a real server that backs up a sample client, as
a desktop and a phone see it in both themes: docs/screenshots/."""

import base64
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.served import Served
from tests.support.sshd import Sshd
from tests.support.story import Story

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'docs' / 'screenshots'
CHROMIUM = shutil.which('chromium') or '/usr/bin/chromium'
DESKTOP, PHONE = (1440, 900), (390, 844)
START_S = 60
SETTLE_S = 0.8
QUALITY = 70
PASSWORD = 'grumbo-and-fleeb-juice'
Theme = Literal['light', 'dark']
THEMES: tuple[Theme, ...] = ('light', 'dark')


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A page, how wide and in which theme, and how long to let it live before it is taken."""

    name: str
    address: str
    size: tuple[int, int] = DESKTOP
    theme: Theme = 'light'
    seconds: float = 1.5
    before: Callable[[Page], None] = lambda _: None


def _open_home(page: Page) -> None:
    page.get_by_role('checkbox', name='/home/pi', exact=True).wait_for()


PICTURES = (
    Picture(name='dashboard-light', address='/'),
    Picture(name='dashboard-dark', address='/', theme='dark'),
    Picture(name='backup-light', address='/backups/501', seconds=12),
    Picture(name='backup-dark', address='/backups/501', theme='dark', seconds=12),
    Picture(name='job-light', address='/jobs/2/edit', before=_open_home),
    Picture(name='job-dark', address='/jobs/2/edit', theme='dark', before=_open_home),
    Picture(name='history-light', address='/backups'),
    Picture(name='phone-light', address='/', size=PHONE),
    Picture(name='phone-dark', address='/backups', size=PHONE, theme='dark'),
)


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox', '--disable-gpu'])
        for picture in PICTURES:
            with sample_server() as url:  # a fresh one each time: what runs is always equally far
                take(browser, url, picture)
        take_all(browser)
        browser.close()


def take_all(browser: Browser) -> None:
    """Fill a server through its API against a sample sshd, and take each of its pages in every look."""
    with (
        TemporaryDirectory() as folder,
        Sshd() as sshd,
        Served(Path(folder), PLUMBUS_ADMIN_PASSWORD=PASSWORD) as served,
    ):
        with served.api as api:
            addresses = Story(api, sshd).tell()
        for size, kind in ((DESKTOP, 'desktop'), (PHONE, 'phone')):
            for theme in THEMES:
                page = logged_in(browser, served.url, size, theme)
                for address in addresses:
                    page.goto(served.url + address)
                    page.get_by_role('heading', level=1).first.wait_for()
                    page.get_by_text('Loading …').first.wait_for(state='hidden')
                    page.wait_for_timeout(SETTLE_S * 1000)
                    save(page, FOLDER / 'pages' / f'{name_of(address)}-{kind}-{theme}.webp')
                page.context.close()


def logged_in(browser: Browser, url: str, size: tuple[int, int], theme: Theme) -> Page:
    """Given a server and a look, return a page of somebody who has logged in there."""
    width, height = size
    context = browser.new_context(
        viewport={'width': width, 'height': height}, color_scheme=theme, locale='en-US'
    )
    page = context.new_page()
    page.goto(f'{url}/login')
    page.get_by_label('User name').fill('admin')
    page.get_by_label('Password', exact=True).fill(PASSWORD)
    page.get_by_role('button', name='Log in').click()
    page.wait_for_url('**/')
    return page


def save(page: Page, path: Path) -> None:
    """Given a page, keep what is seen of it as WebP, which Chromium itself can write (Page.captureScreenshot)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = page.context.new_cdp_session(page).send(
        'Page.captureScreenshot', {'format': 'webp', 'quality': QUALITY}
    )
    path.write_bytes(base64.b64decode(taken['data']))
    print(path.relative_to(ROOT))


def name_of(address: str) -> str:
    """Given the address of a page, return how its pictures are called; the temporary folder in it is left out."""
    path, _, query = address.partition('?')
    shown = [
        part.partition('=')[0]
        for part in query.split('&')
        if part and part.partition('=')[0] not in {'client', 'job', 'in'}
    ]
    return '-'.join([*filter(None, path.split('/')), *shown]) or 'dashboard'


def take(browser: Browser, url: str, picture: Picture) -> None:
    """Given a picture, take it."""
    width, height = picture.size
    context = browser.new_context(
        viewport={'width': width, 'height': height}, color_scheme=picture.theme, locale='en-US'
    )
    page = context.new_page()
    page.goto(url + picture.address)
    picture.before(page)
    page.wait_for_timeout(picture.seconds * 1000)
    page.screenshot(path=FOLDER / f'{picture.name}.png')
    context.close()
    print(f'docs/screenshots/{picture.name}.png')


@contextmanager
def sample_server() -> Iterator[str]:
    """Serve the pages with sample data; give their address."""
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, '-m', 'tests.support.page_server', str(port), 'tidy'], cwd=ROOT
    )
    try:
        await_page(f'http://127.0.0.1:{port}/login')
        yield f'http://127.0.0.1:{port}'
    finally:
        process.terminate()
        process.wait(timeout=20)


def await_page(url: str) -> None:
    """Return once the page is served. Raise TimeoutError if that takes too long."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(0.1)
    raise TimeoutError('The sample pages are not served.')


if __name__ == '__main__':
    main()
