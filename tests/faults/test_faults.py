"""Whatever is killed at whatever moment: records tell the truth, snapshots are whole, older ones unchanged, the next run completes.

FAULT_ROUNDS (8) sets how often, FAULT_SEED which series of edits and moments; it is printed where a test fails.
"""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plumbus.backup.manifest import FILE_NAME as MANIFEST
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.backup.verify import Comparison
from plumbus.errors import StoreError
from plumbus.store.database import Database
from plumbus.transfer.children import Children
from tests.support.engines import until
from tests.support.facts import Facts, facts, same, unchanged
from tests.support.marks import needs_root
from tests.support.processes import lives, running
from tests.support.served import Served
from tests.support.sshd import Sshd
from tests.support.truth import digests, misfits
from tests.support.zoo import give

pytestmark = [pytest.mark.faults, needs_root]
ROUNDS = int(os.environ.get('FAULT_ROUNDS', '8'))
SEED = int(os.environ.get('FAULT_SEED') or random.SystemRandom().randrange(10**6))
VICTIMS = ('PLUMBUS', 'rsync', 'ssh', 'rsync over there', 'sshd')
LATEST_S = 2.2
BIG = 2 * 2**20
WAIT_S = 60


@pytest.fixture
def source(sshd: Sshd) -> Iterator[Path]:
    """A folder of the client with some small files and a big one, so that there is something to interrupt."""
    folder = sshd.folder / f'faults-{os.getpid()}'
    folder.mkdir()
    for number in range(200):
        (folder / f'{number % 7}').mkdir(exist_ok=True)
        (folder / f'{number % 7}' / f'file-{number:03}').write_bytes(os.urandom(2000))
    (folder / 'big').write_bytes(os.urandom(BIG))
    give(folder, *sshd.ids)
    yield folder
    shutil.rmtree(folder)


def edit(folder: Path, chance: random.Random, sshd: Sshd) -> None:
    """A day on the client."""
    files = sorted(path for path in folder.glob('*/*') if path.is_file() and not path.is_symlink())
    for path in chance.sample(files, min(40, len(files))):
        what = chance.random()
        if what < 0.15:
            path.unlink()
        elif what < 0.25:
            path.chmod(chance.choice([0o600, 0o644, 0o755]))
        elif what < 0.35:
            with suppress(FileExistsError):
                os.link(path, path.with_name(f'linked-{chance.randrange(10**6)}'))
        else:
            path.write_bytes(chance.randbytes(chance.randrange(1, 4000)))
    for _ in range(10):
        new = folder / f'{chance.randrange(7)}' / f'new-{chance.randrange(10**6)}'
        new.write_bytes(chance.randbytes(1000))
    (folder / 'big').write_bytes(chance.randbytes(BIG))
    give(folder, *sshd.ids)


def damage(snapshot: Snapshot) -> list[str]:
    """What is not as its manifest says, to PLUMBUS's own eyes and to those of the tests."""
    with snapshot.open_tree() as tree:
        comparison = Comparison(tree, snapshot.manifest, owners=True, moved=lambda: None)
        found = [str(finding) for finding in comparison.findings()]
    return found + misfits(snapshot.path)


@dataclass(slots=True)
class Kept:
    """A snapshot as it was when it was first seen."""

    tree: Facts
    beside: dict[str, bytes]


