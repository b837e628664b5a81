"""Sending with an end: what talks to a service runs in a thread of its own and is given up after a while."""

import threading
from collections.abc import Callable
from typing import TypeVar

from plumbus.errors import Cancelled, PlumbusError

MOST_STUCK = 20
Result = TypeVar('Result')


class NotDelivered(PlumbusError):
    """A message did not get through. `permanent`: trying again will not help."""

    def __init__(self, message: str, remedy: str = '', *, permanent: bool = False) -> None:
        super().__init__(message, remedy)
        self.permanent = permanent


class Attempts:
    """Thread-safe. Attempts that hang stay behind; with too many of them no further one is begun."""

    def __init__(self, most_stuck: int = MOST_STUCK) -> None:
        self._free = threading.Semaphore(most_stuck)
        self._lock = threading.Lock()
        self._stopped = False
        self._waiting: set[threading.Event] = set()

    def stop(self) -> None:
        """Let nobody wait any more, now or later."""
        with self._lock:
            self._stopped = True
            waiting = list(self._waiting)
        for over in waiting:
            over.set()

    def within(self, seconds: float, send: Callable[[], Result]) -> Result:
        """Given how long it may take, return what `send` returns. Raise what it raises, NotDelivered after that time,
        Cancelled if all is being stopped."""
        if not self._free.acquire(blocking=False):
            raise NotDelivered(
                'Too many earlier messages hang.', 'Look at the network of the PLUMBUS server, then restart PLUMBUS.'
            )  # fmt: skip
        over = threading.Event()
        results: list[Result] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(send())
            except BaseException as error:  # noqa: BLE001  told to the one who waits
                errors.append(error)
            finally:
                self._free.release()
                over.set()

        threading.Thread(target=run, name='notify-attempt', daemon=True).start()
        self._wait(over, seconds)
        if errors:
            raise errors[0]
        if results:
            return results[0]
        if self._stopped:
            raise Cancelled('PLUMBUS is being stopped.')
        raise NotDelivered(
            f'The service did not take the message within {seconds:.0f} seconds.',
            'Look whether it is up and can be reached from the PLUMBUS server.',
        )

    def _wait(self, over: threading.Event, seconds: float) -> None:
        with self._lock:
            if self._stopped:
                return
            self._waiting.add(over)
        over.wait(seconds)
        with self._lock:
            self._waiting.discard(over)
