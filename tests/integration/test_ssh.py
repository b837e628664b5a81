import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, ClientError, InvalidInput
from plumbus.transfer import ssh
from plumbus.transfer.keys import Keys
from plumbus.transfer.ssh import SshSession, Target, session
from tests.support.marks import needs_root
from tests.support.sshd import Sshd

OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHrBLLYfV2VmLvGJe2GvGJPnsVb/lgNOTHRsLhNQzjbX'


def run(connection: SshSession, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        connection.ssh_argv(command), env=connection.env, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )  # fmt: skip


def settings(connection: SshSession) -> dict[str, str]:
    """What ssh makes of the generated configuration."""
    argv = ['ssh', '-G', '-F', str(connection.config_path), connection.alias]
    lines = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    return {name: value for name, _, value in (line.partition(' ') for line in lines)}


@contextmanager
def opened(target: Target, keys: Keys) -> Iterator[SshSession]:
    with session(target, keys, Cancellation()) as connection:
        yield connection


def test_it_runs_a_command(sshd: Sshd, target: Target, keys: Keys) -> None:
    with opened(target, keys) as connection:
        done = run(connection, 'id -un; echo "$1" >&2; exit 3')
    assert (done.returncode, done.stdout) == (3, f'{sshd.user}\n')


@needs_root
def test_it_runs_a_command_by_password(sshd: Sshd, by_password: Target, keys: Keys) -> None:
    with opened(by_password, keys) as connection:
        done = run(connection, 'id -un')
    assert (done.returncode, done.stdout, done.stderr) == (0, f'{sshd.user}\n', '')


@needs_root
def test_it_fails_at_once_with_a_wrong_password(sshd: Sshd, by_password: Target, keys: Keys) -> None:
    before = sshd.log.count('Failed password')
    with opened(replace(by_password, password='wrong'), keys) as connection:
        done = run(connection, 'id -un')
    assert (done.returncode, 'Permission denied' in done.stderr) == (255, True)
    assert sshd.log.count('Failed password') == before + 1


def test_it_carries_rsync(target: Target, keys: Keys, tmp_path: Path, sshd: Sshd) -> None:
    name = f'file with spaces {os.getpid()}'
    (sshd.folder / name).write_text('content')
    with opened(target, keys) as connection:
        source = f'{connection.alias}:{sshd.folder}/{name}'
        argv = ['rsync', '-t', '-e', connection.rsync_shell, source, f'{tmp_path}/']
        done = subprocess.run(argv, env=connection.env, check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b'')
    assert (tmp_path / name).read_text() == 'content'


