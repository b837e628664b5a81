"""Whether the server stays quick under load: 10,000 jobs, 100,000 records, 100 clients, two backups that run, 50 requests a second.

usage: .venv/bin/python -m benchmarks.control_plane [FOLDER]     (needs sshd, rsync, Chromium; takes about two minutes; what is made
in FOLDER is used again next time)
"""

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks.arguments import folder as chosen_folder
from benchmarks.footprint import PASSWORD, paints
from benchmarks.goals import Figure, cpu_s, report
from benchmarks.store import BEARER, filled
from tests.support.served import ROOT, TOKEN, Served
from tests.support.sshd import Sshd

PAGES = (
    '/api/backups', '/api/backups?offset=50000', '/api/backups?job_id=77', '/api/backups?client_id=7&status=failed',
    '/api/backups?search=folders+12', '/api/jobs?limit=100', '/api/jobs?limit=100&offset=5000', '/api/jobs?client_id=7',
    '/api/jobs/77/history', '/api/clients', '/api/restores', '/api/stats',
)  # fmt: skip
RATE, LOAD_S = 50, 20
PATIENCE_S = 120
WAIT_S = 60
FILES, FILE_BYTES = 20_000, 4096
SOURCES, JOBS_OF_EACH = 2, 20
IDLE_S = 65  # there are looks that come once a minute
SETTLE_S = 10
SCRAPE_S = 10  # as often as Prometheus may ask
LIST_MS, PAINT_MS, LAG_S, IDLE_PERCENT = 100, 1000, 1, 1


def measure(folder: Path) -> Iterator[Figure]:
    """Fill a data folder, start the server on it, and measure: under load, when pages are opened, at rest."""
    filled(
        folder, schedule=f'30 {(datetime.now(UTC).hour + 12) % 24} * * *'
    )  # none of them while this goes on
    with (
        Sshd() as sshd,
        Served(folder, PLUMBUS_ADMIN_PASSWORD=PASSWORD, TZ='UTC') as served,
        served.api as api,
    ):
        sources = [_source(sshd.folder / f'source-{number}') for number in range(SOURCES)]
        jobs = [_jobs(api, sshd, source) for source in sources]
        time.sleep(SETTLE_S)
        yield from _under_load(served, api, jobs)
        for address, milliseconds in paints(urlsplit(served.url).port or 0).items():
            yield Figure(name=f'first paint of {address}', rounds=[milliseconds], unit='ms', goal=PAINT_MS)
        time.sleep(SETTLE_S)
        idle = 100 * _cpu_share(served.process.pid, IDLE_S)
        yield Figure(name='idle: CPU, of a core', rounds=[idle], unit='%', goal=IDLE_PERCENT)


def _under_load(served: Served, api: httpx.Client, jobs: Sequence[Sequence[int]]) -> Iterator[Figure]:
    lags: list[float] = []
    with _backups(served, jobs) as ended, _asking(served) as asked:
        began, used_s = time.monotonic(), cpu_s(served.process.pid)
        while time.monotonic() < began + LOAD_S:
            time.sleep(SCRAPE_S)
            lags.append(_lag_s(api))
        taken = [seconds * 1000 for seconds in json.loads(asked.communicate(timeout=PATIENCE_S)[0])]
        used_s, finished = cpu_s(served.process.pid) - used_s, len(ended)
    yield Figure(
        name=f'lists, {RATE} a second, two backups: p95', rounds=[_p95(taken)], unit='ms', goal=LIST_MS
    )
    for place, address in enumerate(PAGES):
        mine = taken[place :: len(PAGES)]
        yield Figure(name=f'    p95 of GET {address}', rounds=[_p95(mine)], unit='ms', goal=LIST_MS)
    yield Figure(name='scheduler lag meanwhile', rounds=lags, unit='s', goal=LAG_S)
    share = 1000 * used_s / len(taken)
    yield Figure(
        name='CPU of the server for a request, backups included', rounds=[share], unit='ms', goal=1000 / RATE
    )
    sys.stdout.write(f'({finished} backups of {FILES} files ended meanwhile, {len(taken)} requests)\n')


@contextmanager
def _asking(served: Served) -> Iterator[subprocess.Popen[bytes]]:
    """Have a process of its own ask, which prints what it found out when it is done."""
    port = str(urlsplit(served.url).port)
    arguments = [port, TOKEN, str(RATE), str(LOAD_S), *PAGES]
    command = [sys.executable, '-m', 'benchmarks.asking', *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _backups(served: Served, jobs: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Keep one backup of each list of jobs running, a new job each time: so all of its files are fetched."""
    ended: list[int] = []
    over = threading.Event()

    def keep_running(mine: Sequence[int]) -> None:
        with _api(served) as api:
            for job_id in mine:
                if over.is_set():
                    return
                told = api.post(f'/api/jobs/{job_id}/run', params={'wait': WAIT_S}).raise_for_status().json()
                if told['status'] != 'completed':
                    raise RuntimeError(f'A backup did not end well: {told["error_message"]}')
                ended.append(told['backup_id'])

    with ThreadPoolExecutor(len(jobs)) as threads:
        running = [threads.submit(keep_running, mine) for mine in jobs]
        try:
            yield ended
        finally:
            over.set()
    for one in running:
        one.result()


def _api(served: Served) -> httpx.Client:
    return httpx.Client(base_url=served.url, headers=BEARER, trust_env=False, timeout=PATIENCE_S)


def _source(folder: Path) -> Path:
    if not folder.exists():
        for number in range(FILES):
            path = folder / f'{number // 100}' / f'{number}'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(FILE_BYTES))
    return folder


def _jobs(api: httpx.Client, sshd: Sshd, source: Path) -> list[int]:
    sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
    fields = {'name': source.name, 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    client = api.post('/api/clients', json=fields).raise_for_status().json()['client_id']
    return [
        api.post(
            '/api/jobs',
            json={'client_id': client, 'name': f'{source.name} {number}', 'source_paths': [str(source)]},
        )
        .raise_for_status()
        .json()['job_id']
        for number in range(JOBS_OF_EACH)
    ]


def _lag_s(api: httpx.Client) -> float:
    told = re.search(r'^plumbus_scheduler_lag_seconds (\S+)$', api.get('/metrics').text, re.MULTILINE)
    return float(told[1]) if told else float('inf')


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _cpu_share(pid: int, seconds: float) -> float:
    began, used = time.monotonic(), cpu_s(pid)
    time.sleep(seconds)
    return (cpu_s(pid) - used) / (time.monotonic() - began)


def main() -> None:
    """Measure and print a table; the exit code tells whether all goals are met."""
    with chosen_folder(__doc__) as folder:
        sys.exit(report(measure(folder)))


if __name__ == '__main__':
    main()
