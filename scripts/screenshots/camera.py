"""Takes pictures of pages with Chromium: as WebP, in every look, with what runs looked at long enough to have a curve."""

import base64
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page

from scripts.screenshots.world import ROOT

FOLDER = ROOT / 'docs' / 'screenshots'
CHROMIUM = shutil.which('chromium') or '/usr/bin/chromium'
ARGUMENTS = ['--no-sandbox', '--disable-gpu']
Theme = Literal['light', 'dark']
LOOKS: tuple[tuple[str, tuple[int, int], Theme], ...] = (
    ('desktop-light', (1440, 900), 'light'),
    ('desktop-dark', (1440, 900), 'dark'),
    ('phone-light', (390, 844), 'light'),
    ('phone-dark', (390, 844), 'dark'),
)
QUIET_MS = (
    1500  # between the parts of a page that load one after the other there is a moment in which nothing loads
)
# Whether nothing that is seen has been loading for so many milliseconds, without a break.
SETTLED = """quiet => {
  const loading = [...document.querySelectorAll('.q-skeleton, .q-spinner, [aria-busy=true]')].some(one => one.checkVisibility())
    || document.body.innerText.includes('Loading …');
  window.quietSince = loading ? undefined : window.quietSince ?? performance.now();
  return !loading && performance.now() - window.quietSince >= quiet;
}"""
CURVE_MS = 20_000
PATIENCE_MS = 120_000
QUALITY = 72
TILE = (1200, 800)
LOGIN = 'login'


def nothing(_: Page) -> None:
    """Leave a page as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A page, and what to do there before it is taken. `lives`: it is open for a while, for its curve."""

    name: str
    address: str
    before: Callable[[Page], None] = nothing
    lives: bool = False


def take_all(
    browser: Browser, url: str, pictures: list[Picture], log_in: Callable[[Page, str], None], *, door: bool
) -> None:
    """Given a server and somebody who logs in there, take the pictures in all looks, that of the login too if `door`."""
    for look, (width, height), theme in LOOKS:
        context = browser.new_context(
            viewport={'width': width, 'height': height}, color_scheme=theme, locale='en-US',
            timezone_id='Europe/Berlin',
        )  # fmt: skip
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        if door:
            page.goto(f'{url}/login')
            save(page, f'{LOGIN}-{look}')
        log_in(page, url)
        living = {picture.name: _opened(context, url, picture) for picture in pictures if picture.lives}
        for picture in pictures:
            if not picture.lives:
                show(page, url, picture)
                save(page, f'{picture.name}-{look}')
        for name, other in living.items():
            other.bring_to_front()
            other.wait_for_timeout(CURVE_MS)
            save(other, f'{name}-{look}')
        context.close()


def _opened(context: BrowserContext, url: str, picture: Picture) -> Page:
    page = context.new_page()
    show(page, url, picture)
    return page


def show(page: Page, url: str, picture: Picture) -> None:
    """Go to a page and wait until it has everything."""
    page.goto(url + picture.address)
    page.get_by_role('heading', level=1).first.wait_for()
    settle(page)
    picture.before(page)


def settle(page: Page, quiet_ms: int = QUIET_MS) -> None:
    """Given a page, wait until nothing of it has been loading for a while."""
    page.evaluate('window.quietSince = undefined')
    page.wait_for_function(SETTLED, arg=quiet_ms, polling=100, timeout=PATIENCE_MS)


def save(page: Page, name: str) -> None:
    """Given a page, keep what is seen of it as WebP, which Chromium itself can write (Page.captureScreenshot)."""
    settle(page)
    session = page.context.new_cdp_session(page)
    taken = session.send('Page.captureScreenshot', {'format': 'webp', 'quality': QUALITY})
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f'{name}.webp').write_bytes(base64.b64decode(taken['data']))
    print(f'docs/screenshots/{name}.webp', flush=True)


def paint(browser: Browser, drawings: list[str]) -> list[bytes]:
    """Given drawings (SVG), return them as JPEG: the photos of the household."""
    page = browser.new_page(viewport={'width': TILE[0], 'height': TILE[1]})
    made = []
    for drawing in drawings:
        page.set_content(f'<body style="margin:0">{drawing}</body>')
        made.append(page.screenshot(type='jpeg', quality=80))
    page.close()
    return made


def remove_old(folder: Path = FOLDER) -> None:
    """Remove the pictures of last time; some pages may be gone."""
    shutil.rmtree(folder, ignore_errors=True)