@needs_root
def test_it_shows_the_password_to_nobody(by_password: Target, keys: Keys) -> None:
    assert by_password.password
    secret, seen = by_password.password.encode(), 0
    with opened(by_password, keys) as connection:
        folder = connection.config_path.parent
        child = subprocess.Popen(
            connection.ssh_argv('echo in; exec cat'),
            env=connection.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin
        assert child.stdout
        deadline = time.monotonic() + 60
        os.set_blocking(child.stdout.fileno(), False)
        while child.stdout.readline() != b'in\n' and time.monotonic() < deadline:
            seen += secrets_in_processes(secret)
        seen += secrets_in_processes(secret)
        child.stdin.close()
        assert child.wait(timeout=60) == 0
        child.stdout.close()
        assert secret not in (folder / 'config').read_bytes()
        holders = [path for path in folder.rglob('*') if path.is_file() and secret in path.read_bytes()]
        assert [(path.name, path.stat().st_mode & 0o777) for path in holders] == [('client-1.secret', 0o600)]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (seen, secrets_in_processes(b'PATH=') > 0) == (0, True)
    assert not folder.exists()
    assert secret.decode() not in repr(by_password)


def secrets_in_processes(secret: bytes) -> int:
    """How many processes of this machine show the secret in their arguments or environment."""
    found = 0
    for process in Path('/proc').glob('[0-9]*'):
        for name in ('cmdline', 'environ'):
            try:
                found += secret in (process / name).read_bytes()
            except OSError:
                continue
    return found


def test_it_removes_its_folder_after_a_failure_too(target: Target, keys: Keys) -> None:
    with pytest.raises(RuntimeError), opened(target, keys) as connection:
        raise RuntimeError
    assert not connection.config_path.parent.exists()


def test_it_trusts_the_pinned_host_key_only(target: Target, keys: Keys) -> None:
    with opened(replace(target, host_key_line=OTHER_KEY), keys) as connection:
        done = run(connection, 'true')
    assert (done.returncode, 'Host key verification failed' in done.stderr) == (255, True)


def test_it_asks_for_a_connection_test_first(target: Target, keys: Keys) -> None:
    keys.forget(target.alias)
    with pytest.raises(ClientError, match='not known yet') as caught, opened(target, keys):
        pass
    assert caught.value.cause == 'host_key_unknown'


def test_it_says_what_is_missing_to_log_in(stranger: Target, keys: Keys, tmp_path: Path) -> None:
    for wrong in (replace(stranger, auth_method='password'), replace(stranger, key_path=tmp_path / 'none')):
        with pytest.raises(ClientError), opened(wrong, keys):
            pass


@pytest.mark.parametrize('given', ['text', 'path'])
def test_it_uses_the_key_of_the_client(
    sshd: Sshd, stranger: Target, keys: Keys, tmp_path: Path, given: str
) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    sshd.authorize(
        private.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode()
    )
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    path = tmp_path / 'a "key" %h ${HOME}\nProxyCommand id'
    path.write_text(text)
    path.chmod(0o600)
    windows = text.replace('\n', '\r\n').strip()
    target = replace(stranger, private_key=windows) if given == 'text' else replace(stranger, key_path=path)
    with opened(target, keys) as connection:
        assert run(connection, 'echo here').stdout == 'here\n'


def test_it_is_strict(target: Target, keys: Keys) -> None:
    with opened(target, keys) as connection:
        found = settings(connection)
        assert connection.env.keys().isdisjoint({'SSH_AUTH_SOCK', 'SSH_ASKPASS', 'DISPLAY'})
    wanted = {
        'hostname': target.host, 'port': str(target.port), 'user': target.username, 'hostkeyalias': target.alias,
        'batchmode': 'yes', 'stricthostkeychecking': 'true', 'identitiesonly': 'yes', 'identityagent': 'none',
        'controlmaster': 'false', 'forwardagent': 'no', 'forwardx11': 'no', 'permitlocalcommand': 'no',
        'globalknownhostsfile': '/dev/null', 'updatehostkeys': 'false', 'preferredauthentications': 'publickey',
        'connecttimeout': '15', 'serveraliveinterval': '15', 'serveralivecountmax': '3', 'requesttty': 'false',
    }  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted
    has_aes = ' aes ' in Path('/proc/cpuinfo').read_text().replace('\n', ' ')
    assert found['ciphers'].startswith('aes128-gcm' if has_aes else 'chacha20-poly1305')
    assert len(found['ciphers'].split(',')) > 3


@needs_root
def test_it_reaches_a_machine_over_another_with_a_password_each(by_password: Target, keys: Keys) -> None:
    with Sshd() as middle:
        keys.pin('middle', middle.host_key_line)
        jump = Target(
            alias='middle', host=middle.host, port=middle.port, username=middle.user, auth_method='password', password=middle.password
        )  # fmt: skip
        with opened(replace(by_password, jump=jump), keys) as connection:
            done = run(connection, 'id -un')
        assert (done.stdout, done.stderr) == (f'{by_password.username}\n', '')
        assert f'Accepted password for {middle.user}' in middle.log
        assert 'Failed password' not in middle.log


def test_it_answers_no_question_but_its_own(stranger: Target, keys: Keys) -> None:
    username = 'a-login-name-of-more-than-thirty-letters$'
    target = replace(stranger, username=username, auth_method='password', password='s3cret')
    with opened(target, keys) as connection:

        def asked(question: str) -> str:
            argv = [connection.env['SSH_ASKPASS'], question]
            return subprocess.run(
                argv, env=connection.env, check=False, capture_output=True, text=True, timeout=60
            ).stdout.strip()

        assert asked(f"{username[:30]}@client-1's password: ") == 's3cret'
        assert asked(f'({username}@client-1) Password: ') == 's3cret'
        assert asked(f"{username[:30]}@client-2's password: ") == ''
        assert asked(f"(other@client-2) {username}@client-1's password: ") == ''
        assert asked('Are you sure you want to continue connecting (yes/no)? ') == ''


@needs_root
def test_it_works_where_no_program_may_start(
    by_password: Target, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / 'memory'
    memory.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'noexec', 'tmpfs', str(memory)], check=True, timeout=60)
    try:
        monkeypatch.setattr(ssh, 'MEMORY', memory)
        with opened(by_password, keys) as connection:
            assert connection.config_path.is_relative_to(memory)
            assert not Path(connection.env['SSH_ASKPASS']).is_relative_to(memory)
            assert run(connection, 'echo here').stdout == 'here\n'
        assert not Path(connection.env['SSH_ASKPASS']).parent.exists()
    finally:
        subprocess.run(['umount', '-l', str(memory)], check=True, timeout=60)


