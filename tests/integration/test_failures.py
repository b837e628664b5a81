"""Every failure ends in a record with a sentence that names the cause and what to do."""

import os
import socket
from pathlib import Path

from plumbus.engine import Engine
from plumbus.model import Backup, Client, Status
from tests.support.engines import add_client, back_up, job_for, restored, until, write
from tests.support.marks import needs_root
from tests.support.sshd import Sshd


def failed(engine: Engine, client: Client, path: str = '/etc/hostname') -> Backup:
    job = engine.jobs.create({'client_id': client.id, 'name': 'job', 'source_paths': [path]})
    backup = back_up(engine, job.id)
    assert backup.status is Status.FAILED
    assert backup.backup_path is None
    return backup


@needs_root
def test_it_tells_of_a_wrong_password(engine: Engine, sshd: Sshd) -> None:
    client = add_client(engine, sshd, auth_method='password', password=sshd.password)
    assert engine.clients.test(client.id).success
    engine.clients.update(client.id, {'password': 'wrong'})
    backup = failed(engine, client)
    assert backup.cause == 'auth'
    assert 'password' in str(backup.error_message)


def test_it_tells_of_a_refused_port(engine: Engine) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        port = taken.getsockname()[1]
        client = engine.clients.create({'name': 'off', 'host': '127.0.0.1', 'port': port, 'username': 'pi'})
        backup = failed(engine, client)
    assert backup.cause == 'refused'
    assert str(port) in str(backup.error_message)


def test_it_tells_of_an_unknown_host_name(engine: Engine) -> None:
    client = engine.clients.create({'name': 'lost', 'host': 'no-such-host.invalid', 'username': 'pi'})
    backup = failed(engine, client)
    assert backup.cause == 'dns'
    assert 'no-such-host.invalid' in str(backup.error_message)


def test_it_tells_of_a_missing_rsync(engine: Engine, sshd: Sshd) -> None:
    client = add_client(engine, sshd)
    engine.clients.test(client.id)
    sshd.authorized_keys.write_text('')
    sshd.authorize(engine.system.public_key().public_key, environment=sshd.path_with(without=('rsync',)))
    backup = failed(engine, client)
    assert backup.cause == 'rsync_missing'
    assert 'install' in str(backup.error_message).lower()


def test_it_tells_of_a_missing_source(engine: Engine, sshd: Sshd) -> None:
    backup = failed(engine, add_client(engine, sshd), '/no/such/folder')
    assert backup.cause == 'source_missing'


def test_it_tells_of_a_changed_host_key_until_it_is_trusted(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    assert back_up(engine, job.id).status is Status.COMPLETED
    sshd.renew_host_keys()

    backup = back_up(engine, job.id)

    assert (backup.status, backup.cause) == (Status.FAILED, 'host_key_changed')
    test = engine.clients.test(job.client_id)
    assert not test.success
    assert test.host_key is not None
    assert test.host_key.status == 'changed'
    engine.clients.trust(job.client_id, test.host_key.fingerprint)
    assert back_up(engine, job.id).status is Status.COMPLETED


@needs_root
def test_it_tells_that_nothing_could_be_read(engine: Engine, sshd: Sshd) -> None:
    secret = sshd.folder / f'secret-{os.getpid()}'
    secret.write_text('x')
    secret.chmod(0o600)
    backup = failed(engine, add_client(engine, sshd), str(secret))
    assert backup.cause == 'nothing_readable'


def test_it_cancels_a_running_backup_and_leaves_nothing_behind(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    (source / 'big').write_bytes(os.urandom(20 * 2**20))
    job = job_for(engine, sshd, source, bandwidth_limit_kib=500)
    backup = engine.jobs.run(job.id)
    until(lambda: (p := engine.backups.get(backup.id).progress) and p.bytes > 0, 'the transfer')
    engine.backups.cancel(backup.id)
    ended = engine.backups.wait(backup.id, 60)
    assert ended.status is Status.CANCELLED
    assert 'cancelled' in str(ended.error_message)
    assert engine.backups.page(status='running').total == 0


def test_it_shows_progress_while_it_runs(engine: Engine, sshd: Sshd, source: Path) -> None:
    (source / 'big').write_bytes(os.urandom(3 * 2**20))
    job = job_for(engine, sshd, source, bandwidth_limit_kib=1000)
    backup = engine.jobs.run(job.id)
    progress = until(
        lambda: (p := engine.backups.get(backup.id).progress) and p.bytes > 0 and p, 'the transfer'
    )
    assert progress.phase == 'fetching'
    assert progress.bytes_total == 3 * 2**20
    assert (progress.files, progress.files_total, progress.current_file) == (0, 1, f'{source}/big')
    assert 0 < progress.percent <= 100
    assert progress.rate_bps >= 0
    assert engine.backups.wait(backup.id, 60).status is Status.COMPLETED


def test_it_restores_nothing_to_a_machine_that_is_gone(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    gone = engine.clients.create({'name': 'gone', 'host': 'no-such-host.invalid', 'username': 'pi'})
    restore = restored(engine, backup.id, client_id=gone.id)
    assert (restore.status, restore.cause) == (Status.FAILED, 'dns')
