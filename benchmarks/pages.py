"""How soon each page is there and answers, with 100 clients, 500 jobs, 100,000 backups (16,000 of them of the last 30 days), and
three backups under way; and what a change costs while dashboards are open.

usage: .venv/bin/python -m benchmarks.pages     (takes about three minutes; needs Chromium, sshd and rsync)

Milliseconds in the browser, the median of a few visits: until something is painted, until everything that the page shows
has come, and until it has answered a click (the next page of a list, else the panel of what runs). Processor time of the
server for a visit; and the rows of its largest table.
"""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from benchmarks.arguments import no_arguments
from benchmarks.tabs import Server
from plumbus.backup.guards import StoreGuard
from tests.support import tabs
from tests.support.browser import ARGUMENTS, CHROMIUM, PASSWORD, log_in
from tests.support.many import fill
from tests.support.served import Served, wait_for
from tests.support.sshd import Sshd

CLIENTS, JOBS, BACKUPS, RUNNING = 100, 500, 100_000, 3
VISITS = 3
USABLE_MS, ANSWER_MS, ROWS = 1000, 200, 25
RATE_KIB, FILE_BYTES = 50, 40_000_000
CHANGES, EVERY_S, CHANGE_MS = 15, 1.2, 20
DASHBOARDS = (1, 5)
NOT_NOW = '17 3 29 2 *'  # nothing is due while this runs
LISTS = {'/clients', '/jobs', '/backups'}
PAGES = (
    '/', '/clients', '/clients/1', '/clients/1/edit', '/clients/new', '/jobs', '/jobs/1', '/jobs/1/edit', '/jobs/new', '/backups',
    '/backups/99990', '/backups/{run}', '/restores', '/settings', '/settings/notifications', '/users', '/tokens', '/audit', '/account',
)  # fmt: skip
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
THERE = """document.querySelector('h1') && !document.querySelector('.q-skeleton')
    && document.querySelector('[aria-label^="What runs now: 3"]')"""
MOST_ROWS = "Math.max(0, ...[...document.querySelectorAll('tbody')].map(body => body.rows.length))"
CLICKED = """([selector, done]) => new Promise(resolve => {
  const began = performance.now(), before = document.querySelector('tbody')?.innerText;
  const look = () => (done ? document.querySelector(done) : document.querySelector('tbody').innerText !== before)
    ? resolve(performance.now() - began) : requestAnimationFrame(look);
  document.querySelector(selector).click();
  look();
})"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What one visit took, in milliseconds."""

    paint: float
    usable: float
    answer: float
    server: float
    rows: int


def begin_backups(served: Served, sshd: Sshd) -> int:
    """Start backups that outlast the measurement and return the id of the last one, once all of them run."""
    folder = sshd.folder / 'slow'
    folder.mkdir()
    (folder / 'film.raw').write_bytes(os.urandom(FILE_BYTES))
    with served.api as api:
        sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
        where = {'name': 'sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        client = api.post('/api/clients', json=where).raise_for_status().json()['id']
        fields = {'client_id': client, 'source_paths': [str(folder)], 'bandwidth_limit_kib': RATE_KIB}
        for number in range(RUNNING):
            job = (
                api.post('/api/jobs', json={**fields, 'name': f'slow {number}'})
                .raise_for_status()
                .json()['id']
            )
            run = int(api.post(f'/api/jobs/{job}/run').raise_for_status().json()['backup_id'])
        wait_for(lambda: api.get('/api/stats').json()['running'] == RUNNING)
    return run


def visit(page: Page, address: str, server: Server) -> Visit:
    """Open a page, wait until it is whole, click something."""
    before = server.spent
    page.goto(address)
    page.wait_for_function(THERE, polling='raf')
    usable = float(page.evaluate('performance.now()'))
    page.wait_for_function(f'({PAINT}) > 0')
    spent = (server.spent - before) * 1000
    rows = int(page.evaluate(MOST_ROWS))
    click = (
        ['button[aria-label="Next page"]', '']
        if address in LISTS
        else ['[aria-label^="What runs now"]', '.menu-panel .running-row']
    )
    return Visit(
        paint=float(page.evaluate(PAINT)),
        usable=usable,
        answer=float(page.evaluate(CLICKED, click)),
        server=spent,
        rows=rows,
    )


def measure(served: Served, run: int) -> Iterator[tuple[str, Visit]]:
    """Visit each page a few times and yield the medians."""
    server = Server(served)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(base_url=served.url, viewport={'width': 1440, 'height': 900})
        page.set_default_timeout(60_000)
        log_in(page)
        for address in PAGES:
            visits = [visit(page, address.format(run=run), server) for _ in range(VISITS)]
            names = Visit.__slots__
            yield (
                address,
                Visit(**{name: statistics.median(getattr(one, name) for one in visits) for name in names}),
            )
        browser.close()


async def cost_of_change(served: Served, dashboards: int) -> float:
    """Change a backup again and again, and return the milliseconds of processor time of the server for each change."""
    server = Server(served)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=60)
        )
        await tabs.log_in(http, 'admin', PASSWORD)
        api = await stack.enter_async_context(
            httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=60, headers=served.api.headers)
        )
        for _ in range(dashboards):
            await stack.enter_async_context(tabs.open_tab(http, '/'))
        await asyncio.sleep(3)
        before = server.spent
        for number in range(CHANGES):
            (await api.put('/api/backups/99990', json={'note': f'{dashboards}-{number}'})).raise_for_status()
            await asyncio.sleep(EVERY_S)
        return 1000 * (server.spent - before) / CHANGES


def measure_changes(served: Served) -> bool:
    """Print what a change costs for each open dashboard, beside none open; return whether the goal is met."""
    alone, met = asyncio.run(cost_of_change(served, 0)), True
    print(f'a change (and {EVERY_S} s of {RUNNING} backups), no dashboard: {alone:.0f} ms')
    for count in DASHBOARDS:
        each = (asyncio.run(cost_of_change(served, count)) - alone) / count
        met &= each < CHANGE_MS
        print(f'more for each of {count} dashboards: {each:.0f} ms (aim < {CHANGE_MS})', flush=True)
    return met


def main() -> None:
    """Measure and print a line for each page; the exit code tells whether all goals are met."""
    no_arguments(__doc__)
    missed = 0
    with tempfile.TemporaryDirectory() as folder, Sshd() as sshd:
        data = Path(folder) / 'data'
        fill(data, clients=CLIENTS, jobs=JOBS, backups=BACKUPS, schedule=NOT_NOW)
        StoreGuard(data / 'backups').prepare(
            holds_snapshots=False
        )  # as if the snapshots of the records were there
        with Served(
            Path(folder), PLUMBUS_ADMIN_PASSWORD=PASSWORD, PLUMBUS_CLIENT_PARALLEL=str(RUNNING)
        ) as served:
            run = begin_backups(served, sshd)
            print(f'{"":26} paint  usable <{USABLE_MS}  answer <{ANSWER_MS}  server   rows <={ROWS}')
            for address, told in measure(served, run):
                good = told.usable < USABLE_MS and told.answer < ANSWER_MS and told.rows <= ROWS
                missed += not good
                figures = f'{told.paint:6.0f} {told.usable:13.0f} {told.answer:12.0f} {told.server:7.0f} {told.rows:8}'
                print(f'{address:25} {figures}  {"ok" if good else "MISSED"}', flush=True)
            missed += not measure_changes(served)
    print(f'load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors')
    sys.exit(bool(missed))


if __name__ == '__main__':
    main()
