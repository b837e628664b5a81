"""backup.json: what is written comes back, and what cannot be right is refused in words."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from plumbus.backup.description import describe, read_description
from plumbus.backup.snapshots import Snapshot
from plumbus.errors import StoreError
from plumbus.model import Backup, Client, Job, Progress, Retention, Status

KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'
CLIENT = Client(id=3, name='web', host='web.lan', username='backup', jump_client_id=5)
JUMP = Client(id=5, name='door', host='door.lan', username='backup')
JOB = Job(id=7, client_id=3, name='etc', source_paths=['/etc'], retention=Retention(keep_daily=7))
BACKUP = Backup(id=11, job_id=7, client_id=3, status=Status.COMPLETED, progress=Progress())


def written(folder: Path, **changes: Any) -> Snapshot:
    """A snapshot whose description is a good one but for the changes, given as path → value ('job.name')."""
    described = describe(BACKUP, JOB, [(CLIENT, KEY), (JUMP, None)])
    for path, value in changes.items():
        *parents, name = path.split('.')
        place = described
        for parent in parents:
            place = place[parent]
        place[name] = value
    (folder / 'backup.json').write_bytes(orjson.dumps(described))
    return Snapshot(folder)


def test_it_brings_back_what_was_written(tmp_path: Path) -> None:
    found = read_description(written(tmp_path))
    assert (found.client, found.job, found.jump_clients) == (CLIENT, JOB, [JUMP])
    assert found.backup == BACKUP.model_copy(update={'progress': None})
    assert found.host_keys == {3: KEY}


def test_it_reads_one_that_names_no_jump_clients_and_host_keys(tmp_path: Path) -> None:
    written(tmp_path)
    told = orjson.loads((tmp_path / 'backup.json').read_bytes())
    del told['jump_clients'], told['host_keys']
    (tmp_path / 'backup.json').write_bytes(orjson.dumps(told))
    found = read_description(Snapshot(tmp_path))
    assert (found.jump_clients, found.host_keys) == ([], {})


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'format': 2}, 'newer PLUMBUS'),
        ({'backup.status': 'splendid'}, 'expected form'),
        ({'backup.status': 'running'}, 'is running'),
        ({'job': None}, 'expected form'),
        ({'backup.id': 0}, 'no ids'),
        ({'job.client_id': 4}, 'does not fit'),
        ({'backup.job_id': 8}, 'does not fit'),
        ({'client.host': '-oProxyCommand=reboot'}, 'host must be'),
        ({'client.username': '-l root'}, 'username must be'),
        ({'job.source_paths': ['relative']}, 'source_paths must be'),
        ({'job.source_paths': []}, 'source_paths'),
        ({'job.timezone': 'Mars/Olympus'}, 'time zone'),
    ],
)
def test_it_refuses_what_cannot_be_right(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(StoreError, match=why):
        read_description(written(tmp_path, **changes))


def test_it_refuses_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match='cannot be read'):
        read_description(Snapshot(tmp_path))
