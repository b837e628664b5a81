"""`check` finds what is wrong with a set-up, names the remedy, and changes nothing."""

import os
import pwd
import shutil
import socket
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from plumbus.backup.guards import MARKER, StoreGuard
from plumbus.backup.snapshots import Snapshots
from plumbus.commands import data_folder, server
from plumbus.commands.check import check, findings
from plumbus.commands.findings import Finding
from plumbus.config import Settings
from plumbus.model import Backup, Client, Job
from plumbus.services.accounts import Accounts
from plumbus.services.rescan import Rescan
from plumbus.services.stock import Stock
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs
from plumbus.store.vault import Vault, load_key
from plumbus.transfer.keys import Keys
from tests.support.engines import settings
from tests.support.stored import a_client, a_job, keep


@pytest.fixture(scope='module')
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a first start leaves it."""
    folder = tmp_path_factory.mktemp('template') / 'data'
    folder.mkdir(mode=0o700)
    Accounts(Database(folder / 'db'), settings(folder)).reset_password('fleeb juice 42')
    load_key(None, folder / 'keys' / 'secret.key')
    assert Keys(folder / 'keys').identity_path.exists()
    StoreGuard(folder / 'backups').prepare(holds_snapshots=False)
    return folder


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(template, tmp_path / 'data')


def look(folder: Path, **changes: Any) -> dict[str, Finding]:
    """What is not ok, by topic; of several the first."""
    found: dict[str, Finding] = {}
    for one in findings(settings(folder, **{'port': 0, **changes})):
        if one.level != 'ok':
            found.setdefault(one.topic, one)
    # What is so on the machine that runs the tests.
    return {
        topic: one
        for topic, one in found.items()
        if topic not in {'rsync', 'file system', 'disk', 'time zone'}
    }


def known(folder: Path) -> None:
    """Let the database know every snapshot there."""
    database = Database(folder / 'db')
    stock = Stock(
        database=database,
        backups=Documents(database, 'backups', Backup),
        snapshots=Snapshots(folder),
        logs=RunLogs(folder / 'logs'),
    )
    Rescan(
        stock=stock,
        clients=Documents(database, 'clients', Client),
        jobs=Documents(database, 'jobs', Job),
        keys=Keys(folder / 'keys'),
    ).run(merge=True)


def test_all_is_well_after_a_first_start(data: Path) -> None:
    assert look(data) == {}


def test_all_is_well_with_backups(data: Path) -> None:
    keep(data, 1, a_job(schedule='0 2 * * *'))
    known(data)
    assert look(data) == {}


def test_it_changes_nothing(data: Path) -> None:
    keep(data, 1)
    before = {path: path.stat().st_mtime_ns for path in data.rglob('*') if path.is_file()}
    look(data)
    assert {path: path.stat().st_mtime_ns for path in data.rglob('*') if path.is_file()} == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = look(tmp_path / 'not' / 'there')
    assert found.keys() == {'data folder'}
    assert found['data folder'].level == 'warning'
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    assert 'is no folder' in look(tmp_path / 'file')['data folder'].message


def test_it_misses_a_user_without_an_entry(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, 'getpwuid', nobody)
    found = look(data)['user']
    assert found.level == 'problem'
    assert 'useradd' in found.remedy


def test_it_notices_that_the_system_names_no_time_zone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.path.realpath
    monkeypatch.setattr(
        os.path,
        'realpath',
        lambda path, **options: path if path == '/etc/localtime' else real(path, **options),
    )
    found = [one for one in findings(settings(data, port=0)) if one.topic == 'time zone']
    assert [(one.level, 'UTC' in one.message) for one in found] == [('warning', True)]
    told = [
        one for one in findings(settings(data, port=0, timezone='Asia/Tokyo')) if one.topic == 'time zone'
    ]
    assert told[0].message.startswith('Asia/Tokyo')


def test_it_tells_a_foreign_program_on_the_port(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, 'LOOK_LIMIT_S', 0.2)
    with socket.create_server(('127.0.0.1', 0)) as other:
        found = look(data, port=other.getsockname()[1], host='127.0.0.1')['port']
    assert found.level == 'problem'
    assert 'PLUMBUS_PORT' in found.remedy


@pytest.fixture
def answering() -> Iterator[int]:
    """A port where something answers as PLUMBUS does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.end_headers()
            self.wfile.write(b'{"version": "6.0.0"}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(('127.0.0.1', 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()
        yield listening.server_port
        listening.shutdown()


def test_it_finds_plumbus_on_the_port(data: Path, answering: int) -> None:
    told = [one for one in findings(settings(data, port=answering)) if one.topic == 'port']
    assert [(one.level, 'PLUMBUS 6.0.0 answers' in one.message) for one in told] == [('ok', True)]


@pytest.fixture
def endless() -> Iterator[int]:
    """A port where something answers and never ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(b'{"version": "6.0.0", ' * 1000)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(('127.0.0.1', 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()
        yield listening.server_port
        listening.shutdown()


def test_an_answer_without_an_end_is_no_plumbus(data: Path, endless: int) -> None:
    assert look(data, port=endless, host='127.0.0.1')['port'].level == 'problem'


def test_it_tells_an_address_that_this_machine_has_not(data: Path) -> None:
    assert look(data, host='192.0.2.7')['port'].level == 'problem'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; empty."""
    folder = tmp_path / 'bin'
    folder.mkdir()
    for name in ('sh', 'cat'):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv('PATH', str(folder))
    return folder


def script(folder: Path, name: str, words: str) -> None:
    (folder / name).write_text(f'#!{folder}/sh\necho "{words}" >&2\necho "{words}"\n')
    (folder / name).chmod(0o755)


def of_topic(folder: Path, topic: str) -> list[Finding]:
    return [one for one in findings(settings(folder, port=0)) if one.topic == topic]


def test_it_misses_programs(data: Path, programs: Path) -> None:
    for topic, package in (('rsync', 'rsync'), ('ssh', 'openssh-client'), ('programs', 'coreutils')):
        assert {(one.level, package in one.remedy) for one in of_topic(data, topic)} == {('problem', True)}
    assert len(of_topic(data, 'programs')) == 2


@pytest.mark.parametrize(
    ('name', 'words', 'level'),
    [
        ('rsync', 'rsync  version 3.4.3  protocol version 32', 'ok'),
        ('rsync', 'rsync  version 3.2.7  protocol version 31', 'warning'),
        ('rsync', 'rsync  version 3.1.3  protocol version 31', 'problem'),
        ('ssh', 'OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15', 'ok'),
        ('ssh', 'OpenSSH_for_Windows_9.5p1', 'ok'),
        ('ssh', 'OpenSSH_8.2p1 Ubuntu-4', 'warning'),
        ('ssh', 'Dropbear v2022.83', 'problem'),
    ],
)
def test_it_judges_versions(data: Path, programs: Path, name: str, words: str, level: str) -> None:
    script(programs, name, words)
    assert [one.level for one in of_topic(data, name)] == [level]


def test_it_tells_what_others_may_read(data: Path) -> None:
    (data / 'keys' / 'id_ed25519').chmod(0o644)
    found = look(data)['permissions']
    assert (found.level, found.remedy) == ('problem', f'chmod 600 {data}/keys/id_ed25519')
    (data / 'keys' / 'id_ed25519').chmod(0o600)
    (data / 'keys' / 'id_ed25519.pub').chmod(0o644)
    assert look(data) == {}
    data.chmod(0o755)
    found = look(data)['permissions']
    assert (found.level, found.remedy) == ('warning', f'chmod 700 {data}')


def test_it_tells_a_database_of_another_user(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, 'geteuid', lambda: mine + 4321)
    remedy = look(data)['permissions'].remedy
    assert f'cd {data} && chown -R' in remedy
    assert '-R' not in remedy.split(';')[1], 'files in snapshots keep their owners'


def test_it_tells_a_folder_that_cannot_be_used_once(data: Path) -> None:
    (data / 'logs').touch()
    found = [one for one in findings(settings(data, port=0)) if one.level == 'problem']
    assert [one.topic for one in found] == ['data folder']
    assert str(data / 'logs') in found[0].message


def test_it_tells_a_key_that_cannot_be_read(data: Path) -> None:
    (data / 'keys' / 'id_ed25519').write_text('garbage')
    (data / 'keys' / 'id_ed25519').chmod(0o600)
    assert look(data)['ssh key'].level == 'problem'


@pytest.mark.parametrize(
    ('free', 'inodes', 'levels'),
    [(500, 500, ['ok']), (50, 500, ['warning']), (20, 500, ['problem']), (500, 5, ['ok', 'warning']), (500, 0, ['ok', 'problem'])],
)  # fmt: skip
def test_it_judges_the_room_on_the_disk(
    data: Path, monkeypatch: pytest.MonkeyPatch, free: int, inodes: int, levels: list[str]
) -> None:
    status = SimpleNamespace(f_blocks=1000, f_frsize=4096, f_bavail=free, f_files=1000, f_favail=inodes)
    monkeypatch.setattr(data_folder.os, 'statvfs', lambda _: status)
    assert [one.level for one in data_folder.check_disk(settings(data))] == levels


def test_it_tells_a_damaged_database_once(data: Path) -> None:
    (data / 'db' / 'config.json').write_text('{')
    found = [one for one in findings(settings(data, port=0)) if one.level == 'problem']
    assert [one.topic for one in found] == ['database']
    assert 'rescan' in found[0].remedy


def test_it_tells_a_record_that_cannot_be_read(data: Path) -> None:
    Documents(Database(data / 'db'), 'clients', Client).add(a_client(0))
    Database(data / 'db').compact()
    file = data / 'db' / 'config.json'
    file.write_bytes(file.read_bytes().replace(b'"port": 22', b'"port": "x"'))
    assert 'port' in look(data)['database'].message


def test_it_asks_for_a_password_where_strangers_can_come_in(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert 'login' not in look(tmp_path, host='127.0.0.1')
    assert 'set-password' in look(tmp_path, host='0.0.0.0')['login'].remedy
    assert 'login' not in look(tmp_path, host='0.0.0.0', admin_password='fleeb juice 42')


def test_it_tells_whose_secrets_do_not_open(data: Path) -> None:
    database = Database(data / 'db')
    client = Documents(database, 'clients', Client).add(
        a_client(0, name='db-1', auth_method='password', has_password=True)
    )
    vault = Vault(database, load_key(None, data / 'keys' / 'secret.key'))
    vault.put(f'client:{client.id}', 'password', 'plumbob')
    assert look(data) == {}
    other = look(data, secret_key=Fernet.generate_key().decode())['secrets']
    assert (other.level, 'db-1' in other.message) == ('problem', True)
    assert 'plumbob' not in other.message
    (data / 'keys' / 'secret.key').unlink()
    missing = look(data)['secrets']
    assert 'keys/secret.key is missing' in missing.message
    assert not (data / 'keys' / 'secret.key').exists()


def test_it_tells_which_client_has_no_password(data: Path) -> None:
    Documents(Database(data / 'db'), 'clients', Client).add(a_client(0, name='db-1', auth_method='password'))
    assert 'db-1 (client 1)' in look(data)['secrets'].message


def test_it_tells_snapshots_that_nobody_knows(data: Path) -> None:
    keep(data, 1)
    assert look(data)['snapshots'].remedy.endswith('rescan')
    known(data)
    keep(data, 2)
    found = look(data)['snapshots']
    assert found.message.startswith(
        '1 snapshot on the disk without a record, as backups/web-1-1/etc-1-1/2026-'
    )
    assert found.remedy.endswith('rescan --merge')


def test_it_tells_records_whose_snapshot_is_gone(data: Path) -> None:
    snapshot = keep(data, 4)
    known(data)
    shutil.rmtree(snapshot.path)
    found = look(data)['snapshots']
    assert (found.level, 'backup 4' in found.message) == ('warning', True)


def test_it_misses_the_disk_of_the_snapshots(data: Path) -> None:
    keep(data, 1)
    known(data)
    (data / 'backups' / MARKER).unlink()
    found = look(data)['snapshots']
    assert (found.level, 'not mounted' in found.message) == ('problem', True)


def test_it_tells_a_schedule_that_never_fires(data: Path) -> None:
    Documents(Database(data / 'db'), 'jobs', Job).add(a_job(0, schedule='0 0 31 2 *'))
    assert 'etc 0 (job 1)' in look(data)['schedules'].message


def test_it_ends_with_a_code_and_a_count(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, document = Namespace(json=False), Namespace(json=True)
    given: Settings = settings(data, port=0)
    assert check(given, text) == 0
    told = capsys.readouterr().out
    assert '0 problems' in told
    assert 'ok       database       0 clients' in told
    (data / 'db' / 'config.json').write_text('{')
    assert check(given, text) == 1
    assert '1 problem,' in capsys.readouterr().out
    assert check(given, document) == 1
    found = orjson.loads(capsys.readouterr().out)
    assert (found['success'], found['problems']) == (False, 1)
    assert {one['level'] for one in found['checks']} >= {'ok', 'problem'}
    assert all(one.keys() == {'level', 'topic', 'message', 'remedy'} for one in found['checks'])
