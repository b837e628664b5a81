"""Takes the pictures in docs/screenshots/ with sample data: `.venv/bin/python -m scripts.screenshots`."""

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
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'docs' / 'screenshots'
CHROMIUM = shutil.which('chromium') or '/usr/bin/chromium'
DESKTOP, PHONE = (1440, 900), (390, 844)
START_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A page, how wide and in which theme, and how long to let it live before it is taken."""

    name: str
    address: str
    size: tuple[int, int] = DESKTOP
    theme: Literal['light', 'dark'] = 'light'
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
        browser.close()


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
