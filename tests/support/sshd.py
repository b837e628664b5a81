"""A real sshd of our own on a free loopback port, as a sample client. Needs no pytest: the demo starts one too.

As root it makes a throw-away user with a password; as an ordinary user it serves that user, by key only.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

SSHD = shutil.which('sshd', path=f'{os.environ.get("PATH", "")}:/usr/sbin:/usr/local/sbin:/sbin')
HOST = '127.0.0.1'
PROGRAMS = (
    'bash',
    'cat',
    'chmod',
    'cut',
    'env',
    'id',
    'ls',
    'mkdir',
    'rsync',
    'sh',
    'sleep',
    'sudo',
    'test',
    'uname',
)
IS_ROOT = os.getuid() == 0
RRSYNC = shutil.which('rrsync')
CONFIG = """\
Port {port}
ListenAddress {host}
PidFile none
UsePAM no
PasswordAuthentication {password}
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin prohibit-password
PermitUserEnvironment yes
AuthorizedKeysFile {authorized_keys}
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 200
MaxSessions 200
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


class Sshd:
    """One private sshd. `user` may log in with the keys given to `authorize`, and with `password` if there is one."""

    def __init__(self, host_key_types: tuple[str, ...] = ('ed25519', 'ecdsa')) -> None:
        if not SSHD:
            raise RuntimeError(
                'There is no sshd on this machine. Install it, as in `apt install openssh-server`.'
            )
        self.host = HOST
        self.port = 0
        self.user = ''
        self.home = Path()
        self.password: str | None = None
        self.host_key_types = host_key_types
        self.folder = Path()
        self.authorized_keys = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Make the user, the keys and the configuration, and return once the port answers."""
        self.folder = Path(tempfile.mkdtemp(prefix='plumbus-sshd-'))
        self.folder.chmod(0o755)
        try:
            self._prepare_user()
            self._make_host_keys()
            self._listen()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and every session of it, and remove what `start` made."""
        self._end()
        if IS_ROOT and self.user:
            _sudoers(self.user).unlink(missing_ok=True)
            with contextlib.suppress(KeyError):  # it was not made
                _kill_all(self.ids[0])
                _retried(['userdel', '-f', self.user])
        _remove(self.folder)

    @property
    def pid(self) -> int:
        """The process that listens; all sessions are below it."""
        assert self._process
        return self._process.pid

    @property
    def host_key_line(self) -> str:
        """The first host key as `ssh-ed25519 AAAA…`, which is a line of known_hosts without the host."""
        return self.host_key_lines[0]

    @property
    def host_key_lines(self) -> list[str]:
        """All host keys, one for each type."""
        texts = [self._host_key(kind).with_suffix('.pub').read_text() for kind in self.host_key_types]
        return [' '.join(text.split()[:2]) for text in texts]

    @property
    def log(self) -> str:
        """What sshd has written so far."""
        return (self.folder / 'sshd.log').read_text(errors='replace')

    @property
    def ids(self) -> tuple[int, int]:
        """The user's uid and gid."""
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid

    def authorize(
        self, public_key: str, *, command: str | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Given a public key, let it log in; with `command` it may run nothing else (see sshd(8))."""
        options = [f'environment="{name}={value}"' for name, value in (environment or {}).items()]
        if command:
            escaped = command.replace('"', '\\"')
            options.append(f'restrict,command="{escaped}"')
        line = f'{",".join(options)} {public_key}'.strip()
        with self.authorized_keys.open('a') as file:
            file.write(f'{line}\n')

    def authorize_noisy(self, public_key: str) -> None:
        """Given a public key, let it log in to a shell that prints a greeting where it should be silent."""
        self.authorize(public_key, command='echo "Welcome to this machine!"; eval "$SSH_ORIGINAL_COMMAND"')

    def path_with(
        self, *, without: tuple[str, ...] = (), scripts: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return an environment for `authorize` whose PATH misses some programs and has scripts in place of others."""
        folder = Path(tempfile.mkdtemp(prefix='bin-', dir=self.folder))
        folder.chmod(0o755)
        for name in set(PROGRAMS) - set(without) - set(scripts or ()):
            if found := shutil.which(name):
                (folder / name).symlink_to(found)
        for name, text in (scripts or {}).items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return {'PATH': str(folder)}

    @contextlib.contextmanager
    def sudo_allowed(self, commands: str = '') -> Iterator[None]:
        """While in this block the user may run rsync, or these commands, as root. Needs root."""
        file = _sudoers(self.user)
        file.touch(0o440)
        file.write_text(f'{self.user} ALL=(root) NOPASSWD: {commands or shutil.which("rsync")}\n')
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def renew_host_keys(self) -> None:
        """Let the server come back with other host keys on the same port, as a reinstalled machine does."""
        self._end()
        self._make_host_keys()
        self._listen(self.port)

    def _prepare_user(self) -> None:
        if not IS_ROOT:
            self.user = pwd.getpwuid(os.getuid()).pw_name
            self.home = Path(pwd.getpwnam(self.user).pw_dir)
            self.authorized_keys = self.folder / 'authorized_keys'
            self.authorized_keys.touch(0o600)
            return
        Path('/run/sshd').mkdir(mode=0o755, exist_ok=True)
        self.user = f'plumbus-t-{os.getpid()}-{secrets.token_hex(2)}'
        self.home = self.folder / 'home'
        _retried(
            ['useradd', '--create-home', '--home-dir', str(self.home), '--shell', '/bin/bash', self.user]
        )
        self.password = f'{secrets.token_urlsafe(9)} with \'spaces" $x'
        _retried(['chpasswd'], f'{self.user}:{self.password}\n')
        self.authorized_keys = self.home / '.ssh' / 'authorized_keys'
        self.authorized_keys.parent.mkdir(mode=0o700)
        self.authorized_keys.touch(0o600)
        for path in (self.authorized_keys.parent, self.authorized_keys):
            os.chown(path, *self.ids)

    def _host_key(self, kind: str) -> Path:
        return self.folder / f'host_{kind}'

    def _make_host_keys(self) -> None:
        for kind in self.host_key_types:
            self._host_key(kind).unlink(missing_ok=True)
            arguments = ['-q', '-t', kind, '-N', '', '-C', 'sample', '-f', str(self._host_key(kind))]
            subprocess.run(['ssh-keygen', *arguments], check=True, stdin=subprocess.DEVNULL, timeout=60)

    def _listen(self, port: int = 0) -> None:
        for _ in range(5):  # another program may take the free port in between
            self.port = port or free_port()
            self._process = self._spawn(self._write_config())
            if self._answers():
                return
            self._end()
        raise RuntimeError(f'The sample sshd does not start: {self.log[-2000:]}')

    def _write_config(self) -> Path:
        text = CONFIG.format(
            port=self.port,
            host=HOST,
            password='yes' if self.password else 'no',
            authorized_keys='.ssh/authorized_keys' if IS_ROOT else self.authorized_keys,
        )
        text += ''.join(f'HostKey {self._host_key(kind)}\n' for kind in self.host_key_types)
        file = self.folder / 'sshd_config'
        # Since OpenSSH 9.8 an address whose logins fail is locked out for a while; older ones do not know the word.
        for extra in ('PerSourcePenalties no\n', ''):
            file.write_text(text + extra)
            if _run([str(SSHD), '-t', '-f', str(file)]).returncode == 0:
                break
        return file

    def _spawn(self, config: Path) -> subprocess.Popen[bytes]:
        with (self.folder / 'sshd.log').open('ab') as log:
            return subprocess.Popen(
                [str(SSHD), '-D', '-e', '-f', str(config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _answers(self) -> bool:
        deadline = time.monotonic() + 60
        while self._process and self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=5) as link:
                if link.recv(4) == b'SSH-':
                    return True
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if not process:
            return
        sessions = _descendants(process.pid)
        process.terminate()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=60)


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(word) for word in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except OSError:
        return []
    return children + [below for child in children for below in _descendants(child)]


def _kill_all(uid: int) -> None:
    """End what a throw-away user left running; the next one may get the same uid."""
    for process in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == uid:
                os.kill(int(process.name), signal.SIGKILL)


def _remove(folder: Path) -> None:
    """Given a tree, remove it with its read-only folders, which only root may empty as they are."""
    for parent, folders, _ in os.walk(folder):
        for path in (Path(parent, name) for name in folders):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _sudoers(user: str) -> Path:
    return Path('/etc/sudoers.d') / user


def _run(argv: list[str], text: str = '') -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)


def _retried(argv: list[str], text: str = '') -> None:
    # /etc/passwd is locked while another test worker makes its user.
    deadline = time.monotonic() + 60
    while (done := _run(argv, text)).returncode and time.monotonic() < deadline:
        time.sleep(0.2)
    if done.returncode:
        raise RuntimeError(f'{argv[0]} failed: {done.stderr.strip()}')
