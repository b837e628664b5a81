"""What the browser tests share: one server with something on every page, a sample client, somebody who is logged in."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.support.browser import (
    ARGUMENTS,
    CHROMIUM,
    DESKTOP,
    PASSWORD,
    PATIENCE_MS,
    PHONE,
    Look,
    log_in,
    visiting,
)
from tests.support.served import ROOT, Served
from tests.support.sshd import Sshd
from tests.support.story import Story

OUR_CODE = re.compile(rf'File "{re.escape(str(ROOT))}/(main|pages|plumbus)\b')
# The browser tells every answer of this kind as an error.
MISSING = re.compile(r'the server responded with a status of 404 .*/nowhere')
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope='session')
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, 'executable_path': CHROMIUM, 'args': ARGUMENTS}


@pytest.fixture(scope='session')
def story(tmp_path_factory: pytest.TempPathFactory, sshd: Sshd) -> Iterator[Story]:
    """PLUMBUS itself with clients, jobs, good, bad and running backups. It must not stumble over anything."""
    folder = tmp_path_factory.mktemp('server')
    with Served(folder, PLUMBUS_ADMIN_PASSWORD=PASSWORD, TZ='Europe/Berlin') as served, served.api as api:
        told = Story(api, sshd)
        told.tell()
        yield told
        assert stumbled(served) == []


@pytest.fixture(scope='session')
def base_url(story: Story) -> str:
    """Where that server is."""
    return story.url


@pytest.fixture(params=[DESKTOP, PHONE], ids=str)
def look(request: pytest.FixtureRequest) -> Look:
    """A light desktop and a dark phone."""
    chosen: Look = request.param
    return chosen


@pytest.fixture(scope='session')
def login(browser: Browser, base_url: str) -> StorageState:
    """The cookie of a login that all share who do not end it."""
    with visiting(browser, base_url) as page:
        log_in(page)
        return page.context.storage_state()


@pytest.fixture
def visitor(browser: Browser, base_url: str, look: Look, login: StorageState) -> Iterator[Page]:
    """Somebody who is logged in; the test fails if the browser had anything to complain about."""
    with visiting(browser, base_url, look, expected=MISSING, kept=login) as page:
        page.goto('/')
        yield page


@pytest.fixture
def newcomer(browser: Browser, base_url: str, look: Look) -> Iterator[Page]:
    """The same with a login of one's own."""
    with visiting(browser, base_url, look, expected=MISSING) as page:
        log_in(page)
        yield page


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Served]:
    """PLUMBUS as it is when it starts for the first time."""
    with Served(tmp_path, TZ='Europe/Berlin') as served:
        yield served
        assert stumbled(served) == []


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


def stumbled(served: Served) -> list[str]:
    """Lines of our code in its log. NiceGUI itself complains when a browser leaves in the middle of a request."""
    return [line for line in served.text.splitlines() if OUR_CODE.search(line)]
