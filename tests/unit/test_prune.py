"""What was taken away is removed from the disk, whatever it looks like; what shares its files keeps them as they are."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from plumbus.backup.prune import Sweeper
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, StoreError
from tests.support.unprivileged import AS_NOBODY, ENVIRONMENT, NOBODY, python_for_nobody

NAMES = ('2026-11-22T020000Z', '2026-11-23T020000Z')
AS_SOMEBODY = """
import sys
from pathlib import Path
from plumbus.backup.prune import Sweeper
from plumbus.backup.snapshots import Snapshots
from plumbus.cancellation import Cancellation
Sweeper(snapshots=Snapshots(Path(sys.argv[1])), settle=lambda _: None).sweep(Cancellation())
"""


class Settled(list[str]):
    """Remembers what it was told of; `failing` of the next calls fail."""

    failing = 0

    def __call__(self, snapshot: Snapshot) -> None:
        if self.failing:
            self.failing -= 1
            raise StoreError('The disk is full.')
        self.append(snapshot.path.name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where nobody may go too; the folders of pytest are closed."""
    made = Path(tempfile.mkdtemp(prefix='plumbus-prune-'))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def snapshots(folder: Path) -> Snapshots:
    """Two snapshots of a job, which share a file."""
    made = Snapshots(folder)
    for number, name in enumerate(NAMES):
        tree = made.root / 'c-1' / 'j-1' / name / 'tree'
        (tree / 'deep' / 'closed').mkdir(parents=True)
        (tree / 'deep' / 'closed' / 'own').write_text(name)
        (tree.parent / 'backup.json').write_bytes(orjson.dumps({'backup': {'id': number + 1}}))
    first, second = (folder_of(made, place) / 'tree' / 'deep' / 'shared' for place in (0, 1))
    first.write_text('shared')
    first.chmod(0o400)
    os.link(first, second)
    return made


def folder_of(snapshots: Snapshots, place: int) -> Path:
    return snapshots.root / 'c-1' / 'j-1' / NAMES[place]


def names_in(snapshots: Snapshots) -> list[str]:
    return sorted(path.name for path in (snapshots.root / 'c-1' / 'j-1').iterdir())


def test_it_removes_what_was_taken_away_and_tells_of_it(snapshots: Snapshots) -> None:
    settled = Settled()
    snapshots.take_away(folder_of(snapshots, 0))
    Sweeper(snapshots=snapshots, settle=settled).sweep(Cancellation())
    assert names_in(snapshots) == [NAMES[1]]
    assert set(settled) == {f'.deleting-{NAMES[0]}'}
    shared = folder_of(snapshots, 1) / 'tree' / 'deep' / 'shared'
    assert (shared.read_text(), shared.stat().st_nlink) == ('shared', 1)


def test_it_removes_jobs_and_remains_of_runs_as_well(snapshots: Snapshots) -> None:
    settled = Settled()
    (snapshots.root / 'c-1' / 'j-2' / '.incomplete' / 'tree').mkdir(parents=True)
    snapshots.take_away(snapshots.root / 'c-1' / 'j-2' / '.incomplete')
    snapshots.take_away(snapshots.root / 'c-1' / 'j-1')
    Sweeper(snapshots=snapshots, settle=settled).sweep(Cancellation())
    assert [path.name for path in snapshots.root.glob('*/*')] == ['j-2']
    assert [path.name for path in snapshots.root.glob('*/*/*')] == []
    assert settled == []


def test_what_says_whose_it_was_stays_until_the_record_tells_the_truth(snapshots: Snapshots) -> None:
    settled = Settled()
    settled.failing = 2
    sweeper = Sweeper(snapshots=snapshots, settle=settled)
    taken = snapshots.take_away(folder_of(snapshots, 0))
    assert taken
    sweeper.sweep(Cancellation())
    assert [path.name for path in taken.iterdir()] == ['backup.json']
    sweeper.sweep(Cancellation())
    assert names_in(snapshots) == [NAMES[1]]


def test_it_stops_when_asked_and_goes_on_later(snapshots: Snapshots) -> None:
    sweeper = Sweeper(snapshots=snapshots, settle=Settled())
    snapshots.take_away(folder_of(snapshots, 0))
    stopped = Cancellation()
    stopped.cancel('interrupted')
    with pytest.raises(Cancelled):
        sweeper.sweep(stopped)
    assert len(names_in(snapshots)) == 2
    sweeper.sweep(Cancellation())
    assert names_in(snapshots) == [NAMES[1]]


def test_one_that_cannot_be_removed_does_not_keep_the_others(
    snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    for place in (0, 1):
        snapshots.take_away(folder_of(snapshots, place))
    settled = Settled()
    settled.failing = 2
    Sweeper(snapshots=snapshots, settle=settled).sweep(Cancellation())
    assert names_in(snapshots) == [f'.deleting-{NAMES[0]}']
    assert 'is left for later: The disk is full.' in caplog.text


def test_it_removes_very_deep_folders_and_strange_names(snapshots: Snapshots) -> None:
    place = os.open(folder_of(snapshots, 0) / 'tree', os.O_RDONLY)
    for _ in range(2000):
        os.mkdir('d', dir_fd=place)
        deeper = os.open('d', os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(place)
    tree = os.fsencode(folder_of(snapshots, 0) / 'tree')
    os.symlink('/', tree + b'/-rf')
    os.mkfifo(tree + b'/\xff\n*')
    snapshots.take_away(folder_of(snapshots, 0))
    Sweeper(snapshots=snapshots, settle=Settled()).sweep(Cancellation())
    assert names_in(snapshots) == [NAMES[1]]


def test_without_root_closed_folders_go_too_and_shared_files_keep_their_mode(snapshots: Snapshots) -> None:
    python = python_for_nobody()
    if os.geteuid() or python is None:
        pytest.skip('needs root to become nobody, and a Python that nobody may run')
    subprocess.run(['chown', '-R', f'{NOBODY}:{NOBODY}', snapshots.root], check=True)
    taken = snapshots.take_away(folder_of(snapshots, 0))
    assert taken
    (taken / 'tree' / 'deep' / 'closed').chmod(0)
    (taken / 'tree' / 'deep').chmod(0o500)
    shared = folder_of(snapshots, 1) / 'tree' / 'deep' / 'shared'
    before = shared.stat()
    subprocess.run(
        [*AS_NOBODY, python, '-c', AS_SOMEBODY, snapshots.data_dir],
        cwd='/', env={**os.environ, **ENVIRONMENT}, check=True, timeout=60,
    )  # fmt: skip
    assert names_in(snapshots) == [NAMES[1]]
    after = shared.stat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (
        before.st_ino,
        before.st_mode,
        before.st_mtime_ns,
    )
