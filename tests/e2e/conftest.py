"""What the browser tests share: the real server as a child process, a sample client, a browser that reports its complaints."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.support.sshd import Sshd

ROOT = Path(__file__).resolve().parents[2]
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
START_S = 30
OUR_CODE = re.compile(rf'File "{re.escape(str(ROOT))}/(main|pages|plumbus)\b')


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


LOOKS = [Look(theme=t, width=w, height=h) for t in ('light', 'dark') for w, h in ((1440, 900), (390, 844))]


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


@pytest.fixture(scope='session')
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, 'executable_path': CHROMIUM, 'args': ARGUMENTS}


@pytest.fixture(scope='session')
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """PLUMBUS itself, with a data dir and a port of its own."""
    folder = tmp_path_factory.mktemp('server')
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('PLUMBUS_', 'NICEGUI_', 'PYTEST_'))
    }
    environment = {
        **kept,
        'PLUMBUS_ADMIN_PASSWORD': PASSWORD,
        'TZ': 'Europe/Berlin',
        'NICEGUI_STORAGE_PATH': str(folder / 'nicegui'),
    }
    port = free_port()
    with (folder / 'server.log').open('wb') as log:
        argv = [sys.executable, 'main.py', '--port', str(port), '--data-dir', str(folder / 'data')]
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f'http://127.0.0.1:{port}'
            await_health(url, process, folder / 'server.log')
            yield url
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.kill()
            process.wait(timeout=5)
    # NiceGUI itself complains when a browser leaves in the middle of a request; only what passes our code matters.
    stumbled = [line for line in (folder / 'server.log').read_text().splitlines() if OUR_CODE.search(line)]
    assert stumbled == []


@pytest.fixture(params=LOOKS, ids=str)
def look(request: pytest.FixtureRequest) -> Look:
    """Light and dark, desktop and phone."""
    chosen: Look = request.param
    return chosen


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], look: Look) -> dict[str, Any]:
    size = {'width': look.width, 'height': look.height}
    return {
        **browser_context_args,
        'viewport': size,
        'color_scheme': look.theme,
        'has_touch': look.phone,
        'locale': 'en-US',
    }


@pytest.fixture
def visitor(page: Page, base_url: str) -> Iterator[Page]:
    """Someone who is logged in; the test fails if the browser had anything to complain about."""
    page.set_default_timeout(15_000)
    complaints = Complaints(urlsplit(base_url).netloc)
    complaints.watch(page)
    log_in(page)
    yield page
    assert complaints.found == []


@pytest.fixture(scope='session')
def sample(sshd: Sshd) -> Path:
    """A folder on the sample client with something to back up, some of it with a name that means mischief."""
    folder = sshd.home / 'attic' if sshd.password else sshd.folder / 'attic'
    (folder / 'photos').mkdir(parents=True)
    (folder / 'photos' / 'holiday.raw').write_bytes(os.urandom(2_000_000))
    (folder / 'notes.txt').write_text('smooth out the dinglebop\n')
    (folder / '<b>bold {{1+1}}.txt').write_text('literal\n')
    (folder / 'cache').mkdir()
    (folder / 'cache' / 'rubbish').write_bytes(b'x' * 1000)
    for path in [folder, *folder.rglob('*')]:
        os.chown(path, *sshd.ids)
    return folder


def log_in(page: Page) -> None:
    """Come in through the login page."""
    page.goto('/')
    page.get_by_label('User name').fill('admin')
    page.get_by_label('Password', exact=True).fill(PASSWORD)
    page.get_by_role('button', name='Log in').click()
    page.wait_for_url('**/')


def fits(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    return bool(page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers; fail with its log if it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(URLError, OSError), urllib.request.urlopen(f'{url}/api/health', timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    pytest.fail(f'The server does not start:\n{log.read_text()[-3000:]}')
