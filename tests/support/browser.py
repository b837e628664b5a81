"""A person before the page: a browser that reports what it complains of, and what axe, the eye and the Tab key find."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, expect

PASSWORD = 'grumbo-and-fleeb-juice'
BROWSERS = (
    'chromium',
    'google-chrome',
    'chromium-browser',
)  # as in scripts/setup.sh; without one it is Playwright's own
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
ARGUMENTS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
]  # fmt: skip
PATIENCE_MS = 60_000  # tells never from late; what passes waits no longer for it
SERIOUS = {'serious', 'critical'}
CONTRAST = 'color-contrast'
SLICES = 4
LOOK = """({part, rules}) =>
  axe.run(part, {resultTypes: ['violations'], rules}).then(told => new Promise(done => setTimeout(() => done(told.violations))))"""
FURTHEST = 120  # stops of the Tab key on one page
NOBODY = re.compile('(?!)')
# A ring is an outline, of the element or of what it is drawn in; a text field has its frame in another colour.
LOST = 'nothing has the focus'
RING = """() => {
  const at = document.activeElement;
  const ringed = (one) => {
    const style = one && getComputedStyle(one);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  };
  if (!at || at === document.body) return 'nothing has the focus';
  const seen = ringed(at) || ringed(at.parentElement) || at.closest('.q-field--focused');
  const box = at.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const covered = inside && over && !over.contains(at) && !at.contains(over) && !at.closest('.q-field')?.contains(over);
  return seen && inside && !covered ? '' : (covered ? 'covered: ' : inside ? 'no ring: ' : 'out of sight: ') + at.outerHTML.slice(0, 200);
}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How someone sits before the page."""

    theme: str
    width: int
    height: int

    @property
    def phone(self) -> bool:
        return self.width < 768

    def __str__(self) -> str:
        return f'{self.theme}-{"phone" if self.phone else "desktop"}'


DESKTOP, PHONE = Look(theme='light', width=1440, height=900), Look(theme='dark', width=390, height=844)


@dataclass
class Complaints:
    """What the browser found wrong, and what it asked of other hosts."""

    host: str
    found: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in {'error', 'warning'}:
            self.found.append(f'{message.type}: {message.text} ({message.location.get("url", "")})')

    def request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {'http', 'https', 'ws', 'wss'} and parts.netloc != self.host:
            self.found.append(f'asked another host: {request.url}')

    def watch(self, page: Page) -> None:
        page.on('console', self.console)
        page.on('pageerror', lambda error: self.found.append(f'exception: {error}'))
        page.on('request', self.request)


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    look: Look = DESKTOP,
    *,
    expected: re.Pattern[str] = NOBODY,
    kept: StorageState | None = None,
) -> Iterator[Page]:
    """Given a browser, a server and what the browser has kept of it, yield a page of somebody who sees it so, and fail if the
    browser had anything to complain of that was not expected. Nothing fades or slides, so that what is seen is there at once."""
    context = browser.new_context(
        base_url=url,
        viewport={'width': look.width, 'height': look.height},
        color_scheme='dark' if look.theme == 'dark' else 'light',
        has_touch=look.phone,
        locale='en-US',
        reduced_motion='reduce',
        permissions=['clipboard-write'],
        storage_state=kept,
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints = Complaints(urlsplit(url).netloc)
    complaints.watch(page)
    yield page
    context.close()
    wrong = [told for told in complaints.found if not expected.search(told)]
    assert not wrong, 'The browser complained:\n' + '\n'.join(wrong)


def log_in(page: Page) -> None:
    """Come in through the login page."""
    page.goto('/login')
    page.get_by_label('User name').fill('admin')
    page.get_by_label('Password', exact=True).fill(PASSWORD)
    page.get_by_role('button', name='Log in').click()
    page.wait_for_url('**/')


def settled(page: Page, address: str) -> None:
    """Open a page and wait until it has loaded what it shows."""
    page.goto(address)
    expect(page.get_by_role('heading', level=1).first).to_be_visible()
    expect(page.locator('.q-skeleton')).to_have_count(0)


def fits(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    return bool(page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'))


def serious(page: Page, part: str = 'html') -> list[str]:
    """Return what axe finds that is serious or critical, and in the other theme what is hard to read."""
    found = _axe(page, part)
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme='light' if dark else 'dark')
    found += _axe(page, part, CONTRAST)
    page.emulate_media(color_scheme='dark' if dark else 'light')
    return found


def serious_in_front(page: Page, part: str = '.q-dialog') -> list[str]:
    """Return the same of an open dialog or menu: what is behind it is dimmed."""
    return serious(page, part)


def unseen_stops(page: Page) -> list[str]:
    """Go through the page with the Tab key, and return those stops that one cannot see; it must come out at its end."""
    expect(page.locator('[aria-busy=true]')).to_have_count(0)
    found = list[str]()
    for _ in range(FURTHEST):
        page.keyboard.press('Tab')
        told = page.evaluate(RING)
        if told == LOST:
            return found
        found += [told] if told else []
    return [*found, 'the Tab key does not get out']


def _axe(page: Page, part: str, only: str = '') -> list[str]:
    """Look in slices: while axe looks a page hears nothing, and one that does not answer PLUMBUS for long is given up."""
    page.evaluate(Axe().axe_script)
    rules: list[str] = page.evaluate('axe.getRules().map(rule => rule.ruleId)')
    others = [rule for rule in rules if rule != CONTRAST]  # which takes as long as all of them
    slices = [[only]] if only else [[CONTRAST], *(others[start::SLICES] for start in range(SLICES))]
    found = list[str]()
    for chosen in slices:
        asleep = {rule: {'enabled': False} for rule in rules if rule not in chosen}
        told = page.evaluate(LOOK, {'part': part, 'rules': asleep})
        found += [
            f'{one["id"]}: {one["nodes"][0]["html"][:300]} {one["nodes"][0]["failureSummary"][:300]}'
            for one in told
            if one['impact'] in SERIOUS
        ]
    return found
