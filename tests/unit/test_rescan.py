"""A lost database comes back from what lies beside the snapshots."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from plumbus.backup.guards import MARKER, StoreGuard
from plumbus.backup.snapshots import Snapshots
from plumbus.backup.targets import alias_of
from plumbus.errors import Conflict, NotFound, StoreError
from plumbus.model import Backup, Client, Job, Retention
from plumbus.services.rescan import Rescan, Rescanned
from plumbus.services.stock import Stock
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs
from plumbus.transfer.keys import Keys, fingerprint
from tests.support.stored import START, a_client, a_job, keep

KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'
NEWER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP/+/fz7+vn49/b19PPy8fDv7u3s6+rp6Ofm5eTj4uHg'


class Folder:
    """A data folder with the tables that a rescan fills."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path / 'db')
        self.clients = Documents(self.database, 'clients', Client)
        self.jobs = Documents(self.database, 'jobs', Job)
        self.backups = Documents(self.database, 'backups', Backup)
        self.logs = RunLogs(path / 'logs')
        self.keys = Keys(path / 'keys')
        self.stock = Stock(
            database=self.database, backups=self.backups, snapshots=Snapshots(path), logs=self.logs
        )

    def rescan(self, *, merge: bool = False, enable_jobs: bool = True) -> Rescanned:
        return Rescan(stock=self.stock, clients=self.clients, jobs=self.jobs, keys=self.keys).run(
            merge=merge, enable_jobs=enable_jobs
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_it_brings_back_what_was_there(folder: Folder) -> None:
    client = a_client(3, port=2222, use_sudo=True, host_key=fingerprint(KEY), login_uid=7, revision=4)
    job = a_job(
        7, 3, schedule='0 2 * * *', timezone='Europe/Berlin', retention=Retention(keep_daily=7), excludes=['*.tmp']
    )  # fmt: skip
    for number in (11, 12):
        keep(folder.path, number, job, [(client, KEY)], note=f'number {number}', pinned=True)
    result = folder.rescan()
    kept = {'updated_at'}
    assert [one.model_dump(exclude=kept) for one in folder.clients.all()] == [client.model_dump(exclude=kept)]
    assert [one.model_dump(exclude=kept) for one in folder.jobs.all()] == [job.model_dump(exclude=kept)]
    backups = folder.backups.all()
    assert [(one.id, one.note, one.pinned) for one in backups] == [
        (11, 'number 11', True),
        (12, 'number 12', True),
    ]
    assert all(Snapshots(folder.path).at(one.backup_path) for one in backups)
    assert (len(result.clients), len(result.jobs), len(result.backups), result.skipped) == (1, 1, 2, [])
    assert folder.keys.pinned(alias_of(3)) == KEY


def test_it_takes_the_newest_settings(folder: Folder) -> None:
    old, new = a_client(name='old name'), a_client(name='new name')
    keep(folder.path, 1, a_job(name='old job'), [(old, None)])
    keep(folder.path, 3, a_job(name='new job', enabled=False), [(new, None)])
    keep(folder.path, 2, a_job(name='job between'), [(old, None)])
    folder.rescan()
    assert folder.clients.get(1).name == 'new name'
    assert (folder.jobs.get(1).name, folder.jobs.get(1).enabled) == ('new job', False)
    assert [one.id for one in folder.backups.all()] == [1, 2, 3]


def test_it_never_gives_out_an_id_again(folder: Folder) -> None:
    keep(folder.path, 5, a_job(4, 2), [(a_client(2), None)])
    (folder.path / 'backups' / 'gone-9' / 'forgotten-17').mkdir(parents=True)
    folder.logs.append('backup', 23, ['it failed'])
    folder.logs.append('restore', 31, ['x'])
    folder.rescan()
    assert folder.clients.add(a_client(0)).id == 10
    assert folder.jobs.add(a_job(0)).id == 18
    assert folder.backups.add(Backup(job_id=1, client_id=1)).id == 24


def test_not_even_one_of_a_snapshot_that_tells_little(folder: Folder) -> None:
    half = keep(folder.path, 8)
    (half.path / 'manifest.msgpack.zst').unlink()
    assert folder.rescan().backups == []
    assert folder.backups.add(Backup(job_id=1, client_id=1)).id == 9


def test_the_store_takes_backups_afterwards(folder: Folder) -> None:
    keep(folder.path, 1)
    folder.rescan()
    guard = StoreGuard(folder.path / 'backups')
    guard.prepare(holds_snapshots=True)
    guard.check()


def test_it_says_which_secrets_are_missing(folder: Folder) -> None:
    by_password = a_client(1, auth_method='password', has_password=True)
    own_key = a_client(2, has_private_key=True)
    key_file = a_client(3, key_path='/nowhere/id_ed25519')
    plumbus_key = a_client(4)
    for client in (by_password, own_key, key_file, plumbus_key):
        keep(folder.path, client.id, a_job(client.id, client.id), [(client, None)])
    result = folder.rescan()
    assert [one.id for one in result.need_password] == [1]
    assert [one.id for one in result.need_private_key] == [2]
    assert not any(one.has_password or one.has_private_key for one in folder.clients.all())
    assert any('/nowhere/id_ed25519 of web 3 (client 3)' in note for note in result.notes)
    assert any('own SSH key' in note and 'web 4 (client 4)' in note for note in result.notes)


def test_it_says_nothing_of_a_key_that_is_there(folder: Folder) -> None:
    keep(folder.path, 1)
    assert folder.keys.identity_path.exists()
    assert folder.rescan().notes == []


def test_it_brings_back_the_machines_in_between(folder: Folder) -> None:
    client, door = a_client(1, jump_client_id=2), a_client(2, host_key=fingerprint(KEY))
    keep(folder.path, 1, way=[(client, None), (door, KEY)])
    folder.rescan()
    assert [(one.id, one.jump_client_id) for one in folder.clients.all()] == [(1, 2), (2, None)]
    assert folder.keys.pinned(alias_of(2)) == KEY


def test_it_tells_of_a_machine_in_between_that_nobody_noted(folder: Folder) -> None:
    keep(folder.path, 1, way=[(a_client(1, jump_client_id=2), None)])
    result = folder.rescan()
    assert folder.clients.get(1).jump_client_id is None
    assert any('reached through another client' in note for note in result.notes)


def test_a_host_key_that_is_pinned_here_is_the_newest(folder: Folder) -> None:
    folder.keys.pin(alias_of(1), NEWER_KEY)
    keep(folder.path, 1, way=[(a_client(host_key=fingerprint(KEY)), KEY)])
    folder.rescan()
    assert folder.keys.pinned(alias_of(1)) == NEWER_KEY
    assert folder.clients.get(1).host_key == fingerprint(NEWER_KEY)


def test_it_pins_no_key_but_the_one_of_the_record(folder: Folder) -> None:
    keep(folder.path, 1, way=[(a_client(1, host_key=fingerprint(KEY)), NEWER_KEY)])
    keep(folder.path, 2, a_job(2, 2), [(a_client(2, host_key=fingerprint(KEY)), 'no key at all')])
    folder.rescan()
    assert (folder.keys.pinned(alias_of(1)), folder.keys.pinned(alias_of(2))) == (None, None)
    assert folder.clients.get(1).host_key == fingerprint(KEY), 'no other is accepted later'


def test_it_skips_what_is_damaged_and_takes_the_rest(folder: Folder) -> None:
    damaged = [keep(folder.path, number).path for number in range(2, 7)]
    keep(folder.path, 1)
    (damaged[0] / 'backup.json').write_text('{"format": 1, "ba')
    (damaged[1] / 'backup.json').unlink()
    shutil.rmtree(damaged[2] / 'tree')
    (damaged[3] / 'manifest.msgpack.zst').unlink()
    (damaged[4] / 'backup.json').write_text('{"backup": {"id": 6}}')
    (folder.path / 'backups' / 'a file').touch()
    (folder.path / 'backups' / 'web-1-1' / '.deleting-x-1' / '2026-11-23T020000Z').mkdir(parents=True)
    result = folder.rescan()
    assert [one.id for one in folder.backups.all()] == [1]
    assert sorted(one.path for one in result.skipped) == sorted(
        str(path.relative_to(folder.path)) for path in damaged
    )
    assert all(one.reason.endswith('.') for one in result.skipped)


def test_it_skips_a_folder_that_it_may_not_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(folder.path, 1)
    closed = keep(folder.path, 2, a_job(2, 2), [(a_client(2), None)]).path.parent
    read = os.listdir

    def listdir(path: Path) -> list[str]:  # root may read all
        if path == closed:
            raise PermissionError(13, 'Permission denied', str(path))
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, 'listdir', listdir)
        result = folder.rescan()
    assert [one.id for one in folder.backups.all()] == [1]
    assert [(one.path, one.reason) for one in result.skipped] == [
        (str(closed.relative_to(folder.path)), 'It cannot be read: Permission denied.')
    ]


