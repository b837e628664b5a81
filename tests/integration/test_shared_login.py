"""All that a session runs on a client goes through one login, and nothing depends on that."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plumbus.cancellation import Cancellation
from plumbus.transfer import shared_login, ssh
from plumbus.transfer.keys import Keys
from plumbus.transfer.process import Outcome
from plumbus.transfer.ssh import SshSession, session
from plumbus.transfer.target import Target
from tests.support.engines import until
from tests.support.sshd import Sshd


@pytest.fixture
def keys(tmp_path: Path, sshd: Sshd) -> Keys:
    """PLUMBUS's key, let in by the sample machine."""
    made = Keys(tmp_path)
    sshd.authorize(made.public_key)
    return made


@pytest.fixture
def target(sshd: Sshd) -> Target:
    """The sample machine."""
    return Target(
        host=sshd.host, port=sshd.port, username=sshd.user, alias='one', auth_method='key', host_key_line=sshd.host_key_line
    )  # fmt: skip


@pytest.fixture
def connection(target: Target, keys: Keys) -> Iterator[SshSession]:
    """An open session."""
    with session(target, keys, Cancellation()) as opened:
        yield opened


def told(connection: SshSession, command: str, **options: float) -> tuple[Outcome, list[bytes]]:
    lines: list[bytes] = []
    outcome = connection.shared.run(
        connection.ssh_argv(command), env=connection.env, on_output=lines.extend, **{'idle_timeout_s': 60.0, **options}
    )  # fmt: skip
    return outcome, lines


def logins_of_two(connection: SshSession, sshd: Sshd) -> int:
    """How often two children that are run log in; each is heard."""
    before = sshd.log.count('Accepted publickey for')
    assert [told(connection, f'echo {word}')[1] for word in 'ab'] == [[b'a'], [b'b']]
    return sshd.log.count('Accepted publickey for') - before


def master(connection: SshSession) -> list[int]:
    """The processes of ours that hold the login."""
    found = subprocess.run(
        ['pgrep', '-f', f'^ssh -F {connection.config_path} -M'], capture_output=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def test_it_logs_in_once_for_all_children(connection: SshSession, sshd: Sshd) -> None:
    assert logins_of_two(connection, sshd) == 1
    assert logins_of_two(connection, sshd) == 0


def test_it_tells_of_a_child_that_fails_and_of_nothing_else(connection: SshSession) -> None:
    outcome, _ = told(connection, 'echo over there >&2; exit 7')
    assert (outcome.exit_code, outcome.error_lines) == (7, [b'over there'])


def test_it_logs_out_with_the_session(target: Target, keys: Keys) -> None:
    with session(target, keys, Cancellation()) as opened:
        told(opened, 'true')
        assert len(master(opened)) == 1
    assert master(opened) == []


def test_a_login_that_is_refused_is_tried_once_and_told_as_the_end_of_each_child(
    target: Target, tmp_path: Path, sshd: Sshd
) -> None:
    with session(target, Keys(tmp_path / 'strange'), Cancellation()) as opened:
        before = sshd.log.count('Failed publickey for')
        for _ in range(2):
            outcome, lines = told(opened, 'echo hello')
            assert (outcome.exit_code, lines) == (255, [])
            assert b'Permission denied' in b''.join(outcome.error_lines)
        assert sshd.log.count('Failed publickey for') == before + 1


def test_what_is_said_of_a_lost_connection_comes_with_the_end_of_the_child(
    connection: SshSession, sshd: Sshd
) -> None:
    said: list[bytes] = []
    outcome = connection.shared.run(
        connection.ssh_argv('kill -KILL $(ps -o ppid= -p $$)'), env=connection.env, idle_timeout_s=60, on_error=said.extend
    )  # fmt: skip
    assert outcome.exit_code == 255
    assert b'closed by remote host' in b''.join(outcome.error_lines)
    assert said == outcome.error_lines
    assert told(connection, 'echo again')[1] == [b'again'], 'who comes later logs in by itself'


def test_a_child_goes_its_own_way_when_the_connection_was_killed(connection: SshSession) -> None:
    told(connection, 'true')
    os.kill(*master(connection), signal.SIGKILL)
    until(lambda: not master(connection), 'the end of the login')
    outcome, lines = told(connection, 'echo hello')
    assert (outcome.exit_code, lines) == (0, [b'hello'])


def test_a_name_too_long_for_a_socket_is_no_obstacle(
    target: Target, keys: Keys, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ('x' * 80)
    deep.mkdir()
    monkeypatch.setattr(ssh, 'MEMORY', deep)
    with session(target, keys, Cancellation()) as opened:
        assert logins_of_two(opened, sshd) == 2


@pytest.mark.parametrize(('limits', 'reason'), [({'idle_timeout_s': 0.5}, 'idle'), ({'time_limit_s': 0.5}, 'limit')])  # fmt: skip
def test_a_login_that_hangs_is_given_up(
    target: Target, keys: Keys, sshd: Sshd, limits: dict[str, float], reason: str
) -> None:
    os.kill(sshd.pid, signal.SIGSTOP)
    try:
        with session(target, keys, Cancellation()) as opened:
            outcome, lines = told(opened, 'echo hello', **limits)
            again, _ = told(opened, 'echo hello')
    finally:
        os.kill(sshd.pid, signal.SIGCONT)
    assert (outcome.timed_out, outcome.cancelled, lines) == (reason, False, [])
    assert (again.timed_out, again.cancelled, again.exit_code) == ('', False, -signal.SIGTERM)
    assert master(opened) == []


def test_a_request_to_stop_is_heard_during_the_login(target: Target, keys: Keys, sshd: Sshd) -> None:
    cancellation = Cancellation()
    os.kill(sshd.pid, signal.SIGSTOP)
    try:
        with session(target, keys, cancellation) as opened, ThreadPoolExecutor() as helper:

            def stop() -> None:
                until(lambda: master(opened), 'the begin of the login')
                cancellation.cancel('cancelled')

            stopping = helper.submit(stop)
            outcome, _ = told(opened, 'echo hello')
            stopping.result()
    finally:
        os.kill(sshd.pid, signal.SIGCONT)
    assert outcome.cancelled


def test_the_longest_name_that_is_taken_makes_a_socket(
    target: Target, keys: Keys, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(tempfile.mkdtemp(dir='/tmp'))
    length = shared_login.LONGEST_SOCKET - len('/plumbus-ssh-12345678/shared')
    deep = folder / ('x' * (length - len(str(folder)) - 1))
    deep.mkdir()
    monkeypatch.setattr(ssh, 'MEMORY', deep)
    with session(target, keys, Cancellation()) as opened:
        assert logins_of_two(opened, sshd) == 1
    shutil.rmtree(folder)
