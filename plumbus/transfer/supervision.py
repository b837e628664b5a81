"""Moves bytes between a running child and its caller, and sees that the child ends. Starts nothing itself."""

import fcntl
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Literal

from plumbus.cancellation import Cancellation
from plumbus.transfer.lines import MAX_LINE, FirstAndLast, LineSplitter

LineReader = Callable[[list[bytes]], None]
Reason = Literal['', 'cancelled', 'idle', 'limit', 'closed']

TICK_S = 0.1
GRACE_S = 5.0  # from TERM to KILL, and from closed pipes to TERM
ORPHANS_S = 0.5  # from the child's end to KILL for those of its group who still hold the pipes
HOPELESS_S = 10.0  # from KILL to giving up: a child may hang in the kernel on a dead disk
LOOKS = 8  # at other activity than that of the pipes, in the time after which a child counts as silent
PAUSE_S = 0.01  # after a small read, so that what comes line by line is read in batches
PROMPT_READS = 16  # without that pause: what has little to say has ended by then
ROOMY = 2**20  # a pipe of that size (fcntl(2)) does not run full in the meantime
LAST_READS = 64  # what two pipes may still hold when nobody writes any more: 1 MiB each (pipe(7))


class Watch:
    """Tells when a child has to be stopped, and why."""

    def __init__(
        self,
        *,
        cancellation: Cancellation,
        idle_timeout_s: float,
        time_limit_s: float | None = None,
        activity: Callable[[], float] | None = None,
    ) -> None:
        self._cancellation = cancellation
        self._idle_timeout_s = idle_timeout_s
        self._activity = activity
        self._last_activity: float | None = None
        self._last_sign = time.monotonic()
        self._next_look = self._last_sign + idle_timeout_s / LOOKS  # most children have ended by then
        self._end_at = None if time_limit_s is None else self._last_sign + time_limit_s

    def saw_bytes(self) -> None:
        """Note that the child is alive."""
        self._last_sign = time.monotonic()

    def verdict(self) -> Reason:
        """Return why the child has to be stopped now, '' if it may go on."""
        now = time.monotonic()
        if self._cancellation.requested:
            return 'cancelled'
        if self._end_at is not None and now >= self._end_at:
            return 'limit'
        if self._activity is not None and now >= self._next_look:
            self._next_look = now + self._idle_timeout_s / LOOKS
            before, self._last_activity = self._last_activity, self._activity()
            if before is not None and before != self._last_activity:
                self._last_sign = now
        return 'idle' if now - self._last_sign >= self._idle_timeout_s else ''


@dataclass(slots=True)
class Stream:
    """One of the child's outputs, and who gets its lines."""

    file: IO[bytes]
    reader: LineReader | None
    keep: FirstAndLast | None = None
    splitter: LineSplitter = field(default_factory=LineSplitter)
    roomy: bool = False

    def __post_init__(self) -> None:
        with suppress(OSError):  # without root there is a limit for all pipes together
            self.roomy = fcntl.fcntl(self.file, fcntl.F_SETPIPE_SZ, ROOMY) >= ROOMY

    def hand_over(self, lines: list[bytes]) -> None:
        """Given lines, keep and pass them on."""
        if lines and self.keep:
            self.keep.add(lines)
        if lines and self.reader:
            self.reader(lines)


class Supervision:
    """Given a child that leads its own process group: `work` returns when it is dead and all it wrote was read."""

    def __init__(
        self,
        pid: int,
        streams: Iterable[Stream],
        stdin: IO[bytes] | None,
        feed: Iterable[bytes],
        watch: Watch,
    ) -> None:
        self.stopped_for: Reason = ''
        self._pid = pid
        self._streams = list(streams)
        self._stdin = stdin
        self._feed = iter(feed)
        self._unsent = memoryview(b'')
        self._watch = watch
        self._selector = selectors.DefaultSelector()
        self._next_look = 0.0
        self._since = 0.0  # the last of: pipes closed, TERM, KILL, the child's end
        self._exited = self._killed = self._quiet = self._hopeless = False
        self._prompt_reads_left = PROMPT_READS
        self._reads_left = LAST_READS

    def work(self) -> None:
        """Move bytes until the end. What a reader or the feed raises comes out here, with the child still alive."""
        with self._selector:
            for stream in self._streams:
                self._selector.register(stream.file, selectors.EVENT_READ, partial(self._receive, stream))
            if self._stdin:
                os.set_blocking(self._stdin.fileno(), False)
                self._selector.register(self._stdin, selectors.EVENT_WRITE, self._send)
            while not self._is_over():
                self._move_bytes()
                self._look_after()

    def _is_over(self) -> bool:
        if self._exited and self._killed:
            return not self._streams or self._quiet or self._reads_left <= 0
        return self._hopeless or (self._exited and not self._streams)

    def _move_bytes(self) -> None:
        ready = self._selector.select(TICK_S if self._streams else TICK_S / 20)
        for key, _ in ready:
            key.data()
        self._quiet = not ready
        if self._quiet:
            for stream in self._streams:
                stream.hand_over(stream.splitter.unfinished())

    def _receive(self, stream: Stream) -> None:
        chunk = os.read(stream.file.fileno(), MAX_LINE)
        if chunk:
            stream.hand_over(stream.splitter.feed(chunk))
            self._watch.saw_bytes()
            self._await_more(stream, len(chunk))
            self._reads_left -= self._exited and self._killed
        else:
            self._selector.unregister(stream.file)
            self._streams.remove(stream)
            self._since = time.monotonic()
            stream.hand_over(stream.splitter.finish())

    def _await_more(self, stream: Stream, length: int) -> None:
        if self._prompt_reads_left > 0:
            self._prompt_reads_left -= 1
        elif stream.roomy and length < MAX_LINE // 4:
            time.sleep(PAUSE_S)

    def _send(self) -> None:
        if not self._unsent:
            self._unsent = memoryview(next(self._feed, b''))
        try:
            sent = os.write(self._stdin.fileno(), self._unsent) if self._stdin and self._unsent else 0
        except BlockingIOError:
            return
        except BrokenPipeError:
            sent = 0
        self._unsent = self._unsent[sent:]
        self._watch.saw_bytes()
        if not sent and self._stdin:
            self._selector.unregister(self._stdin)
            self._stdin.close()
            self._stdin = None

    def _look_after(self) -> None:
        now = time.monotonic()
        if self._streams and now < self._next_look:
            return
        self._next_look = now + TICK_S
        if not self._exited and has_exited(self._pid):
            self._exited, self._since = True, now
        waited = now - self._since
        if self._killed:
            self._hopeless = waited >= HOPELESS_S
        elif self._exited:
            self._kill_after(ORPHANS_S, waited)
        elif self.stopped_for:
            self._kill_after(GRACE_S, waited)
        else:
            self._stop_if_due(waited)

    def _stop_if_due(self, waited: float) -> None:
        reason = self._watch.verdict()
        if not reason and not self._streams and waited >= GRACE_S:
            reason = 'closed'
        if reason:
            self.stopped_for, self._since = reason, time.monotonic()
            signal_group(self._pid, signal.SIGTERM)

    def _kill_after(self, seconds: float, waited: float) -> None:
        if waited >= seconds:
            self._killed, self._since = True, time.monotonic()
            signal_group(self._pid, signal.SIGKILL)


def has_exited(pid: int) -> bool:
    """Whether a child is dead. It stays unreaped, so that its number (and its group's) belongs to nobody else yet."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def signal_group(pid: int, number: signal.Signals) -> None:
    """Given the leader of a process group that was not reaped, send the signal to all of the group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
