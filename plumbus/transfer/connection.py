"""Tests a connection: host key, login, rsync, sudo. What the machine answers is hostile input, cut and cleaned.

Also puts PLUMBUS's public key there. Pins nothing itself.
"""

import re
import secrets
import shlex
from dataclasses import dataclass, replace
from typing import Literal

from plumbus.errors import ClientError
from plumbus.transfer.keys import Keys, fingerprint
from plumbus.transfer.ssh_login import Answer, Login, login, read_host_key
from plumbus.transfer.target import Target

VERSION = re.compile(rb'rsync\s+version\s+v?((\d{1,4})\.(\d{1,4})[\w.+~-]{0,40})')
OLDEST = (3, 1)
# What rsync itself runs over there for a listing of / (rsync 3.1 and later understand it, rrsync allows it).
SERVER = 'rsync --server --sender -de.LsfxCIvu . /'
OLDEST_PROTOCOL, NEWEST_PROTOCOL = 31, 60  # 31 came with rsync 3.1
# One line, understood by every login shell, since only sh looks inside the quotes.
APPEND_KEY = (
    'umask 077; f="$HOME/.ssh/authorized_keys"; mkdir -p "$HOME/.ssh" && touch "$f" && read -r line || exit 1; '
    'set -f; set -- $line; '
    'if grep -v "^[[:space:]]*#" "$f" | grep -qF -- "$2"; then :; else '
    'if [ -n "$(tail -c 1 "$f")" ]; then echo >> "$f"; fi; printf "%s\\n" "$line" >> "$f"; fi || exit 1; '
    'chmod 700 "$HOME/.ssh" && chmod 600 "$f"; '
    'if command -v restorecon > /dev/null 2>&1; then restorecon -R "$HOME/.ssh" > /dev/null 2>&1; fi; :'
)
HOW_TO_INSTALL = (
    'Install it over there: sudo apt install rsync (Debian, Ubuntu, Raspberry Pi OS), sudo dnf install rsync '
    '(Fedora, RHEL), apk add rsync (Alpine).'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What a good connection test found.

    `restricted`: the key may run rsync and nothing else (a forced command); then nobody knows the uid, and
    `rsync_version` is the protocol's. The sudo fields are None unless the target wants sudo.
    """

    fingerprint: str
    host_key_line: str
    status: Literal['new', 'trusted', 'changed']
    system_info: str
    rsync_version: str
    latency_ms: float
    restricted: bool = False
    sudo_available: bool | None = None
    sudo_message: str | None = None
    sudo_details: str | None = None
    login_uid: int | None = None
    login_gids: list[int]


def probe(target: Target, keys: Keys, *, timeout_s: float = 10) -> Probe:
    """Given a target, log in and look around; each step may take `timeout_s`, all of them four times that.

    Raise HostKeyChanged, or ClientError with cause, message and remedy. Sudo that is not allowed raises nothing.
    """
    with login(target, keys, timeout_s) as shell:
        found = Probe(
            fingerprint=fingerprint(shell.host_key_line),
            host_key_line=shell.host_key_line,
            status='trusted' if target.pinned(keys) else 'new',
            system_info='',
            rsync_version='',
            latency_ms=round(shell.latency_ms(), 1),
            login_gids=[],
        )
        return _look_around(shell, found)


def host_key(target: Target, keys: Keys, *, timeout_s: float = 10) -> str:
    """Given a target, return the host key it shows now as `type key`, to be compared with what a user trusts."""
    return read_host_key(target, keys, timeout_s)


def install_key(target: Target, keys: Keys, *, timeout_s: float = 10) -> str:
    """Given a target with its password, put PLUMBUS's public key there and log in with it. Return the host key line.

    Done again it changes nothing. Raise ClientError if the password or afterwards the key is refused.
    """
    with login(target, keys, timeout_s) as shell:
        answer = shell.run(f'exec sh -c {shlex.quote(APPEND_KEY)}', f'{keys.public_key}\n'.encode())
        if answer.exit_code != 0:
            raise ClientError(
                f'The key could not be written on {target.host}: {_first_line(answer)}',
                'Check that the home folder of that user exists and is writable, or paste the command of Settings there.',
                'install_key',
            )
        line = shell.host_key_line
    by_key = replace(
        target, auth_method='key', password=None, private_key=None, key_path=None, host_key_line=line
    )
    with login(by_key, keys, timeout_s):
        return line


def clean(text: bytes, limit: int = 500) -> str:
    """Given what a machine wrote, return at most `limit` characters of it in one line, without control characters."""
    printable = (char if char.isprintable() else ' ' for char in text[: limit * 4].decode(errors='replace'))
    return ' '.join(''.join(printable).split())[:limit]


def _look_around(shell: Login, found: Probe) -> Probe:
    mark = secrets.token_hex(8)
    answer = shell.run(f'echo {mark}; uname -a; echo {mark}; id -u; echo {mark}; id -G')
    noise, *facts = re.split(rf'^{mark}\r?$', answer.output.decode(errors='replace'), flags=re.MULTILINE)
    if len(facts) != 3:
        return _look_through_rsync(shell, found, answer)
    if noise.strip():
        raise _not_clean(shell.target, noise.encode())
    system, uid, gids = facts
    found = replace(
        found,
        system_info=clean(system.encode()),
        login_uid=next(iter(_numbers(uid)), None),
        login_gids=_numbers(gids),
        rsync_version=_rsync_version(shell),
    )
    return _with_sudo(shell, found) if shell.target.sudo else found


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()[:1000] if word.isascii() and word.isdigit() and len(word) < 11]


def _rsync_version(shell: Login) -> str:
    host = shell.target.host
    answer = shell.run('rsync --version')
    match = VERSION.search(answer.output)
    if match and (int(match[2]), int(match[3])) >= OLDEST:
        return clean(match[1])
    if match or b'openrsync' in answer.output:
        told = clean(match[1]) if match else 'openrsync'
        raise ClientError(
            f'rsync on {host} is too old: {told}.',
            f'PLUMBUS needs rsync 3.1 or newer. {HOW_TO_INSTALL}',
            'rsync_old',
        )
    if answer.exit_code == 127 or b'not found' in answer.error:
        raise ClientError(f'rsync is not installed on {host}.', HOW_TO_INSTALL, 'rsync_missing')
    raise ClientError(
        f'rsync on {host} does not start: {_first_line(answer)}', f'Run rsync --version there. {HOW_TO_INSTALL}', 'rsync_missing'
    )  # fmt: skip


def _look_through_rsync(shell: Login, found: Probe, answer: Answer) -> Probe:
    """The login runs no commands of ours. A key that is bound to rsync or rrsync can still make backups."""
    first = shell.first_bytes(SERVER, 4)
    protocol = int.from_bytes(first, 'little') if len(first) == 4 else 0
    if OLDEST_PROTOCOL <= protocol <= NEWEST_PROTOCOL:
        info = 'This login may run rsync and nothing else, so the system is not known.'
        found = replace(found, restricted=True, system_info=info, rsync_version=f'protocol {protocol}')
        return _without_sudo(found) if shell.target.sudo else found
    if 0 < protocol < OLDEST_PROTOCOL:
        raise ClientError(
            f'rsync on {shell.target.host} is too old: it speaks protocol {protocol}.',
            f'PLUMBUS needs rsync 3.1 or newer. {HOW_TO_INSTALL}',
            'rsync_old',
        )
    raise ClientError(
        f'{shell.target.username} may not run commands on {shell.target.host}: {_first_line(answer)}',
        'Give that user a login shell, or let its key run rsync: command="rrsync -ro /" in authorized_keys.',
        'forced_command',
    )


def _not_clean(target: Target, noise: bytes) -> ClientError:
    return ClientError(
        f'The shell of {target.username} on {target.host} prints “{clean(noise, 80)}” at every login, which breaks rsync.',
        'Let ~/.bashrc or ~/.profile over there print only in a terminal: put [ -t 1 ] && before it.',
        'shell_not_clean',
    )


def _with_sudo(shell: Login, found: Probe) -> Probe:
    answer = shell.run('env LC_ALL=C sudo -n rsync --version')
    version = VERSION.search(answer.output)
    if version:
        message = 'sudo runs rsync without a password.'
        details = clean(answer.output.splitlines()[0])
        return replace(found, sudo_available=True, sudo_message=message, sudo_details=details)
    path = clean(shell.run("sh -c 'command -v rsync'").output) or '/usr/bin/rsync'
    message, details = _why_no_sudo(shell.target, answer, path)
    return replace(found, sudo_available=False, sudo_message=message, sudo_details=details)


def _why_no_sudo(target: Target, answer: Answer, path: str) -> tuple[str, str]:
    who = f'{target.username} on {target.host}'
    if (
        answer.exit_code == 127
        or b'sudo: not found' in answer.error
        or b'sudo: command not found' in answer.error
    ):
        return (
            f'sudo is not installed on {target.host}.',
            'Install it, or log in as root and turn sudo off here.',
        )
    if b'must have a tty' in answer.error:
        return (
            'sudo wants a terminal.',
            f'Add this line with visudo over there: Defaults:{target.username} !requiretty',
        )
    name = re.sub(r'([@!=:,()\\ ])', r'\\\1', target.username)  # sudoers(5): these are escaped in a word
    line = f'{name} ALL=(root) NOPASSWD: {path}'
    return f'sudo does not let {who} run rsync without a password.', (
        f'Add this line with sudo visudo -f /etc/sudoers.d/plumbus over there: {line}'
    )


def _without_sudo(found: Probe) -> Probe:
    return replace(
        found,
        sudo_available=False,
        sudo_message='This login may run rsync and nothing else, so sudo cannot be used.',
        sudo_details='Turn sudo off here, and let the forced command start rsync with sudo itself.',
    )


def _first_line(answer: Answer) -> str:
    words = clean(answer.error, 200) or clean(answer.output, 200)
    return f'“{words}”.' if words else f'it ended with exit code {answer.exit_code}.'
