"""The plan of a restore made from the tree of a snapshot is that of a dry run of rsync, for all kinds of files and names."""

import os
import subprocess
from pathlib import Path

import orjson
import pytest

from plumbus.backup.changes import Plan, Planned
from plumbus.backup.destination import Order
from plumbus.backup.fresh import Fresh
from plumbus.backup.listing import OutputReader
from plumbus.backup.snapshots import Snapshot
from plumbus.transfer.rsync import Options, environment, push_arguments
from tests.support.marks import needs_root
from tests.support.sshd import IS_ROOT
from tests.support.zoo import make_zoo

PLACE = 'home/pi/zoo'
SEAL = 'seal' * 4


def alike(plan: list[Planned]) -> list[Planned]:
    """A plan without what is no part of it: its order, and how large folders are."""
    return sorted(one._replace(size=0) if one.kind == 'folder' else one for one in plan)


@pytest.fixture(params=['real', 'fake-super'])
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> Snapshot:
    """A snapshot of the zoo, as a run with root keeps it and as one without."""
    make_zoo(tmp_path / 'client' / PLACE, root=IS_ROOT)
    tree = tmp_path / 'snapshot' / 'tree'
    faked = ['--fake-super'] if request.param == 'fake-super' else []
    tree.parent.mkdir()
    subprocess.run(
        ['rsync', '-aHAX', '--numeric-ids', *faked, f'{tmp_path}/client/', f'{tree}/'],
        check=True,
        timeout=60,
    )
    description = {'backup': {'owners': request.param}}
    (tree.parent / 'backup.json').write_bytes(orjson.dumps(description))
    return Snapshot(tree.parent)


def told_by_rsync(snapshot: Snapshot, order: Order, folder: Path) -> list[Planned]:
    options = Options(fake_super=snapshot.owners == 'fake-super', secluded=False, timeout_s=0, seal=SEAL)
    argv = push_arguments(
        options, '', '', order.tree, order.paths, order.target, relative=order.relative, dry_run=True
    )
    done = subprocess.run(argv, env=environment(folder), capture_output=True, timeout=60, check=True)
    with Plan(order.target, folder) as plan:
        OutputReader(plan.take, lambda _, __: None, SEAL)(done.stdout.split(b'\n'))
        return list(plan)


def told_by_the_tree(snapshot: Snapshot, order: Order, folder: Path) -> list[Planned]:
    with Plan(order.target, folder) as plan:
        Fresh(snapshot=snapshot, order=order, whole=False).note(plan)
        return list(plan)


@pytest.mark.parametrize('relative', [True, False])
@pytest.mark.parametrize(
    'chosen',
    [
        [PLACE],
        [f'{PLACE}/contents/text'],
        [f'{PLACE}/links/dangling', f'{PLACE}/special/fifo', f'{PLACE}/hard', f'{PLACE}/times/2100'],
        [f'{PLACE}/names', f'{PLACE}/names/*', f'{PLACE}/hard/leader'],
    ],
    ids=['all', 'file', 'several', 'one in another'],
)
def test_the_tree_tells_what_a_dry_run_would(
    snapshot: Snapshot, tmp_path: Path, chosen: list[str], relative: bool
) -> None:
    order = Order(
        tree=snapshot.tree,
        paths=[f'/{path}'.encode() for path in chosen],
        target=os.fsencode(tmp_path / 'target'),
        relative=relative,
        delete=False,
    )
    told = alike(told_by_the_tree(snapshot, order, tmp_path))
    assert told == alike(told_by_rsync(snapshot, order, tmp_path))
    assert len(told) >= len(chosen)


@needs_root
def test_devices_are_left_to_a_dry_run(snapshot: Snapshot, tmp_path: Path) -> None:
    for path, sure in ((f'/{PLACE}/special', False), (f'/{PLACE}/special/fifo', True)):
        order = Order(tree=snapshot.tree, paths=[path.encode()], target=b'/x', relative=False, delete=False)
        assert (Fresh(snapshot=snapshot, order=order, whole=False).coming() is not None) is sure


def test_it_knows_how_much_room_holes_take(snapshot: Snapshot, tmp_path: Path) -> None:
    path = f'/{PLACE}/contents/sparse'.encode()
    subprocess.run(['fallocate', '--dig-holes', snapshot.tree / os.fsdecode(path[1:])], check=True)
    order = Order(tree=snapshot.tree, paths=[path], target=b'/x', relative=False, delete=False)
    coming = Fresh(snapshot=snapshot, order=order, whole=False).coming()
    assert coming is not None
    assert (coming.files, coming.content) == (1, 8 * 2**20)
    assert coming.last_file == b'/x/sparse'
    assert 0 < coming.room[b'/x'] < 2**20
