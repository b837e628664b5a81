"""The disk under PLUMBUS fills up, runs out of inodes, turns read-only or goes away in the middle of a run."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.engine import Engine
from plumbus.model import Backup, Status
from tests.faults.conftest import BIG
from tests.support.engines import add_client, back_up, copy_of, job_for, running_engine, tree_of, until, write
from tests.support.facts import Facts, facts, same, unchanged
from tests.support.gate import Gate
from tests.support.marks import needs_root
from tests.support.sshd import Sshd
from tests.support.truth import untruths

pytestmark = [pytest.mark.faults, needs_root]
SIZE = 32 * 2**20
INODES = 1500


@dataclass(slots=True)
class Disk:
    """A small one of its own, mounted somewhere in the data folder, and what may become of it."""

    place: Path
    store: Path
    below: list[Path] = field(default_factory=list)

    def mount(self) -> None:
        for folder in (self.place, self.store):
            folder.mkdir(parents=True)
        _run('mount', '-t', 'tmpfs', '-o', f'size={SIZE},nr_inodes={INODES}', 'tmpfs', str(self.store))
        _run('mount', '--bind', str(self.store), str(self.place))

    def unmount(self) -> None:
        _run('umount', '--lazy', str(self.place))
        _run('umount', '--lazy', str(self.store))

    def fill(self) -> None:
        with suppress(OSError), (self.store / 'filler').open('wb', buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def use_up_inodes(self) -> None:
        with suppress(OSError):
            for number in range(INODES):
                (self.store / f'filler-{number}').touch()

    def turn_read_only(self) -> None:
        """Seen from here: a file that is open for writing would keep all of it from that (mount(8), remount)."""
        _run('mount', '--bind', str(self.place), str(self.place))
        _run('mount', '-o', 'remount,bind,ro', str(self.place))

    def go_away(self) -> None:
        """The folder below shows; who has something of the disk open keeps it."""
        _run('umount', '--lazy', str(self.place))

    def mend(self) -> None:
        """Make it a good disk again."""
        if os.statvfs(self.place).f_flag & os.ST_RDONLY:
            _run('umount', str(self.place))
        if not self.place.is_mount():
            self.below = list(self.place.iterdir())
            _run('mount', '--bind', str(self.store), str(self.place))
        for filler in self.store.glob('filler*'):
            filler.unlink()


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, timeout=60)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """Where in the folder of the test the small disk is mounted."""
    return str(request.param)


@pytest.fixture
def disk(place: str, tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / place, tmp_path / 'disk')
    made.mount()
    yield made
    made.mend()
    made.unmount()


@pytest.fixture
def engine(tmp_path: Path, disk: Disk) -> Iterator[Engine]:
    with running_engine(tmp_path / 'data', disk_reserve_percent=0) as running:
        yield running


@pytest.fixture
def gate(engine: Engine, sshd: Sshd, tmp_path: Path) -> Gate:
    """A client with a gate."""
    folder = sshd.folder / f'gate-{tmp_path.name}'
    folder.mkdir()
    os.chown(folder, *sshd.ids)
    made = Gate(folder)
    add_client(engine, sshd)
    environment = sshd.path_with(scripts={'rsync': made.script})
    sshd.authorized_keys.write_text('')
    sshd.authorize(engine.system.public_key().public_key, environment=environment)
    return made


TOLD = {
    'fill': (
        'disk_full',
        'The disk of the data folder is full. Free space there, keep fewer snapshots, or use a larger disk.',
    ),
    'use_up_inodes': (
        'inodes_full',
        (
            'The disk of the data folder takes no more files: it is full, or out of inodes. '
            'Free space there, keep fewer snapshots, or use a larger disk. df -h and df -i tell which it is.'
        ),
    ),
    'turn_read_only': (
        'read_only',
        (
            'The file system of the data folder is read-only. '
            'Mount it writable; if it turned read-only by itself, its disk may be failing (dmesg tells).'
        ),
    ),
    'go_away': (
        'data_missing',
        (
            'The disk with the snapshots is not mounted in the data folder. '
            'Mount it and try again. If it is new on purpose, make an empty file backups/.plumbus-store on it and restart.'
        ),
    ),
}


LOG = 'PLUMBUS cannot use logs/backup-2.log in its data folder:'
LOG_TOLD = [  # where the log lies on that disk, it may be the first to notice
    (
        'disk_full',
        f'{LOG} the disk is full. Free some space there, for instance by deleting old backups.',
    ),
    (
        'read_only',
        f'{LOG} the file system is read-only. Check the disk for errors and mount it writable.',
    ),
]


@dataclass(slots=True)
class Scene:
    """A job with a good backup, and much to fetch for the next one."""

    engine: Engine
    gate: Gate
    disk: Disk
    source: Path
    job_id: int
    known: Backup
    kept: Facts

    def spoilt_run(self, what: str) -> Backup:
        """Run the job, spoil its disk between scan and transfer, and mend that when the run is over."""
        self.gate.close()
        backup = self.engine.jobs.run(self.job_id)
        self.gate.until_reached()
        getattr(self.disk, what)()
        self.gate.open()
        return self.mended(backup)

    def mended(self, backup: Backup) -> Backup:
        """Wait for the end of the run, mend the disk, and return the record."""
        until(lambda: not self.engine.reconciler.queue.tickets(), 'the end of the run')
        self.disk.mend()
        self.engine.reconciler.look()
        return self.engine.backups.get(backup.id)

    def check_next(self) -> None:
        """The next run brings everything, and what was there before is as it was."""
        assert untruths(self.engine) == []
        backup = back_up(self.engine, self.job_id)
        assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
        assert same(facts(self.source), facts(copy_of(self.engine, backup, self.source))) == []
        assert unchanged(self.kept, facts(tree_of(self.engine, self.known))) == []
        assert untruths(self.engine) == []


@pytest.fixture
def scene(engine: Engine, gate: Gate, disk: Disk, source: Path, sshd: Sshd) -> Scene:
    job_id = job_for(engine, sshd, source, retries=0).id
    known = back_up(engine, job_id)
    kept = facts(tree_of(engine, known))
    (source / 'z-big').write_bytes(os.urandom(BIG))
    for number in range(40):
        write(source / f'b{number:02}', f'new {number}', sshd)
    return Scene(engine, gate, disk, source, job_id, known, kept)


@pytest.mark.parametrize('place', ['data', 'data/backups'], indirect=True)
@pytest.mark.parametrize('what', ['fill', 'use_up_inodes', 'turn_read_only'])
def test_a_run_whose_disk_fails_says_why_and_the_next_one_completes(scene: Scene, what: str) -> None:
    broken = scene.spoilt_run(what)
    assert broken.status is Status.FAILED
    assert (broken.cause, broken.error_message) in {TOLD[what], *LOG_TOLD}
    scene.check_next()


@pytest.mark.parametrize('place', ['data/backups'], indirect=True)
def test_a_run_whose_disk_goes_away_writes_nothing_below_it(scene: Scene) -> None:
    broken = scene.spoilt_run('go_away')
    assert (broken.status, broken.cause, broken.error_message) == (Status.FAILED, *TOLD['go_away'])
    assert scene.disk.below == []
    scene.check_next()


@pytest.mark.parametrize('place', ['data'], indirect=True)
@pytest.mark.parametrize('what', ['fill', 'use_up_inodes', 'turn_read_only'])
def test_a_snapshot_that_has_its_name_is_a_good_backup_even_if_nothing_can_be_written_any_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    publish = Snapshots.publish

    def published(*given: Any) -> Snapshot:
        made = publish(*given)
        getattr(scene.disk, what)()
        return made

    monkeypatch.setattr(Snapshots, 'publish', published)
    backup = scene.mended(scene.engine.jobs.run(scene.job_id))
    monkeypatch.undo()
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    scene.check_next()
