"""A request to stop that travels from a button, the API or the end of the process to whatever is running."""

import logging
import threading
from collections.abc import Callable

from plumbus.errors import Cancelled

log = logging.getLogger(__name__)


class Cancellation:
    """One per run, thread-safe. Once asked to stop it stays so; the first reason wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._reason = ''
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        """Whether someone asked to stop."""
        return self._asked.is_set()

    @property
    def reason(self) -> str:
        """Why, as given to `cancel` (for instance 'cancelled' or 'interrupted'); empty before."""
        return self._reason

    def cancel(self, reason: str) -> None:
        """Given a reason, ask the run to stop and call back everyone who subscribed."""
        with self._lock:
            if self._asked.is_set():
                return
            self._reason = reason
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
