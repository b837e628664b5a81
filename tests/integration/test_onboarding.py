"""The lines that people paste on a client: run for real, twice, and then PLUMBUS backs up through them."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.model import Status
from plumbus.transfer.onboarding import dedicated_command, login_command, rsync_only_command
from tests.support.engines import back_up, copy_of, job_for, running_engine
from tests.support.marks import needs_root
from tests.support.sshd import Sshd

LIMIT_S = 60
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f plumbus'


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with running_engine(tmp_path / 'data') as running:
        yield running


@pytest.fixture
def user() -> Iterator[str]:
    """A name that nobody has yet; what was made for it is removed."""
    name = f'plumbus-o-{os.getpid()}'
    yield name
    with suppress(KeyError):
        pwd.getpwnam(name)
        subprocess.run(['userdel', '-rf', name], capture_output=True, timeout=LIMIT_S, check=False)
    Path(f'/etc/sudoers.d/{name}').unlink(missing_ok=True)


def paste(command: str, home: Path | None = None) -> str:
    environment = {'PATH': os.environ['PATH'], 'HOME': str(home or Path.home())}
    done = subprocess.run(
        ['sh', '-c', command], env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    return done.stdout


@pytest.mark.parametrize('line', [login_command(KEY), dedicated_command(KEY), rsync_only_command(KEY)])
def test_each_is_one_line(line: str) -> None:
    assert '\n' not in line
    assert KEY in line


@pytest.mark.parametrize('before', ['', 'ssh-rsa AAAA other', KEY])
@pytest.mark.parametrize(
    ('command', 'added'), [(login_command, KEY), (rsync_only_command, f'restrict,command="rrsync /" {KEY}')]
)
def test_a_key_is_added_once_beside_others(tmp_path: Path, before: str, command: object, added: str) -> None:
    file = tmp_path / '.ssh' / 'authorized_keys'
    file.parent.mkdir()
    file.write_text(before)
    for _ in range(2):
        paste(command(KEY), tmp_path)  # type: ignore[operator]
    lines = [line for line in file.read_text().splitlines() if line]
    assert lines == [KEY] if before == KEY else [*filter(None, [before]), added]
    assert (oct(file.stat().st_mode)[-3:], oct(file.parent.stat().st_mode)[-3:]) == ('600', '700')


@needs_root
def test_a_user_of_its_own_reads_what_only_root_may_and_does_nothing_else_as_root(
    engine: Engine, sshd: Sshd, user: str, tmp_path: Path
) -> None:
    for _ in range(2):
        assert f'log in as {user}' in paste(dedicated_command(engine.system.public_key().public_key, user))
    line = Path(f'/var/lib/{user}/.ssh/authorized_keys').read_text()
    assert line.count('\n') == 1
    assert pwd.getpwnam(user).pw_dir == f'/var/lib/{user}'
    with sshd.authorized_keys.open('a') as file:  # this sshd looks there for everybody
        file.write(line)
    source = sshd.folder / f'secret-{tmp_path.name}'
    source.mkdir(mode=0o700)
    (source / 'shadow').write_text('for root alone')
    (source / 'shadow').chmod(0o600)
    job = job_for(engine, sshd, source, client={'username': user, 'use_sudo': True})
    assert engine.clients.test(job.client_id).sudo_available
    backup = back_up(engine, job.id)
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    assert (copy_of(engine, backup, source) / 'shadow').read_text() == 'for root alone'
    refused = subprocess.run(
        ['sudo', '-u', user, 'sudo', '-n', 'cat', '/etc/shadow'],
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert refused.returncode != 0


@needs_root
def test_a_key_for_rsync_alone_backs_up_and_runs_nothing(engine: Engine, sshd: Sshd, tmp_path: Path) -> None:
    home = tmp_path / 'home'
    home.mkdir()
    paste(rsync_only_command(engine.system.public_key().public_key), home)
    sshd.authorized_keys.write_text((home / '.ssh' / 'authorized_keys').read_text())
    source = sshd.folder / f'plain-{tmp_path.name}'
    source.mkdir()
    (source / 'notes').write_text('fleeb')
    fields = {'name': 'sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    client = engine.clients.create(fields)
    assert engine.clients.test(client.id).success
    backup = back_up(
        engine, engine.jobs.create({'client_id': client.id, 'name': 'job', 'source_paths': [str(source)]}).id
    )
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    assert engine.clients.get(client.id).restricted