def test_it_touches_no_snapshot(folder: Folder) -> None:
    snapshot = keep(folder.path, 1)

    def state() -> list[tuple[str, int, int]]:
        below = sorted(snapshot.path.rglob('*'))
        return [(str(path), path.stat().st_mtime_ns, path.stat().st_ino) for path in [snapshot.path, *below]]

    before = state()
    folder.rescan()
    assert state() == before


def test_it_takes_a_moved_folder_where_it_lies_now(folder: Folder) -> None:
    snapshot = keep(folder.path, 1)
    client_folder = snapshot.path.parents[1]
    client_folder.rename(client_folder.with_name('another-name-1'))
    folder.rescan()
    path = str(folder.backups.get(1).backup_path)
    assert path.startswith('backups/another-name-1/')
    assert Snapshots(folder.path).at(path).tree.is_dir()


def test_it_takes_a_copied_snapshot_once_and_from_its_own_folder(folder: Folder) -> None:
    snapshot = keep(folder.path, 1)
    copy = folder.path / 'backups' / 'a-copy' / 'of-it' / snapshot.path.name
    shutil.copytree(snapshot.path, copy)
    result = folder.rescan()
    assert folder.backups.get(1).backup_path == str(snapshot.path.relative_to(folder.path))
    assert [one.path for one in result.skipped] == [str(copy.relative_to(folder.path))]
    assert 'copy of backup 1' in result.skipped[0].reason


