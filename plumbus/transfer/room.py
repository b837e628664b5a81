"""Asks the shell of a client how much is free on the disks of given folders, and what lies at given paths."""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from plumbus.errors import PlumbusError
from plumbus.transfer.items import Kind
from plumbus.transfer.lookup import Found
from plumbus.transfer.ssh import SshSession
from plumbus.transfer.words import shell_word

MOST_FOLDERS = 64
LIMIT_S = 30
# For each of the first words, as many as the number before them says, a line: what lies there, n if that is nothing for certain,
# u if the login cannot see it. For each folder after them a line: 1, then what df says of it or of the nearest one above it that
# is there; 0 if the login cannot even see whether it is there. Where sudo allows df, it sees everything.
SCRIPT = (
    'PATH=$PATH:/usr/sbin:/sbin; export LC_ALL=C; d=df; '
    'if [ "$0" = sudo ] && sudo -n -l df >/dev/null 2>&1; then d="sudo -n df"; fi; n=$1; shift; '
    'for w in "$@"; do p=$(printf "%b." "$w"); p=${p%.}; s=1; '
    'if [ "$n" -gt 0 ]; then n=$((n-1)); s=; q=$p; '
    'if [ -L "$p" ]; then s=l; elif [ -d "$p" ]; then s=d; elif [ -e "$p" ]; then s=f; fi; '
    'while [ -z "$s" ]; do q=${q%/*}; q=${q:-/}; '
    'if [ -x "$q" ] && [ -d "$q" ]; then s=n; elif [ -e "$q" ] || [ -L "$q" ]; then s=u; fi; done; '
    'echo "PLUMBUS $s"; continue; fi; '
    'while :; do o=$($d -Pk -- "$p" 2>/dev/null | tail -n +2 | tail -n 1); '
    'if [ -n "$o" ] || [ "$p" = / ]; then break; fi; '
    'p=${p%/*}; p=${p:-/}; if [ "$d" = df ] && [ -e "$p" ] && [ ! -x "$p" ]; then s=0; fi; done; '
    'echo "PLUMBUS $s $o"; done'
)
KINDS: dict[bytes, Kind] = {b'd': 'folder', b'l': 'link', b'f': 'special'}
NOTHING = b'n'
BEGINNING = b'PLUMBUS '


class Room(NamedTuple):
    """`free` bytes on a `disk`. Not `sure`: the folder itself could not be seen, so that is the disk of one above it."""

    free: int
    disk: bytes
    sure: bool


class Ahead(NamedTuple):
    """`found` at the paths that were asked for, without sizes and times; `rooms` of the folders, None where that cannot be told."""

    found: dict[bytes, Found]
    rooms: dict[bytes, Room | None]


def rooms(session: SshSession, folders: Sequence[bytes], *, sudo: bool = False) -> list[Room | None]:
    """Given up to 64 absolute folders, return of each the room on its disk, None where that cannot be told. Raise Cancelled."""
    told = _ask(session, [], folders, sudo=sudo)
    return [_room(line) for line in told] if len(told) == len(folders) else [None] * len(folders)


def look_ahead(session: SshSession, paths: Sequence[bytes], folders: Sequence[bytes]) -> Ahead | None:
    """Given absolute paths and folders, up to 64 in all, return what lies there and the room, None if the shell does not tell
    of each path for certain. A link on the way to a path is followed. Raise Cancelled."""
    told = _ask(session, paths, folders)
    states = [line.removeprefix(BEGINNING) for line in told[: len(paths)]]
    if len(told) != len(paths) + len(folders) or any(one not in {*KINDS, NOTHING} for one in states):
        return None
    found = {path: Found(KINDS[one], 0, 0) for path, one in zip(paths, states, strict=True) if one in KINDS}
    return Ahead(
        found, {folder: _room(line) for folder, line in zip(folders, told[len(paths) :], strict=True)}
    )


def _ask(
    session: SshSession,
    paths: Sequence[bytes],
    folders: Sequence[bytes],
    *,
    sudo: bool = False,
) -> list[bytes]:
    """The lines that the script told; of a shell that says more than it was asked one too many, however much that is."""
    words = ' '.join(shell_word(word) for word in (*paths, *folders))
    lines: list[bytes] = []

    def take(said: list[bytes]) -> None:
        lines.extend(line for line in said if line.startswith(BEGINNING))
        del lines[len(paths) + len(folders) + 1 :]

    try:
        session.shared.run(
            session.ssh_argv(
                f'exec sh -c {shlex.quote(SCRIPT)} {"sudo" if sudo else "self"} {len(paths)} {words}'
            ),
            env=session.env,
            on_output=take,
            idle_timeout_s=LIMIT_S,
            time_limit_s=LIMIT_S,
        )
    except PlumbusError:
        lines = []
    session.cancellation.check()
    return lines


def _room(line: bytes) -> Room | None:
    """Given a line of the script (df -P: device, blocks, used, free, percent, mount point), return what it tells."""
    _, there, *facts = [*line.split(None, 7), b'']
    if len(facts) < 7 or not facts[3].isdigit() or len(facts[3]) > 18:
        return None
    return Room(int(facts[3]) * 1024, facts[0] + b' ' + facts[5], there == b'1')
