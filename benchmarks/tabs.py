"""What open tabs cost while backups run: processor time of the server, memory of each tab, and what stays when all are closed.

usage: .venv/bin/python -m benchmarks.tabs [TABS]     (takes about three minutes; needs sshd and rsync)

Each tab is a socket that does what the script of a page does with the server (tests/support/tabs.py), for 50 browsers
would take the processor that is measured. The backups are real ones, held back to a rate that outlasts the measurement.
"""

import asyncio
import os
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from benchmarks.arguments import counted
from benchmarks.footprint import memory_mb
from tests.support.browser import PASSWORD
from tests.support.served import Served
from tests.support.sshd import Sshd
from tests.support.tabs import Tab, log_in, open_tab

TABS, BACKUPS = 50, 5
SECONDS = 30.0
SETTLE_S = 3.0
GONE_S = 14.0  # NiceGUI gives up a closed tab after ten seconds
FILES, FILE_BYTES, RATE_KIB = 4_000, 60_000, 1_000
CPU_PERCENT, TAB_MB, LEFT_MB = 30, 1, 5
TICKS = os.sysconf('SC_CLK_TCK')
LIVE = (
    '/',
    '/backups',
    '/jobs',
    '/clients',
    '/backups/{run}',
    '/settings',
    '/browse',
    '/jobs/{job}',
    '/clients/1',
    '/backups/{run}',
)


class Server:
    """PLUMBUS with its backups under way, measured from outside."""

    def __init__(self, served: Served) -> None:
        self._pid = served.process.pid

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        return memory_mb(self._pid)

    async def percent(self) -> float:
        """Let some time pass and return how much of one core the server took."""
        began, before = time.monotonic(), self.spent
        await asyncio.sleep(SECONDS)
        return 100 * (self.spent - before) / (time.monotonic() - began)

    @property
    def spent(self) -> float:
        """Seconds of processor time so far (proc(5): utime and stime)."""
        fields = Path(f'/proc/{self._pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def begin_backups(served: Served, sshd: Sshd) -> list[int]:
    """Start the backups and return their ids, once all of them run."""
    folder = sshd.folder / 'many'
    folder.mkdir()
    for number in range(FILES):
        (folder / f'photo-{number:05}.raw').write_bytes(os.urandom(FILE_BYTES))
    with served.api as api:
        sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
        where = {'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
        client = api.post('/api/clients', json={'name': 'sample', **where}).raise_for_status().json()['id']
        fields = {'client_id': client, 'source_paths': [str(folder)], 'bandwidth_limit_kib': RATE_KIB}
        jobs = [
            api.post('/api/jobs', json={**fields, 'name': f'job {number}'}).raise_for_status().json()['id']
            for number in range(BACKUPS)
        ]
        runs = [api.post(f'/api/jobs/{job}/run').raise_for_status().json()['backup_id'] for job in jobs]
        deadline = time.monotonic() + 60
        while any(
            (api.get(f'/api/backups/{run}').json()['progress'] or {}).get('phase') != 'fetching'
            for run in runs
        ):
            assert time.monotonic() < deadline, 'The backups do not begin.'
            time.sleep(0.2)
    return runs


def line(name: str, figure: float, unit: str, target: float) -> None:
    """Print a figure beside its target."""
    print(
        f'{name:52} {figure:8.2f} {unit:4} aim < {target:<4g} {"ok" if figure < target else "MISSED"}',
        flush=True,
    )


def tell_traffic(tabs: list[Tab]) -> None:
    """Print what each kind of page was sent."""
    sent, pages = Counter[str](), Counter[str]()
    for tab in tabs:
        pages[tab.address] += 1
        sent[tab.address] += sum(size for _, size in tab.messages)
    for address, total in sent.items():
        print(
            f'  {address:20} {pages[address]:3} tabs  {total / pages[address] / SECONDS / 1000:7.2f} kB/s each'
        )


async def opened(stack: AsyncExitStack, http: httpx.AsyncClient, runs: list[int], count: int) -> list[Tab]:
    """Open that many tabs, one after the other, on pages that show what runs."""
    addresses = [
        LIVE[n % len(LIVE)].format(run=runs[n % len(runs)], job=1 + n % BACKUPS) for n in range(count)
    ]
    return [await stack.enter_async_context(open_tab(http, address)) for address in addresses]


async def measure(served: Served, runs: list[int], count: int) -> None:
    """Measure without tabs, with them, and after they were closed; then once more, for what stays of each round."""
    server = Server(served)
    async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=60) as http:
        await log_in(http, 'admin', PASSWORD)
        async with AsyncExitStack() as stack:
            await opened(stack, http, runs, len(LIVE))  # what is loaded once for all
        await asyncio.sleep(GONE_S)
        line(f'{BACKUPS} backups, no tab: CPU', await server.percent(), '%', CPU_PERCENT)
        before = server.memory
        async with AsyncExitStack() as stack:
            tabs = await opened(stack, http, runs, count)
            await asyncio.sleep(SETTLE_S)
            for tab in tabs:
                tab.messages.clear()
            line(f'{BACKUPS} backups, {count} tabs: CPU', await server.percent(), '%', CPU_PERCENT)
            line('memory of each tab', (server.memory - before) / count, 'MB', TAB_MB)
            tell_traffic(tabs)
        await asyncio.sleep(GONE_S)
        first = server.memory
        print(f'memory: {before:.0f} MB before, {first:.0f} MB after all tabs were closed')
        async with AsyncExitStack() as stack:
            await opened(stack, http, runs, count)
            await asyncio.sleep(SETTLE_S)
        await asyncio.sleep(GONE_S)
        line('what another round of tabs leaves behind', server.memory - first, 'MB', LEFT_MB)


def main() -> None:
    """Measure and print."""
    count = counted(__doc__, TABS)
    places = str(BACKUPS)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sshd() as sshd,
        Served(
            Path(folder),
            PLUMBUS_ADMIN_PASSWORD=PASSWORD,
            PLUMBUS_MAX_PARALLEL=places,
            PLUMBUS_CLIENT_PARALLEL=places,
        ) as served,
    ):
        asyncio.run(measure(served, begin_backups(served, sshd), count))


if __name__ == '__main__':
    main()