def test_it_refuses_a_database_that_holds_something(folder: Folder) -> None:
    keep(folder.path, 1)
    folder.clients.add(a_client(0))
    with pytest.raises(Conflict, match='holds 1 client') as refused:
        folder.rescan()
    assert '--merge' in refused.value.remedy
    assert folder.backups.count() == 0


def test_it_merges_what_is_missing_and_leaves_the_rest(folder: Folder) -> None:
    keep(folder.path, 1)
    keep(folder.path, 2)
    folder.rescan()
    folder.clients.edit(1, {'name': 'edited since'})
    folder.jobs.edit(1, {'enabled': False})
    folder.backups.remove(2)
    keep(folder.path, 3, a_job(2, 2), [(a_client(2), None)])
    result = folder.rescan(merge=True)
    assert [one.id for one in result.clients] == [2]
    assert [one.id for one in result.jobs] == [2]
    assert [one.id for one in result.backups] == [2, 3]
    assert (folder.clients.get(1).name, folder.jobs.get(1).enabled) == ('edited since', False)
    assert folder.rescan(merge=True).backups == []


@pytest.mark.parametrize('name', ['config', 'history'])
def test_it_brings_back_either_half_of_the_database(folder: Folder, name: str) -> None:
    keep(folder.path, 1, way=[(a_client(1, jump_client_id=2), None), (a_client(2), None)])
    folder.rescan()
    (folder.path / 'db' / f'{name}.json').unlink()
    again = Folder(folder.path)
    with pytest.raises(Conflict):
        again.rescan()
    again.rescan(merge=True)
    assert [one.id for one in again.clients.all()] == [1, 2]
    assert (again.jobs.get(1).client_id, again.backups.get(1).job_id) == (1, 1)


def test_it_mixes_no_two_things_of_one_id(folder: Folder) -> None:
    mine = folder.clients.add(a_client(0, name='mine', created_at=START + timedelta(days=90)))
    keep(folder.path, 1, a_job(1, mine.id), [(a_client(mine.id, name='of another time'), None)])
    result = folder.rescan(merge=True)
    assert folder.clients.get(mine.id).name == 'mine'
    assert folder.backups.count() == 0
    assert 'another one by now' in result.skipped[0].reason


def test_it_brings_jobs_back_switched_off_if_asked(folder: Folder) -> None:
    keep(folder.path, 1, a_job(schedule='0 2 * * *'))
    assert folder.rescan(enable_jobs=False).jobs[0].enabled is False
    assert folder.jobs.get(1).enabled is False


def test_it_finds_nothing_where_nothing_is(folder: Folder) -> None:
    with pytest.raises(NotFound, match='no snapshots below'):
        folder.rescan()
    assert list(folder.path.iterdir()) == []


def test_it_stores_all_or_nothing(folder: Folder) -> None:
    keep(folder.path, 1)
    (folder.path / 'backups' / MARKER).mkdir()
    (folder.path / 'keys').write_text('no folder')
    with pytest.raises(StoreError):
        folder.rescan()
    assert (folder.clients.count(), folder.jobs.count(), folder.backups.count()) == (0, 0, 0)


def test_it_stores_very_many_in_few_writes(folder: Folder) -> None:
    first = keep(folder.path, 1)
    told = orjson.loads((first.path / 'backup.json').read_bytes())
    for number in range(2, 3001):
        other = first.path.with_name(f'2027-01-01T{number:06d}Z')
        (other / 'tree').mkdir(parents=True)
        os.link(first.manifest, other / first.manifest.name)
        told['backup']['id'] = number
        (other / 'backup.json').write_bytes(orjson.dumps(told))
    before, _, _ = folder.database.write_times.told()
    assert len(folder.rescan().backups) == 3000
    assert folder.database.write_times.told()[0] - before < 10


def test_a_start_uses_no_id_of_a_lost_database(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    keep(folder.path, 5, a_job(4, 2), [(a_client(2), None)])
    folder.stock.prepare()
    assert folder.clients.add(a_client(0)).id == 3
    assert folder.jobs.add(a_job(0)).id == 5
    assert folder.backups.add(Backup(job_id=5, client_id=3, created_at=START)).id == 6
    assert 'nothing of 1 snapshot on the disk' in caplog.text
    assert 'rescan --merge' in caplog.text


def test_a_start_says_nothing_when_all_is_known(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.stock.prepare()
    keep(folder.path, 1)
    folder.rescan()
    folder.stock.prepare()
    assert caplog.text == ''


def test_it_knows_records_without_a_snapshot(folder: Folder) -> None:
    snapshot = keep(folder.path, 1)
    folder.rescan()
    folder.backups.add(Backup(job_id=1, client_id=1))
    assert folder.stock.missing() == []
    shutil.rmtree(snapshot.path)
    assert [one.id for one in folder.stock.missing()] == [1]
