"""Backups over every way in: other keys, a jump host, keys bound to rrsync; and shells that talk."""

import subprocess
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.errors import ClientError, InvalidInput
from plumbus.model import Client, Status
from tests.support.engines import add_client, back_up, copy_of, differences, restored, write
from tests.support.marks import needs_rrsync
from tests.support.sshd import Sshd


@pytest.fixture
def note(source: Path, sshd: Sshd) -> Path:
    write(source / 'note', 'worth keeping', sshd)
    return source


def backs_up(engine: Engine, client: Client, folder: Path) -> None:
    job = engine.jobs.create({'client_id': client.id, 'name': 'job', 'source_paths': [str(folder)]})
    for _ in range(2):
        backup = back_up(engine, job.id)
        assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
        assert differences(folder, copy_of(engine, backup, folder)) == ''


def new_key(folder: Path) -> tuple[Path, str]:
    """A key pair in two files; the private one's path and the public line."""
    path = folder / 'other-key'
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path], check=True)
    return path, path.with_suffix('.pub').read_text().strip()


def test_it_logs_in_with_a_private_key_that_was_pasted(
    engine: Engine, sshd: Sshd, note: Path, tmp_path: Path
) -> None:
    path, public = new_key(tmp_path)
    sshd.authorize(public)
    client = engine.clients.create(
        {
            'name': 'own key',
            'host': sshd.host,
            'port': sshd.port,
            'username': sshd.user,
            'private_key': path.read_text(),
        }
    )
    assert client.has_private_key
    assert 'PRIVATE' not in client.model_dump_json()
    backs_up(engine, client, note)


def test_it_logs_in_with_a_key_file_of_the_server(
    engine: Engine, sshd: Sshd, note: Path, tmp_path: Path
) -> None:
    path, public = new_key(tmp_path)
    sshd.authorize(public)
    fields = {'name': 'key file', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    backs_up(engine, engine.clients.create({**fields, 'key_path': str(path)}), note)


def test_it_goes_through_a_jump_client(engine: Engine, sshd: Sshd, note: Path) -> None:
    with Sshd() as door:
        gate = add_client(engine, door, name='gate')
        behind = add_client(engine, sshd, name='behind', jump_client_id=gate.id)
        assert engine.clients.test(behind.id).cause == 'host_key_unknown', (
            'both keys are pinned, or it does not go'
        )
        assert engine.clients.test(gate.id).success
        assert engine.clients.test(behind.id).success
        assert [file.name for file in engine.clients.browse(behind.id, str(note))] == ['note']
        backs_up(engine, behind, note)
        assert door.log.count('Accepted publickey') >= 4, 'all of it went through the door'
        backup = engine.backups.page(client_id=behind.id).items[0]
        (note / 'note').unlink()
        restore = restored(engine, backup.id, paths=[str(note / 'note')])
        assert restore.status == Status.COMPLETED, restore.error_message
        assert (note / 'note').read_text() == 'worth keeping'
        door.renew_host_keys()
        assert engine.clients.test(behind.id).cause == 'host_key_changed'
        stopped = back_up(engine, backup.job_id)
        assert (stopped.status, stopped.cause) == (Status.FAILED, 'host_key_changed')


@needs_rrsync
def test_it_backs_up_with_a_key_bound_to_rrsync(engine: Engine, sshd: Sshd, note: Path) -> None:
    sshd.authorized_keys.write_text('')
    sshd.authorize(engine.system.public_key().public_key, command='rrsync -ro /')
    client = engine.clients.create(
        {'name': 'bound', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    )
    assert engine.clients.test(client.id).success
    assert [file.name for file in engine.clients.browse(client.id, str(note))] == ['note']
    backs_up(engine, client, note)


def test_it_tells_of_a_shell_that_talks(engine: Engine, sshd: Sshd, note: Path) -> None:
    sshd.authorized_keys.write_text('')
    sshd.authorize_noisy(engine.system.public_key().public_key)
    client = engine.clients.create(
        {'name': 'noisy', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    )
    backup = back_up(
        engine, engine.jobs.create({'client_id': client.id, 'name': 'job', 'source_path': str(note)}).id
    )
    assert (backup.status, backup.cause) == (Status.FAILED, 'shell_not_clean')


def test_it_tells_where_a_folder_cannot_be_listed(engine: Engine, sshd: Sshd) -> None:
    client = add_client(engine, sshd)
    with pytest.raises(ClientError) as refused:
        engine.clients.browse(client.id, '/no/such/folder')
    assert refused.value.cause == 'source_missing'
    with pytest.raises(InvalidInput):
        engine.clients.browse(client.id, 'relative')
