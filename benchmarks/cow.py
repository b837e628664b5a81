"""What subvolumes are worth on btrfs: a run without changes and the removal of the oldest snapshot, against hard links on the same disk.

usage: .venv/bin/python -m benchmarks.cow [COUNT]        (default 20,000 files; needs root and btrfs-progs; takes a minute or two)
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.arguments import counted
from benchmarks.many_files import make_files
from plumbus.backup import subvolumes
from plumbus.backup.prune import Sweeper
from plumbus.cancellation import Cancellation
from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.btrfs import btrfs, used
from tests.support.engines import back_up, running_engine, tree_of
from tests.support.near import near_clients

ROUNDS = 5
LINE = '{:<34} {:>12} {:>12} {:>8}'


@dataclass(slots=True)
class Way:
    """One way to make snapshots, with its own job, and what was measured of it, round by round."""

    as_subvolumes: bool
    job_id: int
    run_s: list[float] = field(default_factory=list)
    remove_s: list[float] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)

    def round(self, engine: Engine, disk: Path) -> None:
        """One more run without changes; then the oldest snapshot goes."""
        before = used(disk)
        self.run_s.append(timed(lambda: self.run(engine)))
        self.grown.append(used(disk) - before)
        snapshots = engine.backups.snapshots
        oldest = next(snapshot for snapshot in snapshots.everything() if self._is_mine(snapshot.path))
        snapshots.take_away(oldest.path)
        sweeper = Sweeper(snapshots=snapshots, settle=lambda _: None)
        self.remove_s.append(timed(lambda: sweeper.sweep(Cancellation())))

    def run(self, engine: Engine) -> None:
        """Back up once, this way."""
        runner = engine._runners.backup
        runner.disk = replace(runner.disk, subvolumes=self.as_subvolumes)
        backup = back_up(engine, self.job_id)
        assert backup.status is Status.COMPLETED, backup.error_message
        assert subvolumes.is_subvolume(tree_of(engine, backup)) is self.as_subvolumes

    def _is_mine(self, path: Path) -> bool:
        return path.parent.name.endswith(f'-{self.job_id}')


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main() -> None:
    """Measure both ways and print medians and their ratio."""
    count = counted(__doc__, 20_000)
    with tempfile.TemporaryDirectory(prefix='plumbus-cow-') as name:
        folder = Path(name)
        make_files(folder / 'client', count)
        with (
            btrfs(folder / 'btrfs') as disk,
            near_clients(folder),
            running_engine(disk / 'data', kind=Engine) as engine,
        ):
            show(count, *measured(engine, disk, folder / 'client'))


def measured(engine: Engine, disk: Path, source: Path) -> list[Way]:
    """Measure hard links and subvolumes in turn."""
    client = engine.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
    ways = []
    for as_subvolumes in (False, True):
        fields = {'name': 'job', 'client_id': client.id, 'source_paths': [str(source)]}
        ways.append(Way(as_subvolumes, engine.jobs.create(fields).id))
        ways[-1].run(engine)
        ways[-1].run(engine)
    for number in range(ROUNDS):
        for way in ways if number % 2 else reversed(ways):
            way.round(engine, disk)
    return ways


def show(count: int, links: Way, volumes: Way) -> None:
    """Print the table."""
    print(LINE.format(f'{count:,} files on btrfs', 'hard links', 'subvolumes', 'ratio'))
    for what, one, other, unit in (
        ('a run without changes', links.run_s, volumes.run_s, 's'),
        ('the oldest snapshot removed', links.remove_s, volumes.remove_s, 's'),
        ('a run without changes takes', links.grown, volumes.grown, 'KB'),
    ):
        a, b = statistics.median(one), statistics.median(other)
        told = [f'{value:.3f} s' if unit == 's' else f'{value / 1000:.0f} KB' for value in (a, b)]
        print(LINE.format(what, *told, f'{b / a:.2f}'))


if __name__ == '__main__':
    main()
