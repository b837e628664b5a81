"""Runs a child in its own process group: bytes-safe lines, bounded memory, an end in every case."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from plumbus.cancellation import Cancellation

LineReader = Callable[[list[bytes]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """`exit_code` is negative for a signal (-9: killed); `error_lines` are the last 200 of stderr, ≤ 64 KiB each."""

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
    activity: Callable[[], float] | None = None,
) -> Outcome:
    """Given an argument list, run it and return how it ended; no member of its process group outlives this call.

    `feed` goes to stdin (else /dev/null). `on_output` and `on_error` get batches of lines, split at \\n and \\r, in the
    caller's thread; what they raise ends the child and comes out here. The child is killed after `idle_timeout_s`
    without a byte on stdout or stderr and without a change of `activity()`, and after `time_limit_s` in all.
    Raise TransferFailed if the program cannot be started.
    """
    raise NotImplementedError