def test_it_works_in_a_folder_with_an_odd_name(
    target: Target, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sshd: Sshd
) -> None:
    odd = tmp_path / "it's 100%h odd"
    odd.mkdir()
    monkeypatch.setattr(ssh, 'MEMORY', odd)
    with opened(target, keys) as connection:
        assert run(connection, 'echo here').stdout == 'here\n'
        argv = ['rsync', '--list-only', '-e', connection.rsync_shell, f'{connection.alias}:{sshd.folder}/']
        done = subprocess.run(argv, env=connection.env, check=False, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b'')


def test_it_removes_what_a_killed_process_left(
    target: Target, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, 'MEMORY', tmp_path)
    left = tmp_path / 'plumbus-ssh-left'
    left.mkdir()
    (left / 'client-1.secret').write_text('secret')
    os.utime(left, (0, 0))
    with opened(target, keys) as connection:
        in_use = connection.config_path.parent
        os.utime(in_use, (0, 0))
        with opened(target, keys):
            assert (left.exists(), in_use.exists()) == (False, True)


def test_a_killed_process_leaves_nothing_that_stays(keys: Keys, tmp_path: Path) -> None:
    keys.pin('client-1', OTHER_KEY)
    script = (
        'import sys; from pathlib import Path; from plumbus.cancellation import Cancellation\n'
        'from plumbus.transfer import ssh; from plumbus.transfer.keys import Keys\n'
        'ssh.MEMORY = Path(sys.argv[2])\n'
        "target = ssh.Target(alias='client-1', host='h', username='u', auth_method='password', password='p')\n"
        'with ssh.session(target, Keys(Path(sys.argv[1])), Cancellation()):\n'
        "    print('ready', flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, '-c', script, str(keys.folder), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    with child:
        assert child.stdout
        assert child.stdout.readline() == b'ready\n'
        child.send_signal(signal.SIGKILL)
    (left,) = tmp_path.glob('plumbus-ssh-*')
    os.utime(left, (0, 0))
    ssh.remove_leftovers(tmp_path)
    assert not left.exists()


def test_it_does_not_begin_when_cancelled(target: Target, keys: Keys) -> None:
    cancellation = Cancellation()
    cancellation.cancel('cancelled')
    with pytest.raises(Cancelled), session(target, keys, cancellation):
        pass


@pytest.mark.parametrize(
    'fields',
    [
        {'host': '-oProxyCommand=id'}, {'host': 'a b'}, {'host': 'a\nProxyCommand id'}, {'host': ''}, {'host': 'a;id'},
        {'username': '-l'}, {'username': 'a b'}, {'username': 'a\nb'}, {'username': '$(id)'}, {'username': '%u'},
        {'alias': 'a b'}, {'alias': '-F'}, {'alias': '*'}, {'port': 0}, {'port': 65536},
    ],
)  # fmt: skip
def test_it_refuses_what_ssh_could_misread(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Target(**{'alias': 'client-1', 'host': 'pi', 'username': 'pi', **fields})  # type: ignore[arg-type]


def test_it_keeps_the_zone_of_an_address(stranger: Target, keys: Keys) -> None:
    with opened(replace(stranger, host='fe80::1%eth0', username='DOMAIN\\user'), keys) as connection:
        found = settings(connection)
    assert (found['hostname'], found['user']) == ('fe80::1%eth0', 'DOMAIN\\user')


def test_it_refuses_a_way_in_circles(stranger: Target) -> None:
    behind = replace(stranger, jump=replace(stranger, jump=None))
    with pytest.raises(InvalidInput):
        _ = behind.chain
