"""One login for all that is run on a client while a session is open: ssh's shared connection (ssh_config(5), ControlPath).

Whoever finds that connection gone logs in by itself: that is how ssh goes about it.
"""

import math
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from plumbus.cancellation import Cancellation
from plumbus.transfer import process
from plumbus.transfer.process import LineReader, Outcome

LOOK_S = 0.002
GOODBYE_S = 5.0
LAST_WORDS_S = 0.5
# How ssh, and rsync above it, end when the connection is lost (rsync(1), EXIT VALUES).
LOST = frozenset((10, 12, 30, 255))
# What ssh says when it is no fault of the login that nobody can share it (mux.c).
UNSHARED = re.compile(rb'unix_listener|muxserver|ControlPath|ControlSocket')
LONGEST_SOCKET = 85  # bytes; ssh puts 17 to it for a while, and 107 is what the system takes (unix(7))


class SharedLogin:
    """Logs in when the first child needs it. `ssh` are the words up to its options, `alias` the machine; not thread-safe."""

    def __init__(
        self, ssh: Sequence[str], alias: str, socket: Path, env: Mapping[str, str], cancellation: Cancellation
    ) -> None:
        self._ssh, self._alias, self._socket, self._env = list(ssh), alias, socket, env
        self._cancellation = cancellation
        self._stop = Cancellation(cancellation.witness)
        self._helper = ThreadPoolExecutor(max_workers=1, thread_name_prefix='ssh')
        self._ended: Future[Outcome] | None = None
        self._told = False
        self._shared = takes(socket)
        self._opened = False

    def run(
        self,
        argv: Sequence[str | bytes],
        *,
        env: Mapping[str, str],
        idle_timeout_s: float,
        time_limit_s: float | None = None,
        cancellation: Cancellation | None = None,
        feed: Iterable[bytes] | None = None,
        on_output: LineReader | None = None,
        on_error: LineReader | None = None,
        activity: Callable[[int], float] | None = None,
    ) -> Outcome:
        """As process.run, for a child that reaches the client through its ssh; `cancellation` is the session's by default.

        A login that fails is told as the end of the child, which is not started then. What is said of a connection that is
        lost while the child runs is told with what the child said.
        """
        cancellation = cancellation or self._cancellation
        limit = math.inf if time_limit_s is None else time_limit_s
        began = time.monotonic()
        failed = self._open(cancellation, idle_timeout_s, limit) if self._shared else None
        if failed is not None:
            _tell(on_error, failed.error_lines)
            return failed
        outcome = process.run(
            argv,
            cancellation=cancellation,
            idle_timeout_s=idle_timeout_s,
            time_limit_s=None if time_limit_s is None else max(0.1, began + limit - time.monotonic()),
            env=env,
            feed=feed,
            on_output=on_output,
            on_error=on_error,
            activity=activity,
        )
        if outcome.timed_out:
            self._give_up()  # who comes next shall not wait for a connection over which nothing moves any more
        words = self._last_words() if outcome.exit_code in LOST else []
        _tell(on_error, words)
        outcome.error_lines[:0] = words
        return outcome

    def close(self) -> None:
        """Log out."""
        if self._opened and self._ended and not (self._ended.done() or self._stop.requested):
            argv = [*self._ssh, '-O', 'exit', '--', self._alias]
            process.run(
                argv, cancellation=self._stop, env=self._env, idle_timeout_s=GOODBYE_S, time_limit_s=GOODBYE_S
            )
            wait([self._ended], GOODBYE_S)
        self._stop.cancel('done')
        self._helper.shutdown()

    def _open(self, cancellation: Cancellation, idle_timeout_s: float, limit_s: float) -> Outcome | None:
        """Return None as soon as there is a connection, or no more need of one; else how the login ended."""
        if self._ended is None:
            argv = [*self._ssh, '-M', '-N', '--', self._alias]
            self._ended = self._helper.submit(
                process.run, argv, cancellation=self._stop, env=self._env, idle_timeout_s=math.inf
            )
        began = time.monotonic()
        while not (self._opened or self._ended.done() or cancellation.requested):
            waited = time.monotonic() - began
            if waited >= min(idle_timeout_s, limit_s):
                outcome = self._give_up()
                return outcome and replace(
                    outcome, cancelled=False, timed_out='limit' if waited >= limit_s else 'idle'
                )
            self._opened = self._socket.exists()
            cancellation.wait(LOOK_S)
        if self._opened or cancellation.requested:
            return None
        outcome = self._ended.result()
        own_fault = any(UNSHARED.search(line) for line in outcome.error_lines)
        return replace(outcome, cancelled=False) if outcome.exit_code and not own_fault else None

    def _give_up(self) -> Outcome | None:
        self._stop.cancel('given up')
        return self._ended.result() if self._ended else None

    def _last_words(self) -> list[bytes]:
        """What was said about the end of the connection, told once."""
        if self._ended is None or self._told:
            return []
        self._told = bool(wait([self._ended], LAST_WORDS_S).done)
        return list(self._ended.result().error_lines) if self._told else []


def takes(socket: Path) -> bool:
    """Whether ssh can make a socket of that name."""
    return len(os.fsencode(socket)) <= LONGEST_SOCKET


def _tell(listener: LineReader | None, lines: list[bytes]) -> None:
    if listener and lines:
        listener(lines)