@dataclass(slots=True)
class Story:
    """One data folder through all the rounds."""

    folder: Path
    sshd: Sshd
    source: Path
    chance: random.Random
    served: Served | None = None
    api: Any = None
    job_id: int = 0
    kept: dict[Path, Kept] = field(default_factory=dict)
    endings: Counter[str] = field(default_factory=Counter)
    saved_bytes: int = 0

    @property
    def data(self) -> Path:
        return self.folder / 'data'

    def begin(self) -> None:
        """Add the client and the job, and make a first good backup."""
        self.start()
        self.sshd.authorize(self.api.get('/api/system/public-key').json()['public_key'])
        login = {'host': self.sshd.host, 'port': self.sshd.port, 'username': self.sshd.user}
        client = self.api.post('/api/clients', json={'name': 'sample', **login}).json()
        fields = {'client_id': client['id'], 'name': 'job', 'source_path': str(self.source), 'retries': 0}
        more = {'retention': {'keep_last': 4}, 'bandwidth_limit_kib': 3000, 'shrink_warning_percent': 0}
        self.job_id = self.api.post('/api/jobs', json={**fields, **more}).json()['job_id']

    def start(self) -> None:
        """Start PLUMBUS; at once no record says that it runs, and nothing of an earlier PLUMBUS does."""
        left = [child.pid for child in Children(self.data / 'run').all()]
        self.served = Served(self.folder)
        self.served.__enter__()
        self.api = self.served.api
        assert [pid for pid in left if lives(pid)] == []
        assert [record['id'] for record in self.records('running')] == []

    def end(self) -> None:
        if self.served:
            self.api.close()
            self.served.__exit__()

    def records(self, status: str = '') -> list[dict[str, Any]]:
        """The records of all backups, newest first."""
        found: list[dict[str, Any]] = self.api.get(
            '/api/backups', params={'status': status} if status else {}
        ).json()
        return found

    def broken_run(self, victim: str) -> None:
        """Edit, run, kill someone at a random moment; when it is over, nothing may be untrue."""
        edit(self.source, self.chance, self.sshd)
        backup_id = self.api.post(f'/api/jobs/{self.job_id}/run').json()['backup_id']
        time.sleep(self.chance.uniform(0, LATEST_S))
        self.kill(victim)
        if victim == 'PLUMBUS':
            self.start()
        record = self.ended(backup_id)
        self.endings[f'{victim}: {record["status"]}'] += 1
        assert (record['backup_path'] is not None) == (record['status'] in {'completed', 'warning'}), record
        if record['status'] not in {'completed', 'warning'}:
            assert record['cause'] not in {None, 'internal', 'unknown'}, record
            assert record['error_message'], record
            assert (record['status'] == 'interrupted') == (victim == 'PLUMBUS'), record
        self.check()

    def whole_run(self) -> None:
        """The next run goes on and brings everything."""
        self.ended(self.records()[0]['id']) if self.records() else None
        begun = sum(path.stat().st_size for path in self.data.glob('backups/*/*/.*/partial/*'))
        answer = self.api.post(f'/api/jobs/{self.job_id}/run', params={'wait': WAIT_S}).json()
        assert answer['status'] == 'completed', answer
        self.saved_bytes += begun
        assert answer['transferred_bytes'] <= answer['size_bytes']
        tree = self.data / answer['backup_path'] / 'tree' / str(self.source).lstrip('/')
        assert same(facts(self.source), facts(tree)) == []
        self.check()

    def kill(self, victim: str) -> None:
        """Kill one of those who take part in the run that is under way; it may have ended already."""
        assert self.served
        if victim == 'PLUMBUS':
            self.api.close()
            self.served.http.close()
            self.served.kill()
            return
        if victim == 'rsync over there':
            pids = running('rsync', '--server', uid=self.sshd.ids[0])
        elif victim == 'sshd':
            pids = running(f'sshd: {self.sshd.user}')
        else:
            pids = [child.pid for child in Children(self.data / 'run').all() if child.program == victim]
            pids = pids or running(victim, str(self.data))
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def ended(self, backup_id: int) -> dict[str, Any]:
        """The record of a run that has ended; it is waited for."""

        def look() -> dict[str, Any] | None:
            record: dict[str, Any] = self.api.get(f'/api/backups/{backup_id}').json()
            return record if record['status'] not in {'queued', 'running'} else None

        found: dict[str, Any] = until(look, f'the end of backup {backup_id}', WAIT_S)
        return found

    def check(self) -> None:
        """Every snapshot there is what its manifest says and what it was before, and a good record tells of it."""
        assert self.api.get('/api/health').status_code == 200
        Database(self.data / 'db').check_readable()
        told = {
            self.data / record['backup_path']: record for record in self.records() if record['backup_path']
        }
        there = {snapshot.path: snapshot for snapshot in Snapshots(self.data).everything()}
        assert there.keys() <= told.keys()
        for path, snapshot in there.items():
            try:
                self.check_snapshot(snapshot, told[path])
            except (OSError, StoreError):
                if path.exists():  # else retention has just taken it away
                    raise

    def check_snapshot(self, snapshot: Snapshot, record: dict[str, Any]) -> None:
        known = self.kept.setdefault(snapshot.path, Kept(facts(snapshot.tree), digests(snapshot.path)))
        assert unchanged(known.tree, facts(snapshot.tree)) == []
        assert digests(snapshot.path)[MANIFEST] == known.beside[MANIFEST]
        assert damage(snapshot) == []
        assert record['status'] == 'completed'
        written = snapshot.description()['backup']
        for name in ('id', 'status', 'size_bytes', 'file_count', 'backup_path', 'transferred_bytes'):
            assert written[name] == record[name]


@pytest.fixture
def story(tmp_path: Path, sshd: Sshd, source: Path) -> Iterator[Story]:
    told = Story(tmp_path, sshd, source, random.Random(SEED))
    print(f'FAULT_SEED={SEED}')  # noqa: T201 -- shown where the test fails
    try:
        told.begin()
        yield told
    finally:
        told.end()


def test_it_stays_truthful_and_whole_whatever_is_killed(story: Story) -> None:
    """The first run is interrupted, too: it is continued in place, the later ones beside the snapshots."""
    began = time.monotonic()
    for number in range(ROUNDS):
        story.broken_run(VICTIMS[number % len(VICTIMS)])
        if number % 3 != 1:  # now and then two broken runs follow each other
            story.whole_run()
    story.whole_run()
    seconds = time.monotonic() - began
    print(f'{ROUNDS} rounds, {seconds:.0f} s, {story.saved_bytes} bytes resumed', dict(story.endings))  # noqa: T201
    assert running('rsync', str(story.data)) == []
