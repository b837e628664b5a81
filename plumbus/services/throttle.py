"""A delay that grows with every wrong password from the same place. Kept in memory."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from plumbus.errors import NotLoggedIn

FREE_TRIES = 3
LONGEST_DELAY_S = 60.0
FORGOTTEN_AFTER_S = 3600.0
MOST_PLACES = 10_000


class TooManyTries(NotLoggedIn):
    """Another try is allowed in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__('There were too many wrong tries.', f'Try again in {seconds} seconds.')
        self.seconds = seconds


@dataclass(kw_only=True, slots=True)
class _Place:
    tries: int = 0
    last_s: float = 0.0


class Throttle:
    """Thread-safe. A try counts as wrong until `succeeded` is called, so that tries side by side gain nothing."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def enter(self, place: str) -> None:
        """Given where a try comes from, count it. Raise TooManyTries if it comes too soon."""
        with self._lock:
            now = self._timer()
            known = self._places.get(place)
            if known is None or now - known.last_s > FORGOTTEN_AFTER_S:
                known = _Place()
            left = known.last_s + delay_after(known.tries) - now
            if left > 0:
                raise TooManyTries(math.ceil(left))
            known.tries, known.last_s = known.tries + 1, now
            self._places[place] = known
            self._places.move_to_end(place)
            if len(self._places) > MOST_PLACES:
                self._places.popitem(last=False)

    def succeeded(self, place: str) -> None:
        """Given where a right password came from, forget its wrong ones."""
        with self._lock:
            self._places.pop(place, None)


def delay_after(tries: int) -> float:
    """Given a number of wrong tries, return the seconds before the next: none at first, then 1, 2, 4 … 60."""
    if tries < FREE_TRIES:
        return 0.0
    return float(min(2 ** min(tries - FREE_TRIES, 10), LONGEST_DELAY_S))
