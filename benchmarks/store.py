"""What PLUMBUS costs with 10,000 jobs and 100,000 backup records: seconds, milliseconds and memory beside the goals.

usage: .venv/bin/python -m benchmarks.store [FOLDER]     (takes about a minute; what is made in FOLDER is used again next time)
"""

import os
import shutil
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.arguments import folder as chosen_folder
from benchmarks.footprint import memory_mb
from benchmarks.goals import Figure, cpu_s, report, timed
from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.clock import Clock
from tests.support.engines import settings, until
from tests.support.many import fill
from tests.support.served import TOKEN, Served

CLIENTS, JOBS, BACKUPS = 100, 10_000, 100_000
BEARER = {'Authorization': f'Bearer {TOKEN}'}
LISTS = (
    '/api/backups', '/api/backups?offset=90000', '/api/backups?limit=1000', '/api/backups?job_id=77',
    '/api/backups?client_id=7&status=failed', '/api/backups?status=completed', '/api/backups?search=folders+12',
    '/api/jobs?limit=100', '/api/jobs?client_id=7', '/api/jobs/77', '/api/jobs/77/history', '/api/clients',
    '/api/restores', '/api/stats', '/api/health',
)  # fmt: skip
TICK_MS, LIST_MS, CHANGE_MS, START_S, MEMORY_MB, DUE_S = 20, 100, 20, 5, 400, 1
WHOLE_MS = 1000  # all jobs in one answer of 10 MB, and the metrics of all of them
DUE, DUE_ROUNDS = 1000, 3


def of_the_disk(folder: Path) -> Iterator[Figure]:
    """What a change costs at the least here and now: a line, synced."""
    with (folder / 'line').open('ab', buffering=0) as file:

        def append(_: int) -> None:
            file.write(b'x' * 1000)
            os.fsync(file.fileno())

        yield timed('this disk: a line appended and synced', CHANGE_MS, append)


def of_the_server(folder: Path) -> Iterator[Figure]:
    """Start PLUMBUS as its users do and ask it by HTTP."""
    with Served(folder) as served:
        yield Figure(name='start to healthy', rounds=[served.seconds], unit='s', goal=START_S)
        used = cpu_s(served.process.pid)
        yield Figure(name='start to healthy: CPU of the server', rounds=[used], unit='s', goal=START_S)
        yield timed('GET /api/stats, the first time', LIST_MS, lambda _: _get(served, '/api/stats'), rounds=1)
        yield _memory('memory after the start', served)
        for address in LISTS:
            yield timed(f'GET {address}', LIST_MS, lambda _, address=address: _get(served, address))  # type: ignore[misc]
        yield timed('GET /api/jobs: all in one answer', WHOLE_MS, lambda _: _get(served, '/api/jobs'))
        yield timed('GET /metrics', WHOLE_MS, lambda _: _get(served, '/metrics'))
        yield timed(
            'PUT /api/backups/…: a note',
            CHANGE_MS,
            lambda number: _put(served, f'/api/backups/{500 + number}', number),
        )
        yield timed(
            'PUT /api/jobs/…: a name',
            CHANGE_MS,
            lambda number: _put(served, f'/api/jobs/{500 + number}', number),
        )
        yield _memory('memory after all that', served)


def of_the_engine(data_dir: Path) -> Iterator[Figure]:
    """Build the engine and call its parts."""
    began = time.perf_counter()
    clock = Clock(datetime.now(UTC))
    engine = Engine(settings(data_dir), clock)
    engine.start()
    spent = time.perf_counter() - began
    yield Figure(name='engine: made and started', rounds=[spent], unit='s', goal=START_S)
    try:
        yield timed('engine: scheduler tick', TICK_MS, lambda _: engine._scheduler.tick())
        yield from _changes(engine)
        yield timed('engine: stats', LIST_MS, lambda _: engine.system.stats())
        yield timed('engine: overdue jobs', LIST_MS, lambda _: engine.jobs.overdue())
        yield timed('engine: reconcile', LIST_MS, lambda _: engine.reconciler.look())
        yield from _changes_meanwhile(engine)
        rounds = [_seconds_until_queued(engine, clock, number) for number in range(DUE_ROUNDS)]
        yield Figure(name=f'engine: {DUE} jobs due at once are queued', rounds=rounds, unit='s', goal=DUE_S)
    finally:
        engine.stop()


