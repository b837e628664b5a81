"""How long writes of the database take, for those who watch over the disk."""

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class WriteTimes:
    """Measured by whoever holds the lock of the database; read from anywhere."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._total_s = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count the time that the block takes, unless it raises."""
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        self._counts[bisect_left(BOUNDS_S, took)] += 1
        self._total_s += took

    def told(self) -> tuple[int, float, dict[float, int]]:
        """Return how many writes there were, how long all of them took (seconds), and how many were within each bound."""
        counts = list(self._counts)
        return sum(counts), self._total_s, dict(zip(BOUNDS_S, accumulate(counts), strict=False))
