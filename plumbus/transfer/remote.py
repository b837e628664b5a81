"""Ends what a run has started on the client: a broken connection does not stop what is stopped, or silent, over there.

Each process gets a mark in its environment, which what it starts inherits. Linux shows it to its owner and to root.
"""

import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from plumbus.cancellation import Cancellation
from plumbus.errors import ClientError, PlumbusError
from plumbus.transfer.process import run
from plumbus.transfer.rsync import MARK

SHORTEST_S, LONGEST_S = 2.0, 15.0
SHARE = 0.6  # of the time that is left to end in: a command of the job may follow
# Without a line break and without an exclamation mark, for the sake of login shells of the csh family.
END = ' '.join(
    [
        'PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; command -v grep >/dev/null || exit 9;',
        'below() { for p in "$@"; do echo $p; below $(grep -ls "^PPid:[[:space:]]*$p\\$" /proc/[0-9]*/status | cut -d/ -f3); done; };',
        f'found() {{ below $(grep -ls "{MARK}=$1" /proc/[0-9]*/environ | cut -d/ -f3) | sort -un; }};',
        'pids=$(found $1); [ -n "$pids" ] || exit 0; echo $pids;',
        'kill -TERM $pids; kill -CONT $pids; i=0;',
        # To look at one process costs nothing, to look for more of them costs a second where much runs.
        'lives() { for p in "$@"; do kill -0 $p 2>/dev/null && return 0; done; return 1; };',
        'while [ $i -lt 5 ] && lives $pids; do i=$((i+1)); sleep 0.2 || { sleep 1; i=5; }; done;',
        'pids=$(found $1); [ -n "$pids" ] || exit 0;',
        'kill -KILL $pids; sleep 0.1; [ -z "$(found $1)" ]',
    ]
)
ALLOWED = 'if sudo -n -l sh >/dev/null 2>&1; then exec sudo -n sh -c "$0" plumbus $1; fi; exec sh -c "$0" plumbus $1'


class Connection(Protocol):
    """What is needed of a session."""

    @property
    def env(self) -> Mapping[str, str]: ...
    def ssh_argv(self, command: str, *, alone: bool = False) -> list[str]: ...


def new_mark() -> str:
    """Return a mark that nobody else has."""
    return secrets.token_hex(16)


def marked(command: str, mark: str) -> str:
    """Given a command for the login shell over there, return one that does the same with the mark in its environment."""
    if not mark:
        return command
    return f'exec env {MARK}={mark} sh -c \'exec "${{SHELL:-sh}}" -c "$0"\' {shlex.quote(command)}'


@contextmanager
def ended_over_there(
    connection: Connection,
    mark: str,
    cancellation: Cancellation,
    *,
    sudo: bool,
    tell: Callable[[str], None],
) -> Iterator[None]:
    """While in this block processes with that mark are started on the client: if they are given up, none is left there."""
    try:
        yield
    except BaseException as error:
        if mark and _was_given_up(error):
            limit = min(LONGEST_S, max(SHORTEST_S, SHARE * cancellation.time_left_s))
            heard = Cancellation(cancellation.witness) if cancellation.requested else cancellation
            told = _end(connection, _command(mark, sudo), heard, limit)
            if told:
                tell(told)
        raise


def _was_given_up(error: BaseException) -> bool:
    """Who ended by itself, with an exit code, has told its other end; nothing runs where nobody could log in."""
    return not isinstance(error, ClientError) and getattr(error, 'exit_code', None) is None


def _command(mark: str, sudo: bool) -> str:
    script = shlex.quote(END)
    if sudo:
        return f'exec sh -c {shlex.quote(ALLOWED)} {script} {mark}'
    return f'exec sh -c {script} plumbus {mark}'


def _end(connection: Connection, command: str, cancellation: Cancellation, time_limit_s: float) -> str:
    found: list[bytes] = []
    try:
        outcome = run(
            connection.ssh_argv(command, alone=True),
            cancellation=cancellation,
            env=connection.env,
            on_output=found.extend,
            idle_timeout_s=time_limit_s,
            time_limit_s=time_limit_s,
        )
    except PlumbusError as error:
        return str(error)
    if outcome.exit_code:
        return 'nobody could look whether processes of this run are left on the client'
    return 'processes of this run were still there on the client and have been ended' if found else ''
