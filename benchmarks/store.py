"""What PLUMBUS costs with 10,000 jobs and 100,000 backup records: seconds, milliseconds and memory beside the targets.

usage: .venv/bin/python -m benchmarks.store [FOLDER]     (takes about a minute; FOLDER is made, and kept, if it is given)
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.footprint import memory_mb
from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.engines import settings
from tests.support.many import fill
from tests.support.served import TOKEN, Served

CLIENTS, JOBS, BACKUPS = 100, 10_000, 100_000
ROUNDS = 9
BEARER = {'Authorization': f'Bearer {TOKEN}'}
LISTS = (
    '/api/backups', '/api/backups?offset=90000', '/api/backups?limit=1000', '/api/backups?job_id=77',
    '/api/backups?client_id=7&status=failed', '/api/backups?status=completed', '/api/backups?search=folders+12',
    '/api/jobs?limit=100', '/api/jobs?client_id=7', '/api/jobs', '/api/jobs/77', '/api/jobs/77/history', '/api/clients',
    '/api/restores', '/api/stats', '/api/health',
)  # fmt: skip
TICK_MS, LIST_MS, CHANGE_MS, START_S, MEMORY_MB, DUE_S = 20, 100, 20, 5, 400, 1
DUE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table: the median of several rounds, which is what the target is for, the fastest and the slowest."""

    name: str
    rounds: list[float]
    unit: str
    target: float

    @property
    def value(self) -> float:
        """What is compared with the target."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        verdict = 'ok' if self.value < self.target else 'MISSED'
        figures = f'{min(self.rounds):9.2f} {self.value:9.2f} {max(self.rounds):9.2f}'
        return f'{self.name:46} {figures} {self.unit:3} {self.target:6g} {verdict}'


def timed(name: str, target: float, action: Callable[[int], object]) -> Figure:
    """Run an action some rounds and return the median in milliseconds; it is given the number of the round."""
    spent = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        action(number)
        spent.append((time.perf_counter() - began) * 1000)
    return Figure(name=name, rounds=spent, unit='ms', target=target)


def of_the_server(folder: Path) -> Iterator[Figure]:
    """Start PLUMBUS as its users do and ask it by HTTP."""
    with Served(folder) as served:
        yield Figure(name='start to healthy', rounds=[served.seconds], unit='s', target=START_S)
        yield _memory('memory after the start', served)
        for address in LISTS:
            yield timed(f'GET {address}', LIST_MS, lambda _, address=address: _get(served, address))  # type: ignore[misc]
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
    engine = Engine(settings(data_dir))
    engine.start()
    spent = time.perf_counter() - began
    yield Figure(name='engine: made and started', rounds=[spent], unit='s', target=START_S)
    try:
        records = engine.backups.records
        yield timed('engine: scheduler tick', TICK_MS, lambda _: engine._scheduler.tick())
        yield timed(
            'engine: queued',
            CHANGE_MS,
            lambda n: records.add(records.get(n + 1).model_copy(update={'id': 0})),
        )
        yield timed('engine: running', CHANGE_MS, lambda n: records.set(BACKUPS - n, status=Status.RUNNING))
        yield timed(
            'engine: completed', CHANGE_MS, lambda n: records.set(BACKUPS - n, status=Status.COMPLETED)
        )
        yield timed('engine: stats', LIST_MS, lambda _: engine.system.stats())
        yield timed('engine: overdue jobs', LIST_MS, lambda _: engine.jobs.overdue())
        yield timed('engine: reconcile', LIST_MS, lambda _: engine.reconciler.look())
        with ThreadPoolExecutor(1) as thread:
            written = thread.submit(_write_anew, engine)
            yield timed(
                'engine: a change while that goes on', CHANGE_MS, lambda n: records.set(n + 1, note=f'{n}')
            )
            yield Figure(
                name='engine: all files written anew', rounds=[written.result()], unit='s', target=START_S
            )
    finally:
        engine.stop()


def _write_anew(engine: Engine) -> float:
    began = time.perf_counter()
    engine.system.database.compact()
    return time.perf_counter() - began


def _memory(name: str, served: Served) -> Figure:
    used = memory_mb(served.process.pid)
    return Figure(name=name, rounds=[used], unit='MB', target=MEMORY_MB)


def _get(served: Served, address: str) -> None:
    served.http.get(address, headers=BEARER).raise_for_status()


def _put(served: Served, address: str, number: int) -> None:
    fields = {'note': f'note {number}'} if 'backups' in address else {'name': f'renamed {number}'}
    served.http.put(address, headers=BEARER, json=fields).raise_for_status()


def measure(folder: Path) -> Iterator[Figure]:
    """Fill a data folder, unless that was done before, and measure."""
    data = folder / 'data'
    if not data.exists():
        began = time.perf_counter()
        fill(data, clients=CLIENTS, jobs=JOBS, backups=BACKUPS)
        sys.stdout.write(f'filled in {time.perf_counter() - began:.0f} s\n')
    yield from of_the_server(folder)
    yield from of_the_engine(data)


def main() -> None:
    """Measure and print a table; the exit code tells whether all targets are met."""
    missed = 0
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(f'{"":46} {"fastest":>9} {"median":>9} {"slowest":>9} {"below":>10}\n')
        for figure in measure(Path(sys.argv[1] if len(sys.argv) > 1 else made)):
            sys.stdout.write(f'{figure}\n')
            sys.stdout.flush()
            missed += figure.value >= figure.target
    sys.stdout.write(f'{missed} targets missed\n' if missed else 'all targets met\n')
    sys.exit(bool(missed))


if __name__ == '__main__':
    main()
