"""Asks a client how much is free on the disks of given folders."""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from plumbus.errors import PlumbusError
from plumbus.transfer.ssh import SshSession
from plumbus.transfer.words import shell_word

MOST_FOLDERS = 64
LIMIT_S = 30
# For each folder a line: 1, then what df says of it or of the nearest one above it that is there; 0 if the login cannot even
# see whether it is there. Where sudo allows df, it sees everything.
SCRIPT = (
    'PATH=$PATH:/usr/sbin:/sbin; export LC_ALL=C; d=df; '
    'if [ "$0" = sudo ] && sudo -n -l df >/dev/null 2>&1; then d="sudo -n df"; fi; '
    'for w in "$@"; do p=$(printf "%b." "$w"); p=${p%.}; s=1; '
    'while :; do o=$($d -Pk -- "$p" 2>/dev/null | tail -n +2 | tail -n 1); '
    'if [ -n "$o" ] || [ "$p" = / ]; then break; fi; '
    'p=${p%/*}; p=${p:-/}; if [ "$d" = df ] && [ ! -x "$p" ]; then s=0; fi; done; '
    'echo "PLUMBUS $s $o"; done'
)


class Room(NamedTuple):
    """`free` bytes on a `disk`. Not `sure`: the folder itself could not be seen, so that is the disk of one above it."""

    free: int
    disk: bytes
    sure: bool


def rooms(session: SshSession, folders: Sequence[bytes], *, sudo: bool = False) -> list[Room | None]:
    """Given up to 64 absolute folders, return of each the room on its disk, None where that cannot be told. Raise Cancelled."""
    words = ' '.join(shell_word(folder) for folder in folders)
    lines: list[bytes] = []
    try:
        session.shared.run(
            session.ssh_argv(f'exec sh -c {shlex.quote(SCRIPT)} {"sudo" if sudo else "self"} {words}'),
            env=session.env,
            on_output=lines.extend,
            idle_timeout_s=LIMIT_S,
            time_limit_s=LIMIT_S,
        )
    except PlumbusError:
        lines = []
    session.cancellation.check()
    told = [_room(line) for line in lines if line.startswith(b'PLUMBUS ')]
    return told if len(told) == len(folders) else [None] * len(folders)


def _room(line: bytes) -> Room | None:
    """Given a line of the script (df -P: device, blocks, used, free, percent, mount point), return what it tells."""
    _, there, *facts = [*line.split(None, 7), b'']
    if len(facts) < 7 or not facts[3].isdigit() or len(facts[3]) > 18:
        return None
    return Room(int(facts[3]) * 1024, facts[0] + b' ' + facts[5], there == b'1')
