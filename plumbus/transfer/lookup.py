"""Asks what lies at given paths of a client, through rsync itself: works alike with sudo and with keys bound to rrsync."""

import secrets
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from plumbus.errors import PlumbusError
from plumbus.transfer.items import OUT_FORMAT, Kind, is_item, parse_item, sealed
from plumbus.transfer.ssh import SshSession

IDLE_TIMEOUT_S = 180
COMPLETE = {0, 23, 24}  # what may not be looked at, and what vanished, is as good as not there


class Found(NamedTuple):
    """What lies somewhere: what it is, its bytes, when it was modified (seconds UTC)."""

    kind: Kind
    size: int
    mtime: int


def look_up(
    session: SshSession, paths: Iterable[bytes], *, sudo: bool = False, certain: bool = False
) -> dict[bytes, Found] | None:
    """Given absolute paths, return what lies at those that are there; None if nobody could look. Raise Cancelled.

    Links are told as links, but one that stands on the way to a path is followed. `certain`: None as well if at some path
    there may be something that could not be looked at.
    """
    found: dict[bytes, Found] = {}
    unread: list[bytes] = []
    seal = secrets.token_hex(8)

    def take(lines: list[bytes]) -> None:
        for line in filter(None, (sealed(line, seal.encode()) for line in lines)):
            if item := parse_item(line):
                found[b'/' + item.path] = Found(item.kind, item.size, item.mtime)
            elif is_item(line):
                unread.append(line)

    try:
        outcome = session.shared.run(
            _arguments(session, sudo, seal),
            feed=_separated(paths),
            on_output=take,
            env=session.env,
            idle_timeout_s=IDLE_TIMEOUT_S,
        )
    except PlumbusError:
        session.cancellation.check()
        return None
    session.cancellation.check()
    if outcome.timed_out or outcome.exit_code not in COMPLETE:
        return None
    return None if certain and (outcome.exit_code or unread) else found


def _arguments(session: SshSession, sudo: bool, seal: str) -> list[str]:
    return [
        'rsync', '--dry-run', '--dirs', '-lptgoD', '--numeric-ids', '--fake-super', '--no-h', '--outbuf=L', f'--timeout={IDLE_TIMEOUT_S}',
        '--no-implied-dirs', '--ignore-missing-args', f'--out-format={seal}{OUT_FORMAT}', '--from0', '--files-from=-',
        '-e', session.rsync_shell, *(['--rsync-path=sudo -n rsync'] if sudo else []), f'{session.alias}:/', f'{session.empty}/',
    ]  # fmt: skip


def _separated(paths: Iterable[bytes]) -> Iterator[bytes]:
    for path in paths:
        yield path + b'\0'
