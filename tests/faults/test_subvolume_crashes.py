"""PLUMBUS dies before any one of its steps on a disk where snapshots are subvolumes: nothing is untrue or lost, the next run completes.

FAULT_ROUNDS (8) tries a third of so many steps, one a day; FAULT_SEED chooses which.
"""

import random
import signal
from pathlib import Path

import pytest

from plumbus.backup import subvolumes
from plumbus.engine import Engine
from plumbus.model import Status
from tests.faults.test_crash_points import ROUNDS, SEED, crash, some_days, trees
from tests.support.btrfs import btrfs
from tests.support.edits import World
from tests.support.engines import back_up, running_engine, tree_of, until
from tests.support.facts import facts, same
from tests.support.marks import needs_root
from tests.support.near import near_clients
from tests.support.truth import untruths

pytestmark = [pytest.mark.faults, needs_root]
KEPT = 3
STEPS = 120  # so many, more or less, has a run; beyond its last one it completes


def settled(engine: Engine) -> None:
    """Nothing runs or waits, and what was taken away is gone."""
    snapshots = engine.backups.snapshots
    until(lambda: not engine.backups.page(status='queued,running').total, 'the end of what was queued')
    until(lambda: not snapshots.taken_away(), 'the removal')


def completes(engine: Engine, job_id: int, world: World) -> None:
    backup = back_up(engine, job_id)
    assert (backup.status, backup.error_message, backup.warnings) == (Status.COMPLETED, None, [])
    tree = tree_of(engine, backup)
    assert subvolumes.is_subvolume(tree)
    assert same(facts(world.root), facts(tree / str(world.root)[1:])) == []
    until(lambda: len(list(engine.backups.snapshots.everything())) <= KEPT, 'the retention that follows')


def test_it_may_die_at_any_step(tmp_path: Path) -> None:
    print(f'FAULT_SEED={SEED}')  # noqa: T201 -- shown where the test fails
    chance = random.Random(SEED)
    with btrfs(tmp_path) as disk, near_clients(disk):
        world = World(tmp_path / 'client', tmp_path / 'nowhere')
        with running_engine(disk / 'data') as engine:
            client = engine.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
            fields = {'source_paths': [str(world.root)], 'retries': 0, 'shrink_warning_percent': 0}
            job_id = engine.jobs.create({'client_id': client.id, 'name': 'job', **fields}).id
            engine.jobs.update(job_id, {'retention': {'keep_last': KEPT}})
        for _ in range(ROUNDS // 3 + 1):
            some_days(world, chance, 25)
            before = trees(disk)
            died = crash(disk, job_id, chance.randint(1, STEPS))
            assert died.returncode == -signal.SIGKILL or died.stdout.endswith('completed\n'), died
            with running_engine(disk / 'data') as engine:
                settled(engine)
                assert untruths(engine) == []
                completes(engine, job_id, world)
                settled(engine)
                assert untruths(engine) == []
            now = trees(disk)
            assert [path for path in before.keys() & now.keys() if before[path] != now[path]] == []
