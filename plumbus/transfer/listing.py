"""Lists a folder on a client through rsync itself: works alike with sudo and with keys bound to rrsync."""

import logging
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from plumbus.errors import ClientError
from plumbus.model import RemoteFile
from plumbus.transfer.items import OUT_FORMAT, Item, is_item, parse_item, sealed
from plumbus.transfer.names import path_bytes, path_text
from plumbus.transfer.outcome import explain
from plumbus.transfer.process import Outcome, run
from plumbus.transfer.ssh import SshSession

MOST_ENTRIES = 50_000
IDLE_TIMEOUT_S = 30
TIME_LIMIT_S = 60
LETTERS = {'folder': 'd', 'link': 'l', 'device': 'b', 'special': 'p', 'file': '-'}
log = logging.getLogger(__name__)
ERRNO = re.compile(rb'" failed: .* \((\d+)\)')


def list_folder(
    session: SshSession,
    path: str,
    *,
    sudo: bool = False,
    show_hidden: bool = True,
    login_uid: int | None = None,
    login_gids: Sequence[int] = (),
) -> list[RemoteFile]:
    """Given an absolute path, return its entries, folders first, then by name. A link to a folder is followed.

    Without `login_uid` everything counts as readable. Raise ClientError with the cause if there is no such folder, it
    may not be read, or it has more than 50,000 entries; Cancelled if the session was cancelled.
    """
    folder = path_bytes(path).rstrip(b'/')
    found: list[Item] = []
    unread: list[bytes] = []
    seal = secrets.token_hex(8)

    def take(lines: list[bytes]) -> None:
        for line in filter(None, (sealed(line, seal.encode()) for line in lines)):
            item = parse_item(line)
            if item and _is_entry(item, show_hidden):
                found.append(item)
            elif item is None and is_item(line):
                unread.append(line)
        if len(found) + len(unread) > MOST_ENTRIES:
            raise ClientError(
                f'{path} has more than {MOST_ENTRIES:,} entries.',
                'Type the path you want instead.',
                'too_many',
            )

    # Paths on stdin are taken literally, whereas rsync expands * and ? in arguments. What stands before /./ is left
    # out of the names (rsync(1), --relative).
    outcome = run(
        _arguments(session, sudo, seal),
        feed=[folder + b'/./\0'],
        on_output=take,
        env=session.env,
        cancellation=session.cancellation,
        idle_timeout_s=IDLE_TIMEOUT_S,
        time_limit_s=TIME_LIMIT_S,
    )
    session.cancellation.check()
    if outcome.timed_out or (outcome.exit_code and not found):
        raise _failure(session, path, outcome)
    if unread:
        log.warning(
            '%d entries of %s were listed in a way that cannot be read, as in %r',
            len(unread),
            path,
            unread[0],
        )
    reader = None if sudo or login_uid is None else (login_uid, frozenset(login_gids))
    return sorted((_remote_file(folder, item, reader) for item in found), key=_order)


def _arguments(session: SshSession, sudo: bool, seal: str) -> list[str]:
    # Without --fake-super an rsync that is not root prints no group that it could not set; nothing is written here.
    return [
        'rsync', '--dry-run', '--dirs', '-lptgoD', '--numeric-ids', '--fake-super', '--no-h', '--outbuf=L', f'--timeout={IDLE_TIMEOUT_S}',
        f'--out-format={seal}{OUT_FORMAT}', '--from0', '--files-from=-', '-e', session.rsync_shell,
        *(['--rsync-path=sudo -n rsync'] if sudo else []), f'{session.alias}:/', f'{session.empty}/',
    ]  # fmt: skip


def _is_entry(item: Item, show_hidden: bool) -> bool:
    # A hostile machine may send names with a slash, or none at all.
    name = item.path
    return name not in {b'', b'.', b'..'} and b'/' not in name and (show_hidden or not name.startswith(b'.'))


def _remote_file(folder: bytes, item: Item, reader: tuple[int, frozenset[int]] | None) -> RemoteFile:
    return RemoteFile(
        name=item.path.decode('utf-8', 'replace'),
        path=path_text(folder + b'/' + item.path),
        size=item.size,
        modified=_moment(item.mtime),
        is_dir=item.is_dir,
        is_link=item.is_link,
        permissions=f'{_bits(item.mode):03o}',
        mode=LETTERS[item.kind] + item.mode,
        readable=reader is None or _may_read(item, *reader),
    )


def _order(file: RemoteFile) -> tuple[bool, str, str]:
    return not file.is_dir, file.name.casefold(), file.name


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return ''


def _bits(mode: str) -> int:
    """Given a mode like rwsr-xr-t, return it as a number."""
    bits = sum(1 << (8 - place) for place, letter in enumerate(mode[:9]) if letter in 'rwxst')
    special = ((2, 'sS', 0o4000), (5, 'sS', 0o2000), (8, 'tT', 0o1000))
    return bits + sum(value for place, letters, value in special if mode[place : place + 1] in tuple(letters))


def _may_read(item: Item, uid: int, gids: frozenset[int]) -> bool:
    if uid == 0 or item.is_link:
        return True
    shift = 6 if item.uid == uid else 3 if item.gid in gids else 0
    needed = 0o5 if item.is_dir else 0o4
    return _bits(item.mode) >> shift & needed == needed


def _failure(session: SshSession, path: str, outcome: Outcome) -> ClientError:
    where = f'{path} on {session.target.host}'
    if outcome.timed_out:
        return ClientError(
            f'{where} could not be listed in time.', 'Try again later, or type the path.', 'timeout'
        )
    numbers = {int(match[1]) for line in outcome.error_lines if (match := ERRNO.search(line))}
    if 2 in numbers:
        return ClientError(f'There is no folder {where}.', 'Check the spelling.', 'source_missing')
    if 20 in numbers:
        return ClientError(f'{where} is not a folder.', 'Choose the folder it lies in.', 'not_a_folder')
    if 13 in numbers:
        remedy = 'Turn on sudo for this client, log in as root, or change the permissions over there.'
        return ClientError(f'{session.target.username} may not read {where}.', remedy, 'permission_denied')
    told = explain(outcome.exit_code, outcome.error_lines, stage='connect')
    return ClientError(told.message, told.remedy, told.cause)
