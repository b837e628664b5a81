"""Runs a child in its own process group: bytes-safe lines, bounded memory, an end in every case."""

import errno
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal, cast

from plumbus.cancellation import Cancellation
from plumbus.errors import TransferFailed
from plumbus.transfer.lines import FirstAndLast
from plumbus.transfer.supervision import (
    GRACE_S,
    HOPELESS_S,
    LineReader,
    Stream,
    Supervision,
    Watch,
    has_exited,
    signal_group,
)

__all__ = ['LineReader', 'Outcome', 'run']

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """`exit_code` is negative for a signal (-9: killed). `error_lines`: stderr's first 100 and last 100, ≤ 64 KiB each."""

    exit_code: int
    cancelled: bool
    timed_out: Literal['', 'idle', 'limit']
    error_lines: list[bytes]


def run(
    argv: Sequence[str | bytes],
    *,
    cancellation: Cancellation,
    idle_timeout_s: float,
    time_limit_s: float | None = None,
    env: Mapping[str, str] | None = None,
    feed: Iterable[bytes] | None = None,
    on_output: LineReader | None = None,
    on_error: LineReader | None = None,
    activity: Callable[[int], float] | None = None,
) -> Outcome:
    r"""Given an argument list, run it and return how it ended; no member of its process group outlives this call.

    `feed` goes to stdin (else /dev/null). `on_output` and `on_error` get batches of lines, cut at \n and \r and without
    empty ones, in the caller's thread; what they, `feed` or `activity` raise ends the child and comes out here. The child
    is ended after `idle_timeout_s` without a byte through its pipes and without a change of `activity(group)`, and after
    `time_limit_s` in all: TERM to its group, KILL 5 s later. Raise TransferFailed if the program cannot be started.
    """
    if cancellation.requested:
        return Outcome(exit_code=-signal.SIGTERM, cancelled=True, timed_out='', error_lines=[])
    errors = FirstAndLast()
    with cancellation.witness(os.fsdecode(argv[0])) as note:
        child = _start(argv, note.marked(env), feeding=feed is not None)
        try:
            note.started(child.pid)
            streams = [
                Stream(_pipe(child.stdout), on_output),
                Stream(_pipe(child.stderr), on_error, keep=errors),
            ]
            watch = Watch(
                cancellation=cancellation,
                idle_timeout_s=idle_timeout_s,
                time_limit_s=time_limit_s,
                activity=partial(activity, child.pid) if activity else None,
            )
            supervision = Supervision(child.pid, streams, child.stdin, feed or (), watch)
            supervision.work()
        finally:
            _end(child)
    reason = supervision.stopped_for
    return Outcome(
        exit_code=-signal.SIGKILL if child.returncode is None else child.returncode,
        cancelled=reason == 'cancelled',
        timed_out=reason if reason in {'idle', 'limit'} else '',
        error_lines=errors.lines,
    )


def _start(
    argv: Sequence[str | bytes], env: Mapping[str, str] | None, *, feeding: bool
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE if feeding else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(os.fsdecode(argv[0]), error) from error


def _pipe(file: IO[bytes] | None) -> IO[bytes]:
    return cast(IO[bytes], file)  # it was asked for


def _not_started(program: str, error: OSError) -> TransferFailed:
    if error.errno in {errno.ENOENT, errno.EACCES, errno.ENOEXEC}:
        message = f'The program {program} is missing on the PLUMBUS server.'
        return TransferFailed(message, f'Install {program} there.', 'program_missing')
    if error.errno in {errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE}:
        message = f'The PLUMBUS server has no room for one more process ({error.strerror}).'
        remedy = 'Give it more memory, or let fewer backups run at once.'
        return TransferFailed(message, remedy, 'out_of_memory', transient=True)
    if error.errno == errno.E2BIG:
        message = 'The list of paths and patterns is longer than the system allows.'
        return TransferFailed(message, 'Use fewer or shorter ones.', 'too_many_arguments')
    return TransferFailed(f'The program {program} could not be started: {error.strerror}.', '', 'program')


def _end(child: subprocess.Popen[bytes]) -> None:
    """Close the pipes, end the group gently, then for good, and reap the child."""
    for file in (child.stdin, child.stdout, child.stderr):
        if file:
            with suppress(OSError):
                file.close()
    if not has_exited(child.pid):
        signal_group(child.pid, signal.SIGTERM)
        _await_exit(child.pid, GRACE_S)
    signal_group(child.pid, signal.SIGKILL)
    try:
        child.wait(HOPELESS_S)
    except subprocess.TimeoutExpired:
        log.error('The process %d does not end: it hangs in the kernel, as on a dead disk.', child.pid)


def _await_exit(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not has_exited(pid):
        time.sleep(0.02)
