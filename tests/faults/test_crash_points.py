"""PLUMBUS dies before any one of its steps on the disk: afterwards nothing is untrue or lost, and the next run completes.

FAULT_ROUNDS (8) tries so many of the steps of each run, FAULT_ROUNDS=1000 all of them. FAULT_SEED chooses which.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.edits import World
from tests.support.engines import back_up, running_engine, until
from tests.support.facts import Facts, facts, same
from tests.support.marks import needs_root
from tests.support.near import near_clients
from tests.support.truth import untruths

pytestmark = [pytest.mark.faults, needs_root]
ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get('FAULT_ROUNDS', '8'))
SEED = int(os.environ.get('FAULT_SEED') or random.SystemRandom().randrange(10**6))
NEVER = 10**9


def crash(folder: Path, job_id: int, step: int) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, '-m', 'tests.support.crashing', str(folder), str(job_id), str(step)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def over_before(step: int, told: str) -> bool:
    """Whether the run ended well before that step: threads meet each other differently, so it takes some steps more or less."""
    count, _, rest = told.partition(' ')
    return rest == 'completed\n' and int(count) < step


def some_days(world: World, chance: random.Random, count: int) -> None:
    """Edits of every kind; sources and excludes stay."""
    names = [
        'create',
        'create',
        'write',
        'edit in place',
        'append',
        'replace',
        'chmod',
        'link',
        'delete',
        'rename',
        'become',
        'retarget',
    ]
    for _ in range(count):
        world.apply(chance.choice(names), *(chance.randrange(1000) for _ in range(3)))


def copy_tree(source: Path, target: Path) -> None:
    """With its hard links."""
    subprocess.run(['cp', '-a', '--', str(source), str(target)], check=True)


class Laboratory:
    """A data folder as it was before a run, to be spoilt again and again."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.template, self.folder = folder / 'template', folder / 'now'
        self.template.mkdir()
        self.world = World(folder / 'client', folder / 'nowhere')
        self.chance = chance
        self.job_id = 0
        self.keep_last = 0

    def prepare(self, runs: int, keep_last: int) -> None:
        """Make that many backups, with edits before each; the next run then keeps that many of them all."""
        self.keep_last = keep_last
        with near_clients(self.template), running_engine(self.template / 'data') as engine:
            client = engine.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
            fields = {'source_paths': [str(self.world.root)], 'retries': 0, 'shrink_warning_percent': 0}
            self.job_id = engine.jobs.create({'client_id': client.id, 'name': 'job', **fields}).id
            for _ in range(runs):
                some_days(self.world, self.chance, 25)
                assert back_up(engine, self.job_id).status is Status.COMPLETED
            engine.jobs.update(self.job_id, {'retention': {'keep_last': keep_last}})
        some_days(self.world, self.chance, 25)

    def steps(self) -> list[int]:
        """Some of the steps of the next run."""
        copy_tree(self.template, self.folder)
        done = crash(self.folder, self.job_id, NEVER)
        assert done.stdout.endswith('completed\n'), done.stderr
        everything = range(1, int(done.stdout.split()[0]) + 1)
        return sorted(self.chance.sample(everything, min(ROUNDS, len(everything))))

    def try_step(self, step: int) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        copy_tree(self.template, self.folder)
        before = trees(self.folder)
        died = crash(self.folder, self.job_id, step)
        assert died.returncode == -signal.SIGKILL or over_before(step, died.stdout), f'step {step}: {died}'
        with near_clients(self.folder), running_engine(self.folder / 'data') as engine:
            until(
                lambda: not engine.backups.page(status='queued,running').total, 'the end of what was queued'
            )
            assert self.lies(engine) == [], f'step {step}'
            assert self.kept(before) == [], f'step {step}'
            self.complete(engine, step)
            assert self.kept(before) == [], f'step {step}'

    def kept(self, before: dict[str, Facts]) -> list[str]:
        """A line for every snapshot that is not as it was; all but the last ones may be gone where not all are kept."""
        now = trees(self.folder)
        missing = before.keys() - now.keys()
        lines = [f'{path} changed' for path in before.keys() & now.keys() if before[path] != now[path]]
        return lines + ([] if self.keep_last or not missing else [f'{path} is gone' for path in missing])

    def complete(self, engine: Engine, step: int) -> None:
        backup = back_up(engine, self.job_id)
        assert (backup.status, backup.warnings) == (Status.COMPLETED, []), (
            f'step {step}: {backup.error_message}'
        )
        tree = engine.settings.data_dir / str(backup.backup_path) / 'tree'
        assert same(facts(self.world.root), facts(tree / str(self.world.root)[1:])) == [], f'step {step}'
        assert self.lies(engine) == [], f'step {step}'

    def lies(self, engine: Engine) -> list[str]:
        """What is not true, once old snapshots are gone: that goes on in the background."""
        if self.keep_last:
            snapshots = engine.backups.snapshots
            until(
                lambda: len(list(snapshots.everything())) <= self.keep_last and not snapshots.taken_away(),
                'the removal',
                10,
            )
        return untruths(engine)


def trees(folder: Path) -> dict[str, Facts]:
    """The facts of every snapshot's tree; inodes are others after a copy, but stay from then on."""
    return {str(path): facts(path) for path in folder.glob('data/backups/*/*/2*/tree')}


@pytest.mark.parametrize(('runs', 'keep_last'), [(0, 0), (2, 0), (3, 1)])
def test_it_may_die_at_any_step(tmp_path: Path, runs: int, keep_last: int) -> None:
    print(f'FAULT_SEED={SEED}')  # noqa: T201 -- shown where the test fails
    laboratory = Laboratory(tmp_path, random.Random(SEED + runs))
    laboratory.prepare(runs, keep_last)
    steps = laboratory.steps()
    for step in steps:
        laboratory.try_step(step)
    print(f'{len(steps)} steps tried, the last is {steps[-1]}')  # noqa: T201