def _changes(engine: Engine) -> Iterator[Figure]:
    records = engine.backups.records
    yield timed(
        'engine: queued',
        CHANGE_MS,
        lambda n: records.add(records.get(n + 1).model_copy(update={'id': 0})),
    )
    yield timed('engine: running', CHANGE_MS, lambda n: records.set(BACKUPS - n, status=Status.RUNNING))
    yield timed('engine: completed', CHANGE_MS, lambda n: records.set(BACKUPS - n, status=Status.COMPLETED))


def _changes_meanwhile(engine: Engine) -> Iterator[Figure]:
    records = engine.backups.records
    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(_write_anew, engine)
        yield timed(
            'engine: a change while files are written anew',
            CHANGE_MS,
            lambda n: records.set(n + 1, note=f'{n}'),
        )
        yield Figure(name='engine: all files written anew', rounds=[written.result()], unit='s', goal=START_S)


def _seconds_until_queued(engine: Engine, clock: Clock, number: int) -> float:
    """Let a thousand jobs be due in the same minute. Return how long it takes until each waits in the queue or runs."""
    jobs = set(range(number * DUE + 1, (number + 1) * DUE + 1))
    for job_id in jobs:
        engine._scheduler.refresh(job_id, '* * * * *', ZoneInfo('UTC'))
    clock.forward(timedelta(minutes=1))
    began = time.perf_counter()
    engine._scheduler.tick()  # or its own thread is quicker
    until(lambda: jobs <= {ticket.job_id for ticket in engine._queue.tickets()}, 'Queueing')
    spent = time.perf_counter() - began
    for job_id in jobs:
        engine._scheduler.forget(job_id)
    return spent


def _write_anew(engine: Engine) -> float:
    began = time.perf_counter()
    engine.system.database.compact()
    return time.perf_counter() - began


def _memory(name: str, served: Served) -> Figure:
    used = memory_mb(served.process.pid)
    return Figure(name=name, rounds=[used], unit='MB', goal=MEMORY_MB)


def _get(served: Served, address: str) -> None:
    served.http.get(address, headers=BEARER).raise_for_status()


def _put(served: Served, address: str, number: int) -> None:
    fields = {'note': f'note {number}'} if 'backups' in address else {'name': f'renamed {number}'}
    served.http.put(address, headers=BEARER, json=fields).raise_for_status()


def filled(folder: Path, schedule: str = '') -> Path:
    """Given a folder, return a data folder in it with very many records, fresh: what an earlier run did is undone.

    Each job has a time of the day, or `schedule`.
    """
    kept, data = folder / f'filled-{zlib.crc32(schedule.encode()):08x}', folder / 'data'
    if not kept.exists():
        began = time.perf_counter()
        (kept / 'backups').mkdir(parents=True)
        mounted = kept / 'backups' / '.plumbus-store'  # on a disk without it there would be no backup
        mounted.touch()
        fill(kept, clients=CLIENTS, jobs=JOBS, backups=BACKUPS, schedule=schedule)
        sys.stdout.write(f'filled in {time.perf_counter() - began:.0f} s\n')
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(kept, data)
    return data


def measure(folder: Path) -> Iterator[Figure]:
    """Measure the disk, the server, then the parts of an engine, on the same data."""
    data = filled(folder)
    yield from of_the_disk(folder)
    yield from of_the_server(folder)
    yield from of_the_engine(data)


def main() -> None:
    """Measure and print a table; the exit code tells whether all goals are met."""
    with chosen_folder(__doc__) as folder:
        sys.exit(report(measure(folder)))


if __name__ == '__main__':
    main()
