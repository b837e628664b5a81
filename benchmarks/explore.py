"""What it takes to find a file and bring it home: searching, opening large folders, downloads of gigabytes; beside their aims.

usage: .venv/bin/python -m benchmarks.explore [JOBS SNAPSHOTS FILES]    (default 20 30 50000: takes up to half an hour and 1 GB)
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from benchmarks.arguments import parser
from plumbus.backup.manifest import Entry, ManifestWriter
from plumbus.services.search import folded
from plumbus.store.search_index import Known, Row, SearchIndex
from tests.support.served import ROOT, Served
from tests.support.stored import keep

ENTRIES = 100_000
MANIFEST = 1_000_000
GIGABYTES = 2 * 2**30
ROUNDS = 5
WAIT_S = 600
WORDS = (
    'config',
    'notes',
    'invoice',
    'holiday',
    'report',
    'index',
    'Übung',
    'photo',
    'readme',
    'budget',
    'letter',
    'main',
)
ENDINGS = ('txt', 'jpg', 'conf', 'py', 'odt')
QUERIES = (
    'budget',
    'invoice_07004',
    '*.conf',
    'b?dget_1*',
    'not there',
    'ÜBUNG_03',
    'user3/d7/',
    '/budget_01',
    'zq',
)


def told(what: str, value: float, unit: str, aim: str) -> None:
    """Print one figure beside its aim."""
    print(f'{what:<68} {value:>9.1f} {unit:<3} (aim: {aim})', flush=True)


def rows(job: int, snapshot: int, files: int) -> Iterator[Row]:
    """The entries of a snapshot: names of their own for each job, the same in each snapshot but for one in 2,000."""
    chance = random.Random(job)
    for number in range(files):
        new = (number * 7919 + snapshot) % 2000 == 0
        letter = f'{chance.choice(WORDS)}_{job:02}{number:06}{chance.randrange(16**4):04x}'
        name = f'{letter}{"-new" if new else ""}.{chance.choice(ENDINGS)}'
        yield Row(f'home/user{job}/d{number // 200}'.encode(), name.encode(), 'f', number, 1_700_000_000)


def best(work: Callable[[], object]) -> float:
    """The milliseconds of the quickest of some rounds: what else the machine does is not what is measured."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


def search(folder: Path, jobs: int, snapshots: int, files: int) -> None:
    """Fill an index and look for names in it."""
    index = SearchIndex(folder / 'index' / 'search.sqlite', folded)
    index.prepare()
    first: list[float] = []
    later: list[float] = []
    for job in range(1, jobs + 1):
        for snapshot in range(snapshots):
            entries = list(rows(job, snapshot, files))
            began = time.perf_counter()
            index.add(Known(job * 1000 + snapshot, job, job), entries)
            (later if snapshot else first).append((time.perf_counter() - began) * 1000)
    size = index.path.stat().st_size / 10**6
    told(f'index of {jobs} jobs x {snapshots} snapshots x {files:,} files', size, 'MB', 'small')
    told('taking up the first snapshot of a job', statistics.median(first), 'ms', 'in the background')
    told('taking up a later one', statistics.median(later) if later else 0, 'ms', 'in the background')
    for query in QUERIES:
        told(f'search for {query!r}', best(lambda query=query: index.find(query)), 'ms', '< 200')  # type: ignore[misc]
    told("search for '*.conf' in one job", best(lambda: index.find('*.conf', job_id=jobs)), 'ms', '< 200')


def lay_out(data_dir: Path) -> None:
    """One snapshot: a folder of 100,000 files, 2 GB in one file and 2 GB in sixteen, and a manifest of a million entries."""
    snapshot = keep(data_dir, 1)
    many, parts = snapshot.tree / 'many', snapshot.tree / 'parts'
    many.mkdir()
    parts.mkdir()
    for number in range(ENTRIES):
        (many / f'file {number:06}.txt').touch()
    for path, size in [
        (snapshot.tree / 'big', GIGABYTES),
        *((parts / f'{n}', GIGABYTES // 16) for n in range(16)),
    ]:
        with path.open('wb') as file:
            file.truncate(size)
    with ManifestWriter(snapshot.manifest) as manifest:
        for number in range(MANIFEST):
            manifest.add(
                Entry(b'srv/%04d/file-%07d' % (number // 100, number), 'f', 1, 1_700_000_000, 0o644, 0, 0)
            )


def folders(api: httpx.Client) -> None:
    """Open the large folder: first, again, and a page in the middle."""

    def opened(offset: int = 0) -> None:
        answer = api.get('/api/backups/1/files', params={'path': '/many', 'limit': 1000, 'offset': offset})
        assert answer.json()['total_files'] == ENTRIES

    began = time.perf_counter()
    opened()
    told(
        f'opening a folder of {ENTRIES:,} files for the first time',
        (time.perf_counter() - began) * 1000,
        'ms',
        '< 100',
    )
    told('opening it again', best(opened), 'ms', '< 100, better < 20')
    told('a page in its middle', best(lambda: opened(50_000)), 'ms', '< 100, better < 20')
    root = best(lambda: api.get('/api/backups/1/files').raise_for_status())
    told('opening a small folder of the same snapshot', root, 'ms', '< 100, better < 20')


def download(served: Served, api: httpx.Client, what: str, **params: str) -> None:
    """Download something and tell how much memory the server takes more than before."""
    before, peak, ended = served.memory(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, served.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, length, first = time.perf_counter(), 0, 0.0
    with api.stream('GET', '/api/backups/1/download', params=params, timeout=WAIT_S) as answer:
        for chunk in answer.iter_raw():
            first = first or time.perf_counter() - began
            length += len(chunk)
    seconds = time.perf_counter() - began
    ended.set()
    watcher.join()
    told(f'memory that {what} adds', (peak - before) / 10**6, 'MB', '< 30')
    told(f'{what}: until it begins', first * 1000, 'ms', 'at once')
    told(f'{what}: {length / 10**6:,.0f} MB sent', seconds, 's', 'steady')


def main() -> None:
    """Measure everything and print it."""
    arguments = parser(__doc__)
    for name, default in (('jobs', 20), ('snapshots', 30), ('files', 50_000)):
        arguments.add_argument(name, type=int, nargs='?', default=default, help=f'default {default:,}')
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix='plumbus-explore-') as name:
        search(Path(name), options.jobs, options.snapshots, options.files)
    with tempfile.TemporaryDirectory(prefix='plumbus-explore-') as name:
        served = Served(Path(name))
        lay_out(served.data)
        rescan = [sys.executable, str(ROOT / 'main.py'), '--data-dir', str(served.data), 'rescan']
        subprocess.run(
            rescan,
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, 'PLUMBUS_DATA_DIR': str(served.data)},
        )
        with served, served.api as api:
            deadline = time.monotonic() + WAIT_S
            while (
                not api.get('/api/search?q=file-0999999').json()['complete'] and time.monotonic() < deadline
            ):
                time.sleep(0.5)
            told(
                'search among the million of this snapshot, over HTTP',
                best(lambda: api.get('/api/search?q=file-0999999').raise_for_status()),
                'ms',
                '< 200',
            )
            folders(api)
            download(served, api, 'a download of one file of 2 GB', path='/big')
            download(served, api, 'a zip of 2 GB', path='/parts', format='zip')
            download(served, api, 'a tar.zst of 2 GB', path='/parts', format='tar.zst')


if __name__ == '__main__':
    main()
