"""A temporary folder with everything ssh needs for one client: its configuration, host key, login key and secrets.

Nothing secret is in an argument list or in the environment: ssh asks a script, and that reads a file of mode 0600.
"""

import fcntl
import os
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from plumbus.cancellation import Cancellation
from plumbus.errors import ClientError
from plumbus.transfer.keys import Keys
from plumbus.transfer.rsync import environment
from plumbus.transfer.shared_login import SharedLogin, takes
from plumbus.transfer.target import Target, require_password

__all__ = ['SshSession', 'Target', 'remove_leftovers', 'session']

PREFIX = 'plumbus-ssh-'
MEMORY = Path('/dev/shm')  # noqa: S108 # nosec B108 -- a private folder is made in it, so that secrets touch no disk
# GSSAPI and agents stay out through PreferredAuthentications and IdentityAgent: not every ssh knows the GSSAPI words.
HOST_BLOCK = """\
Host {alias}
  HostName {host}
  Port {port}
  User {username}
  HostKeyAlias {alias}
  BatchMode {batch_mode}
  PreferredAuthentications {methods}
{extra}
"""
SHARED_BLOCK = """\
Host {alias}
  ControlPath {socket}
"""
COMMON_BLOCK = """\
Host *
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  VerifyHostKeyDNS no
  CheckHostIP no
  CanonicalizeHostname no
  IdentitiesOnly yes
  IdentityAgent none
  NumberOfPasswordPrompts 1
  ConnectTimeout 15
  ConnectionAttempts 1
  ServerAliveInterval 15
  ServerAliveCountMax 3
  ControlMaster no
  ControlPath none
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  RequestTTY no
  Compression no
  LogLevel ERROR
  Ciphers {ciphers}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SshSession:
    """What a child needs to reach the machine. Valid inside the `session` block only.

    `env` is the whole environment for ssh and rsync; `empty` is an empty folder, for listings into nothing.
    """

    config_path: Path
    alias: str
    env: Mapping[str, str]
    empty: Path
    target: Target
    cancellation: Cancellation
    shared: SharedLogin

    @property
    def rsync_shell(self) -> str:
        """The value of rsync's -e: fixed words and our own path."""
        quoted = str(self.config_path).replace(
            "'", "''"
        )  # as rsync(1) wants it, which is not as a shell does
        return f"ssh -F '{quoted}'"

    def ssh_argv(self, command: str, *, alone: bool = False) -> list[str]:
        """Given a command for the login shell over there, return the arguments that run it, `alone` by a login of its own."""
        own = ['-o', 'ControlPath=none'] if alone else []
        return ['ssh', '-F', str(self.config_path), *own, '-T', '--', self.alias, command]


@contextmanager
def session(target: Target, keys: Keys, cancellation: Cancellation) -> Iterator[SshSession]:
    """Given a target whose host key is pinned, yield a session; its folder is gone afterwards.

    Raise ClientError if a host key, password or key file is missing, Cancelled if there is no use for it any more.
    """
    cancellation.check()
    with ExitStack() as stack:
        parent = _parent()
        remove_leftovers(parent)
        folder = stack.enter_context(_private_folder(parent))
        scripts = (
            folder if _may_execute(folder) else stack.enter_context(_private_folder(_executable_parent(keys)))
        )
        (folder / 'empty').mkdir(mode=0o700)
        config = _write(folder / 'config', _config(target, keys, folder))
        env = {**environment(folder), **_askpass(target, folder, scripts)}
        shared = SharedLogin(['ssh', '-F', str(config)], target.alias, _socket(folder), env, cancellation)
        stack.callback(shared.close)
        yield SshSession(
            config_path=config,
            alias=target.alias,
            env=env,
            empty=folder / 'empty',
            target=target,
            cancellation=cancellation,
            shared=shared,
        )


def remove_leftovers(parent: Path | None = None, older_than_s: float = 60) -> None:
    """Remove the sessions of a process that was killed: nobody holds their lock. `parent` is the folder they lie in."""
    for folder in (parent or _parent()).glob(f'{PREFIX}*'):
        with suppress(OSError):  # another user's, or in use
            if time.time() - folder.lstat().st_mtime > older_than_s:
                with _locked(folder):
                    shutil.rmtree(folder)


