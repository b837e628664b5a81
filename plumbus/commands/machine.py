"""What `check` looks at on this machine: the user, the clock's zone, the port, the programs that do the work."""

import errno
import os
import pwd
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

from plumbus.backup.capabilities import local_rsync
from plumbus.backup.shortcomings import shortcomings_of_rsync
from plumbus.cancellation import Cancellation
from plumbus.commands.findings import Finding, ok, problem, warning
from plumbus.commands.server import version_there
from plumbus.config import Settings
from plumbus.errors import TransferFailed
from plumbus.services.certificate import certificate
from plumbus.transfer import process, rsync

PROGRAMS = {'cp': 'coreutils', 'sync': 'coreutils'}
OLDEST_SSH = (8, 4)  # the first that knows SSH_ASKPASS_REQUIRE
OLDEST_RSYNC = (3, 2, 3)  # the first that knows --mkpath and the checksums of the manifest
FEW_DAYS = 14


def check_configuration(settings: Settings) -> Iterator[Finding]:
    """Yield what is set; a setting that is wrong ends the command before."""
    yield ok(
        'configuration',
        f'data folder {settings.data_dir.resolve()}, {_scheme(settings)}://{_address(settings)}, {settings.max_parallel} runs at once',
    )


def check_user(_settings: Settings) -> Iterator[Finding]:
    """Yield whether the user has an entry in the passwd file (ssh: "No user exists for uid …")."""
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        yield problem(
            'user',
            f'The user id {uid} has no entry in /etc/passwd, and ssh does not start without one.',
            f'Give it one, as in: useradd --uid {uid} plumbus; in the container run as root or as its user plumbus (uid 1000).',
        )
        return
    kept = (
        'owners of files are kept' if uid == 0 else 'not as root: see docs/recovery.md about owners of files'
    )
    yield ok('user', f'{entry.pw_name} (uid {uid}), {kept}')


def check_time_zone(settings: Settings) -> Iterator[Finding]:
    """Yield in which time zone schedules are read."""
    try:
        now = datetime.now(settings.zone)
    except (ZoneInfoNotFoundError, ValueError):
        message = 'The time zone of this system is none that is known.'
        yield problem('time zone', message, 'Set TZ, as in TZ=Europe/Berlin.')
        return
    if settings.timezone is None and '/zoneinfo/' not in os.path.realpath('/etc/localtime'):
        message = 'This system names no time zone, so schedules are read in UTC.'
        yield warning('time zone', message, 'Set TZ, as in TZ=Europe/Berlin.')
        return
    yield ok('time zone', f'{settings.zone.key}, where it is {now:%H:%M} now')


def check_port(settings: Settings) -> Iterator[Finding]:
    """Yield whether the listening port is free, or a PLUMBUS answers there."""
    where = f'{_address(settings)}'
    family = socket.AF_INET6 if ':' in settings.host else socket.AF_INET
    try:
        with socket.create_server((settings.host, settings.port), family=family):
            yield ok('port', f'{where} is free')
    except OSError as error:
        if error.errno == errno.EADDRINUSE and (version := version_there(settings)):
            yield ok('port', f'PLUMBUS {version} answers at {where}')
            return
        reason = (error.strerror or str(error)).partition(' (while')[0]
        yield problem(
            'port',
            f'PLUMBUS cannot listen on {where}: {reason}.',
            'Stop the program that has the port, or choose another with PLUMBUS_PORT or PLUMBUS_HOST.',
        )


def check_certificate(settings: Settings) -> Iterator[Finding]:
    """Yield whether https works with the certificate of the settings, and for how long."""
    found = certificate(settings)
    if found is None:
        yield ok('https', 'plain http; see docs/security.md before others than this machine may reach it')
        return
    days = (found.valid_until - datetime.now(UTC)).days
    message = f'The certificate for https {"ends" if days >= 0 else "ended"} on {found.valid_until:%Y-%m-%d}.'
    if days < FEW_DAYS:
        yield warning('https', message, 'Renew it, put it in its place and restart PLUMBUS.')
    else:
        yield ok('https', f'the certificate is valid until {found.valid_until:%Y-%m-%d}')


def check_rsync(settings: Settings) -> Iterator[Finding]:
    """Yield the version of rsync, and what is wrong with it."""
    tool = local_rsync(settings.data_dir)
    version = tuple(int(part) for part in re.findall(r'\d+', tool.version)[:3])
    if tool.version and version < OLDEST_RSYNC:
        yield problem('rsync', f'rsync {tool.version} is too old.', 'Update it, to 3.4.3 or newer.')
        return
    found = list(shortcomings_of_rsync(tool))
    for one in found:
        yield (problem if one.fatal else warning)('rsync', one.message, one.remedy)
    if not found:
        yield ok('rsync', f'rsync {tool.version}')


def check_ssh(settings: Settings) -> Iterator[Finding]:
    """Yield the version of ssh."""
    try:
        told = _first_words(['ssh', '-V'], settings.data_dir)
    except TransferFailed as error:
        yield problem('ssh', error.message, 'Install it, as in: apt install openssh-client')
        return
    found = re.search(r'OpenSSH\w*_(\d+)\.(\d+)\w*', told)
    if not found:
        message = f'ssh on this server is not OpenSSH ({told[:80]}).'
        yield problem('ssh', message, 'Install OpenSSH, as in: apt install openssh-client')
    elif (int(found[1]), int(found[2])) < OLDEST_SSH:
        message = f'{found[0]} is too old for clients with a password.'
        yield warning('ssh', message, 'Update it, to OpenSSH 8.4 or newer, or use keys.')
    else:
        yield ok('ssh', found[0].replace('_', ' '))


def check_programs(settings: Settings) -> Iterator[Finding]:
    """Yield whether the other programs are there that a backup starts."""
    path = rsync.environment(settings.data_dir)['PATH']
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    for name in missing:
        message = f'The program {name} is missing on this server.'
        yield problem('programs', message, f'Install it, as in: apt install {PROGRAMS[name]}')
    if not missing:
        yield ok('programs', ', '.join(PROGRAMS))


def _scheme(settings: Settings) -> str:
    return 'https' if settings.tls_cert else 'http'


def _address(settings: Settings) -> str:
    host = f'[{settings.host}]' if ':' in settings.host else settings.host
    return f'{host}:{settings.port}'


def _first_words(argv: list[str], home: Path) -> str:
    lines: list[bytes] = []
    process.run(
        argv,
        cancellation=Cancellation(),
        env=rsync.environment(home),
        on_output=lines.extend,
        on_error=lines.extend,
        idle_timeout_s=10,
        time_limit_s=20,
    )
    return b' '.join(lines)[:500].decode('ascii', 'replace')
