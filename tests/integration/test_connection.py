import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from plumbus.errors import ClientError, HostKeyChanged
from plumbus.transfer.connection import clean, host_key, install_key, probe
from plumbus.transfer.keys import Keys, fingerprint
from plumbus.transfer.target import Target
from tests.support.engines import until
from tests.support.marks import needs_root
from tests.support.sshd import Sshd

OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHrBLLYfV2VmLvGJe2GvGJPnsVb/lgNOTHRsLhNQzjbX'


def failure(target: Target, keys: Keys, timeout_s: float = 60) -> ClientError:
    """The error of a test that must fail, after a look at what every error must have."""
    with pytest.raises(ClientError) as caught:
        probe(target, keys, timeout_s=timeout_s)
    error = caught.value
    assert error.message.endswith('.')
    assert error.remedy.endswith('.')
    assert 'Traceback' not in str(error)
    return error


@contextmanager
def listener(answer: bytes | None, *, hang_up: bool = True) -> Iterator[int]:
    """A port where something else than an SSH server answers."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        links = []

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                links.append(link)
                if answer:
                    link.sendall(answer)
                if hang_up:
                    link.close()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for link in links:
                link.close()


def test_it_finds_out_about_a_machine(sshd: Sshd, target: Target, keys: Keys) -> None:
    found = probe(target, keys)
    assert found.status == 'trusted'
    assert found.host_key_line == sshd.host_key_line
    assert found.fingerprint == fingerprint(sshd.host_key_line)
    assert found.system_info.startswith('Linux ')
    assert found.rsync_version.split('.')[0].isdigit()
    assert 0 < found.latency_ms < 5000
    assert (found.login_uid, found.login_gids[0]) == sshd.ids
    assert (found.restricted, found.sudo_available) == (False, None)


def test_it_accepts_an_unknown_host_key_and_leaves_pinning_to_others(
    sshd: Sshd, target: Target, keys: Keys
) -> None:
    keys.forget(target.alias)
    found = probe(target, keys)
    assert (found.status, found.host_key_line) == ('new', sshd.host_key_line)
    assert keys.pinned(target.alias) is None


def test_it_asks_for_the_type_of_the_pinned_key(sshd: Sshd, target: Target, keys: Keys) -> None:
    ecdsa = sshd.host_key_lines[1]
    keys.pin(target.alias, ecdsa)
    found = probe(target, keys)
    assert (found.status, found.host_key_line) == ('trusted', ecdsa)


def test_it_refuses_another_host_key_before_it_sends_a_secret(sshd: Sshd, target: Target, keys: Keys) -> None:
    keys.pin(target.alias, OTHER_KEY)
    logins = sshd.log.count('Accepted') + sshd.log.count('Failed')
    error = failure(replace(target, auth_method='password', password='secret'), keys)
    assert isinstance(error, HostKeyChanged)
    assert error.cause == 'host_key_changed'
    assert error.fingerprint == fingerprint(sshd.host_key_line)
    assert sshd.log.count('Accepted') + sshd.log.count('Failed') == logins


def test_it_takes_no_other_host_key_when_only_the_fingerprint_is_left(
    sshd: Sshd, target: Target, keys: Keys
) -> None:
    keys.forget(target.alias)
    assert probe(replace(target, expected=fingerprint(sshd.host_key_line)), keys).status == 'new'
    logins = sshd.log.count('Accepted') + sshd.log.count('Failed')
    error = failure(replace(target, expected=fingerprint(OTHER_KEY)), keys)
    assert isinstance(error, HostKeyChanged)
    assert sshd.log.count('Accepted') + sshd.log.count('Failed') == logins


def test_it_refuses_when_the_pinned_type_is_gone(keys: Keys) -> None:
    with Sshd(host_key_types=('ecdsa',)) as reinstalled:
        target = Target(
            alias='x', host=reinstalled.host, port=reinstalled.port, username='x', host_key_line=OTHER_KEY
        )
        error = failure(target, keys)
        assert isinstance(error, HostKeyChanged)
        assert error.fingerprint == fingerprint(reinstalled.host_key_line)
        assert host_key(target, keys) == reinstalled.host_key_line


def test_it_logs_in_with_a_key_of_the_client(
    sshd: Sshd, stranger: Target, keys: Keys, tmp_path: Path
) -> None:
    private = [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
    ]
    forms = [
        serialization.PrivateFormat.OpenSSH,
        serialization.PrivateFormat.PKCS8,
        serialization.PrivateFormat.TraditionalOpenSSL,
    ]
    for key, form in zip(private, forms, strict=True):
        encoding, openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        sshd.authorize(key.public_key().public_bytes(encoding, openssh).decode())
        text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        assert probe(replace(stranger, private_key=text.replace('\n', '\r\n')), keys).status == 'trusted'
        (tmp_path / 'key').touch(0o600)
        (tmp_path / 'key').write_text(text)
        assert probe(replace(stranger, key_path=str(tmp_path / 'key')), keys).status == 'trusted'


def test_it_tells_useless_keys_apart(stranger: Target, keys: Keys, tmp_path: Path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    locked = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.BestAvailableEncryption(b'pass')
    )  # fmt: skip
    (tmp_path / 'open').touch(0o644)
    missing = failure(replace(stranger, key_path=tmp_path / 'nothing'), keys)
    public = failure(replace(stranger, key_path=str(tmp_path / 'open')), keys)
    damaged = failure(replace(stranger, private_key='-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n'), keys)
    encrypted = failure(replace(stranger, private_key=locked.decode()), keys)
    assert {error.cause for error in (missing, public, damaged, encrypted)} == {'key_file'}
    assert 'missing' in missing.message
    assert 'chmod 600' in public.remedy
    assert 'damaged' in damaged.message
    assert 'passphrase' in encrypted.message


def test_it_tells_that_the_key_is_not_installed(stranger: Target, keys: Keys) -> None:
    error = failure(stranger, keys)
    assert error.cause == 'auth'
    assert "PLUMBUS's key was refused" in error.message
    assert 'Install it' in error.remedy


@needs_root
def test_it_tells_a_wrong_password(by_password: Target, keys: Keys) -> None:
    assert probe(by_password, keys).status == 'trusted'
    error = failure(replace(by_password, password='not it'), keys)
    assert error.cause == 'auth'
    assert 'password was refused' in error.message
    assert 'not it' not in str(error)


@needs_root
def test_it_tells_a_machine_without_passwords(by_password: Target, keys: Keys) -> None:
    error = failure(replace(by_password, username='root'), keys)
    assert (error.cause, 'password' in error.message) == ('auth', True)


def test_it_tells_that_no_password_is_stored(stranger: Target, keys: Keys) -> None:
    error = failure(replace(stranger, auth_method='password'), keys)
    assert (error.cause, 'No password is stored' in error.message) == ('auth', True)


def test_it_tells_a_port_where_nothing_listens(target: Target, keys: Keys) -> None:
    with socket.socket() as reserved:
        reserved.bind(('127.0.0.1', 0))
        error = failure(replace(target, port=reserved.getsockname()[1]), keys)
    assert error.cause == 'refused'


@pytest.mark.parametrize('name', ['no-such-host.invalid', 'a..b', f'{"x" * 70}.invalid'])
def test_it_tells_an_unknown_name(target: Target, keys: Keys, name: str) -> None:
    error = failure(replace(target, host=name), keys)
    assert error.cause == 'dns'
    assert name in error.message


def test_it_does_not_wait_for_a_slow_name_server(
    target: Target, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *_, **__: [answers.wait()][1:])
    error = failure(replace(target, host='slow.example'), keys, timeout_s=0.3)
    answers.set()
    assert error.cause == 'dns'


@pytest.mark.parametrize(
    ('answer', 'hang_up', 'cause'),
    [
        (None, True, 'protocol'),
        (None, False, 'timeout'),
        (b'HTTP/1.1 400 Bad Request\r\n\r\n', True, 'protocol'),
        (b'\0' * 100_000, True, 'protocol'),
        (b'SSH-2.0-nothing\r\n', False, 'timeout'),
    ],
)
def test_it_ends_when_no_ssh_server_answers(
    target: Target, keys: Keys, answer: bytes | None, cause: str, *, hang_up: bool
) -> None:
    with listener(answer, hang_up=hang_up) as port:
        error = failure(replace(target, port=port), keys, timeout_s=1 if cause == 'timeout' else 60)
    assert error.cause == cause


def test_it_tells_a_machine_that_swallows_the_connection(target: Target, keys: Keys) -> None:
    with socket.socket() as full:
        full.bind(('127.0.0.1', 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # the queue is full: later connections get no answer at all
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        error = failure(replace(target, port=full.getsockname()[1]), keys, timeout_s=1)
        for filler in fillers:
            filler.close()
    assert error.cause == 'timeout'


def test_it_tells_that_rsync_is_missing(sshd: Sshd, stranger: Target, keys: Keys) -> None:
    sshd.authorize(keys.public_key, environment=sshd.path_with(without=('rsync',)))
    error = failure(stranger, keys)
    assert error.cause == 'rsync_missing'
    assert 'apt install rsync' in error.remedy


@pytest.mark.parametrize(
    'text',
    ['rsync  version 3.0.9  protocol version 30', 'openrsync: protocol version 29', 'rsync  version 2.6'],
)
def test_it_tells_that_rsync_is_too_old(sshd: Sshd, stranger: Target, keys: Keys, text: str) -> None:
    script = {'rsync': f'#!/bin/sh\necho "{text}"\n'}
    sshd.authorize(keys.public_key, environment=sshd.path_with(scripts=script))
    error = failure(stranger, keys)
    assert (error.cause, 'too old' in error.message) == ('rsync_old', True)


def test_it_tells_that_the_shell_is_not_silent(sshd: Sshd, stranger: Target, keys: Keys) -> None:
    sshd.authorize_noisy(keys.public_key)
    error = failure(stranger, keys)
    assert error.cause == 'shell_not_clean'
    assert 'Welcome to this machine!' in error.message


@pytest.mark.parametrize('command', ['rrsync -ro /', 'rsync --server --sender -de.LsfxCIvu . /'])
def test_it_is_still_useful_with_a_key_bound_to_rsync(
    sshd: Sshd, stranger: Target, keys: Keys, command: str
) -> None:
    sshd.authorize(keys.public_key, command=command)
    found = probe(replace(stranger, sudo=True), keys)
    assert found.restricted
    assert found.rsync_version.startswith('protocol 3')
    assert (found.sudo_available, found.login_uid) == (False, None)


@pytest.mark.parametrize(
    ('command', 'quoted'), [('echo no shell for you; exit 1', 'no shell for you'), ('exit 3', 'exit code 3')]
)
def test_it_tells_a_login_without_commands(
    sshd: Sshd, stranger: Target, keys: Keys, command: str, quoted: str
) -> None:
    sshd.authorize(keys.public_key, command=command)
    error = failure(stranger, keys)
    assert (error.cause, quoted in error.message) == ('forced_command', True)


@pytest.mark.parametrize(
    'command',
    ['cat /dev/zero', 'while :; do echo noise; done', 'cat /dev/zero >&2', 'exec sleep 600', "printf '\\033[2Jowned\\n'; exit 1"],
)  # fmt: skip
def test_it_bounds_what_a_hostile_machine_says(
    sshd: Sshd, stranger: Target, keys: Keys, command: str
) -> None:
    sshd.authorize(keys.public_key, command=command)
    error = failure(stranger, keys, timeout_s=1)
    assert len(str(error)) < 1000
    assert str(error).isprintable()


def test_it_cleans_what_it_quotes() -> None:
    assert clean(b'a\x1b[31mred\x07\r\n\tb \xff\xe2\x80\xae') == 'a [31mred b \N{REPLACEMENT CHARACTER}'
    assert len(clean(b'x' * 100_000)) == 500


@needs_root
def test_it_tells_whether_sudo_is_allowed(sshd: Sshd, target: Target, keys: Keys) -> None:
    wanting = replace(target, sudo=True)
    found = probe(wanting, keys)
    assert found.sudo_available is False
    assert f'{sshd.user} ALL=(root) NOPASSWD: /usr/bin/rsync' in (found.sudo_details or '')
    with sshd.sudo_allowed():
        found = probe(wanting, keys)
    assert (found.sudo_available, found.sudo_details is None) == (True, False)


def test_it_tells_that_sudo_is_missing(sshd: Sshd, stranger: Target, keys: Keys) -> None:
    sshd.authorize(keys.public_key, environment=sshd.path_with(without=('sudo',)))
    found = probe(replace(stranger, sudo=True), keys)
    assert (found.sudo_available, 'not installed' in (found.sudo_message or '')) == (False, True)


@needs_root
def test_it_installs_the_key_once(sshd: Sshd, by_password: Target, keys: Keys) -> None:
    for _ in range(2):
        assert install_key(by_password, keys) == sshd.host_key_line
    lines = sshd.authorized_keys.read_text().splitlines()
    assert lines.count(keys.public_key) == 1
    assert probe(replace(by_password, auth_method='key', password=None), keys).status == 'trusted'
    found = [
        stat.filemode(path.stat().st_mode) for path in (sshd.authorized_keys.parent, sshd.authorized_keys)
    ]
    assert found == ['drwx------', '-rw-------']


@needs_root
def test_it_installs_the_key_where_nothing_is_yet(keys: Keys) -> None:
    with Sshd() as fresh:
        fresh.authorized_keys.unlink()
        fresh.authorized_keys.parent.rmdir()
        target = Target(
            alias='x', host=fresh.host, port=fresh.port, username=fresh.user, auth_method='password', password=fresh.password
        )  # fmt: skip
        assert install_key(target, keys) == fresh.host_key_line
        assert fresh.authorized_keys.read_text() == f'{keys.public_key}\n'
        assert fresh.authorized_keys.owner() == fresh.user


@needs_root
def test_it_adds_the_key_after_a_line_without_an_end(keys: Keys) -> None:
    with Sshd() as fresh:
        fresh.authorized_keys.write_text('# a note\n#' + keys.public_key)
        target = Target(
            alias='x', host=fresh.host, port=fresh.port, username=fresh.user, auth_method='password', password=fresh.password
        )  # fmt: skip
        install_key(target, keys)
        assert fresh.authorized_keys.read_text().splitlines() == [
            '# a note', '#' + keys.public_key, keys.public_key,
        ]  # fmt: skip


@needs_root
def test_it_says_when_the_key_cannot_be_written(keys: Keys) -> None:
    with Sshd() as fresh:
        fresh.authorized_keys.unlink()
        fresh.authorized_keys.mkdir()
        os.chown(fresh.authorized_keys, 0, 0)
        fresh.authorized_keys.chmod(0o755)
        target = Target(
            alias='x', host=fresh.host, port=fresh.port, username=fresh.user, auth_method='password', password=fresh.password
        )  # fmt: skip
        with pytest.raises(ClientError) as caught:
            install_key(target, keys)
        assert caught.value.cause == 'install_key'


@contextmanager
def gateway(keys: Keys, target: Target, *, forwarding: bool = True) -> Iterator[Target]:
    """A second machine, and the target behind it."""
    with Sshd() as server:
        server.authorize(keys.public_key, command=None if forwarding else 'true')
        keys.pin('gateway', server.host_key_line)
        jump = Target(alias='gateway', host=server.host, port=server.port, username=server.user)
        yield replace(target, jump=jump)


def test_it_reaches_a_machine_over_another(target: Target, keys: Keys) -> None:
    with gateway(keys, target) as behind:
        assert probe(behind, keys).status == 'trusted'
        refused = failure(replace(behind, port=1), keys)
        keys.forget('gateway')
        unknown = failure(behind, keys)
    assert (refused.cause, unknown.cause) == ('jump', 'host_key_unknown')


def test_it_tells_a_gateway_that_lets_nobody_through(target: Target, keys: Keys) -> None:
    with gateway(keys, target, forwarding=False) as behind:
        error = failure(behind, keys)
    assert (error.cause, 'does not let' in error.message) == ('jump', True)


def test_it_leaves_no_connection_behind(target: Target, keys: Keys) -> None:
    def threads() -> int:
        return len([thread for thread in threading.enumerate() if 'Transport' in type(thread).__name__])

    before = threads()
    for _ in range(3):
        probe(target, keys)
    until(lambda: threads() <= before, 'the end of the threads')
