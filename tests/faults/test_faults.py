"""Whatever is killed at whatever moment: records tell the truth, snapshots are whole, older ones unchanged, the next run completes.

FAULT_ROUNDS (4) sets how often, FAULT_SEED which series of edits and moments.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.backup.verify import Comparison
from plumbus.transfer.children import Children
from tests.support.engines import differences
from tests.support.marks import needs_root
from tests.support.processes import running
from tests.support.served import Served
from tests.support.sshd import Sshd

ROUNDS = int(os.environ.get('FAULT_ROUNDS', '4'))
SEED = int(os.environ.get('FAULT_SEED', '1'))
VICTIMS = ('PLUMBUS', 'rsync', 'ssh', 'rsync over there')
LATEST_S = 2.0
WAIT_S = 60


@pytest.fixture
def source(sshd: Sshd) -> Iterator[Path]:
    """A folder of the client with some small files and a big one, so that there is something to interrupt."""
    folder = sshd.folder / f'faults-{os.getpid()}'
    folder.mkdir()
    for number in range(300):
        (folder / f'file-{number:03}').write_bytes(os.urandom(2000))
    (folder / 'big').write_bytes(os.urandom(2 * 2**20))
    yield folder
    shutil.rmtree(folder)


def edit(folder: Path, chance: random.Random) -> None:
    """A day on the client."""
    for number in chance.sample(range(300), 40):
        path = folder / f'file-{number:03}'
        if path.exists() and chance.random() < 0.2:
            path.unlink()
        else:
            path.write_bytes(chance.randbytes(chance.randrange(1, 4000)))
    (folder / 'big').write_bytes(chance.randbytes(2 * 2**20))


def kill(victim: str, served: Served, sshd: Sshd) -> None:
    """Kill one of those who take part in the run that is under way; it may have ended already."""
    if victim == 'PLUMBUS':
        served.kill()
        return
    if victim == 'rsync over there':
        pids = running('rsync', '--server', uid=sshd.ids[0])
    else:
        pids = [child.pid for child in Children(served.data / 'run').all() if child.program == victim]
        pids = pids or running(victim, str(served.data))
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def snapshots_in(data: Path) -> list[Snapshot]:
    return list(Snapshots(data).everything())


def fingerprints(data: Path) -> dict[str, str]:
    """Every manifest's bytes in short."""
    return {
        str(snapshot.path): hashlib.sha256(snapshot.manifest.read_bytes()).hexdigest()
        for snapshot in snapshots_in(data)
    }


def damage(data: Path) -> list[str]:
    """What is not as its manifest says, in any snapshot."""
    found = []
    for snapshot in snapshots_in(data):
        with snapshot.open_tree() as tree:
            comparison = Comparison(tree, snapshot.manifest, owners=True, moved=lambda: None)
            found += [f'{snapshot.path.name}: {finding}' for finding in comparison.findings()]
    return found


class Story:
    """One data folder through all the rounds."""

    def __init__(self, folder: Path, sshd: Sshd, source: Path, chance: random.Random) -> None:
        self.folder, self.sshd, self.source, self.chance = folder, sshd, source, chance
        self.job: dict[str, Any] = {}

    def begin(self) -> None:
        """Add the client and the job, and make a first good backup."""
        with Served(self.folder) as served, served.api as api:
            self.sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
            login = {'host': self.sshd.host, 'port': self.sshd.port, 'username': self.sshd.user}
            client = api.post('/api/clients', json={'name': 'sample', **login}).json()
            fields = {'client_id': client['id'], 'name': 'job', 'source_path': str(self.source), 'retries': 0}
            keep = {'keep_last': 4}
            self.job = api.post(
                '/api/jobs', json={**fields, 'retention': keep, 'bandwidth_limit_kib': 2000}
            ).json()
        self.complete()

    def interrupted_round(self, victim: str) -> None:
        """Edit, run, kill someone at a random moment; when it is over, nothing may be untrue."""
        edit(self.source, self.chance)
        with Served(self.folder) as served, served.api as api:
            backup = api.post(f'/api/jobs/{self.job["id"]}/run').json()['backup_id']
            Event().wait(self.chance.uniform(0, LATEST_S))
            kill(victim, served, self.sshd)
            if victim != 'PLUMBUS':
                self.ended(api, backup)
        with Served(self.folder) as served, served.api as api:
            record = self.ended(api, backup)
            assert (record['backup_path'] is not None) == (record['status'] in {'completed', 'warning'}), (
                record
            )
            assert api.get('/api/health').status_code == 200

    def ended(self, api: Any, backup: int) -> dict[str, Any]:
        """The record of a run that has ended; it is waited for."""
        ended = Event()
        for _ in range(WAIT_S * 10):
            record: dict[str, Any] = api.get(f'/api/backups/{backup}').json()
            if record['status'] not in {'queued', 'running'}:
                return record
            ended.wait(0.1)
        raise AssertionError(f'backup {backup} still says {record["status"]}')

    def complete(self) -> None:
        """The next run goes on and brings everything."""
        with Served(self.folder) as served, served.api as api:
            answer = api.post(f'/api/jobs/{self.job["id"]}/run', params={'wait': WAIT_S}).json()
            assert answer['status'] == 'completed', answer
            tree = served.data / answer['backup_path'] / 'tree' / str(self.source).lstrip('/')
            assert differences(self.source, tree) == ''


@needs_root
def test_it_stays_truthful_and_whole_whatever_is_killed(tmp_path: Path, sshd: Sshd, source: Path) -> None:
    chance = random.Random(SEED)
    subprocess.run(['chown', '-R', f'{sshd.ids[0]}:{sshd.ids[1]}', source], check=True)
    story = Story(tmp_path, sshd, source, chance)
    story.begin()
    for number in range(ROUNDS):
        before = fingerprints(tmp_path / 'data')
        story.interrupted_round(VICTIMS[number % len(VICTIMS)])
        after = fingerprints(tmp_path / 'data')
        assert {path: after[path] for path in before if path in after} == {
            path: told for path, told in before.items() if path in after
        }
        assert damage(tmp_path / 'data') == []
        story.complete()
    assert damage(tmp_path / 'data') == []
