"""Work that nobody waits for, in a thread of its own."""

import logging
import threading
from collections.abc import Callable

from plumbus.cancellation import Cancellation, Witness, unnoted
from plumbus.errors import Cancelled, PlumbusError

log = logging.getLogger(__name__)


class Background:
    """Calls `work` at its start, whenever it is woken, and every `interval_s` seconds. What `work` raises is logged."""

    def __init__(
        self, name: str, work: Callable[[Cancellation], None], interval_s: float, witness: Witness = unnoted
    ) -> None:
        self._name = name
        self._work = work
        self._interval_s = interval_s
        self._cancellation = Cancellation(witness)
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to do. Returns at once; what is being done now is followed by another look."""
        self._woken.set()

    def stop(self, reason: str, timeout_s: float) -> bool:
        """Ask what goes on to stop. Return whether it did within `timeout_s` seconds."""
        self._cancellation.cancel(reason)
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._cancellation.requested:
            self._woken.clear()
            try:
                self._work(self._cancellation)
            except Cancelled:
                continue
            except PlumbusError as error:
                log.warning('%s: %s', self._name, error)
            except Exception:
                log.exception('%s: an error that nobody handled', self._name)
            self._woken.wait(self._interval_s)
