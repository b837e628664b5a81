"""A request to stop that travels from a button, the API or the end of the process to whatever is running.

It goes wherever processes are started for a run, so it also carries who notes them.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from plumbus.errors import Cancelled

WITHIN_S = 9.0
log = logging.getLogger(__name__)
Environment = Mapping[str, str] | None


class Note(Protocol):
    """About one process, from before its start until it is gone."""

    def marked(self, environment: Environment) -> Environment:
        """Given the environment it shall have (None: ours), return it with a mark to know the process by."""

    def started(self, pid: int) -> None:
        """Given its number, note it. Raise nothing."""


Witness = Callable[[str], AbstractContextManager[Note]]


class _Unnoted:
    def marked(self, environment: Environment) -> Environment:
        return environment

    def started(self, pid: int) -> None:
        pass


@contextmanager
def unnoted(_program: str) -> Iterator[Note]:
    """A witness that notes nothing."""
    yield _Unnoted()


class Cancellation:
    """One per run, thread-safe. Once asked to stop it stays so; the first reason wins.

    `witness` is told of each process that is started for the run.
    """

    def __init__(self, witness: Witness = unnoted) -> None:
        self.witness = witness
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._reason = ''
        self._end_by = math.inf
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        """Whether someone asked to stop."""
        return self._asked.is_set()

    @property
    def reason(self) -> str:
        """Why, as given to `cancel` (for instance 'cancelled' or 'interrupted'); empty before."""
        return self._reason

    @property
    def time_left_s(self) -> float:
        """What is left of the time to end in; endless before someone asks to stop."""
        return max(0.0, self._end_by - time.monotonic())

    def cancel(self, reason: str, within_s: float = WITHIN_S) -> None:
        """Given a reason and how long it may take, ask the run to stop and call back everyone who subscribed."""
        with self._lock:
            if self._asked.is_set():
                return
            self._reason, self._end_by = reason, time.monotonic() + within_s
            self._asked.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            _guarded(callback)

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Given a callback, call it when asked to stop (at once if that is so already). Return its removal."""
        with self._lock:
            self._callbacks.append(callback)
            asked = self._asked.is_set()
        if asked:
            callback()
        return lambda: self._forget(callback)

    def wait(self, seconds: float) -> bool:
        """Pause for at most `seconds`; return True as soon as someone asks to stop."""
        return self._asked.wait(seconds)

    def check(self) -> None:
        """Raise Cancelled if someone asked to stop."""
        if self._asked.is_set():
            raise Cancelled(f'The run was {self._reason}.')

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


def _guarded(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # the other callbacks must still be told to stop
        log.exception('A callback failed while a run was being stopped')