def _config(target: Target, keys: Keys, folder: Path) -> str:
    known_hosts = _write(folder / 'known_hosts', ''.join(_known_host(hop, keys) for hop in target.chain))
    blocks = [_host_block(hop, keys, folder) for hop in target.chain]
    socket = _socket(folder)
    shared = SHARED_BLOCK.format(alias=target.alias, socket=_quoted(socket)) if takes(socket) else ''
    return (
        shared + ''.join(blocks) + COMMON_BLOCK.format(known_hosts=_quoted(known_hosts), ciphers=_ciphers())
    )


def _socket(folder: Path) -> Path:
    return folder / 'shared'


def _host_block(target: Target, keys: Keys, folder: Path) -> str:
    extra = [f'ProxyJump {target.jump.alias}'] if target.jump else []
    if target.auth_method == 'key':
        extra += ['PubkeyAuthentication yes', f'IdentityFile {_quoted(_identity(target, keys, folder))}']
    else:
        extra += ['PubkeyAuthentication no']
        require_password(target)
    return HOST_BLOCK.format(
        alias=target.alias,
        host=target.host.replace(
            '%', '%%'
        ),  # the zone of an IPv6 address; a % begins a token in ssh_config(5)
        port=target.port,
        username=target.username,
        batch_mode='yes' if target.auth_method == 'key' else 'no',
        methods='publickey' if target.auth_method == 'key' else 'password,keyboard-interactive',
        extra='\n'.join(f'  {line}' for line in extra),
    )


def _known_host(target: Target, keys: Keys) -> str:
    key_line = target.pinned(keys)
    if not key_line:
        raise ClientError(
            f'The host key of {target.host} is not known yet.',
            'Test the connection of this client once: that pins its host key.',
            'host_key_unknown',
        )
    return f'{target.alias} {key_line}\n'


def _identity(target: Target, keys: Keys, folder: Path) -> Path:
    """Return a path inside our folder, so that no free text gets into the configuration."""
    path = folder / f'{target.alias}.key'
    if target.private_key:
        return _write(path, target.private_key.replace('\r\n', '\n').rstrip() + '\n')
    path.symlink_to(target.key_file(keys).absolute())
    return path


def _askpass(target: Target, folder: Path, scripts: Path) -> dict[str, str]:
    """Write a script that answers ssh's question for the password of one machine with that password, and no other.

    A question begins with what ssh itself puts there, login and alias (sshconnect2.c), whatever the machine adds.
    """
    cases = []
    for hop in target.chain:
        if hop.auth_method == 'password' and hop.password:
            secret = _write(folder / f'{hop.alias}.secret', f'{hop.password}\n')
            questions = '|'.join(f'{shlex.quote(question)}*' for question in _questions(hop))
            cases.append(f'  {questions}) exec cat {shlex.quote(str(secret))} ;;\n')
    if not cases:
        return {}
    text = f'#!/bin/sh\ncase "$1" in\n{"".join(cases)}esac\nexit 1\n'
    script = _write(scripts / 'askpass', text, 0o700)
    return {'SSH_ASKPASS': str(script), 'SSH_ASKPASS_REQUIRE': 'force'}


def _questions(target: Target) -> list[str]:
    # ssh cuts the login after 30 characters in the first of them.
    return [f"{target.username[:30]}@{target.alias}'s password: ", f'({target.username}@{target.alias}) ']


def _ciphers() -> str:
    """AES first where the processor helps with it, ChaCha20 where it does not (Raspberry Pi 4 and older)."""
    with suppress(OSError):
        for line in Path('/proc/cpuinfo').read_text(errors='replace').splitlines():
            name, _, words = line.partition(':')
            if name.strip() in {'flags', 'Features'} and 'aes' in words.split():
                return '^aes128-gcm@openssh.com,aes256-gcm@openssh.com'
    return '^chacha20-poly1305@openssh.com'


def _parent() -> Path:
    return MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _executable_parent(keys: Keys) -> Path:
    # A container's /dev/shm is usually mounted noexec, and no script starts from there.
    return next(
        (path for path in (Path(tempfile.gettempdir()), keys.folder) if _may_execute(path)), keys.folder
    )


def _may_execute(folder: Path) -> bool:
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC


@contextmanager
def _private_folder(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(stat.S_IRWXU)
        with _locked(folder):
            yield folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, 'w', encoding='utf-8') as file:
        file.write(text)
    return path


def _quoted(path: Path) -> str:
    return '"' + str(path).replace('%', '%%') + '"'
