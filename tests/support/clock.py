"""A clock that goes on by itself and is set forward by a test."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Begins at a moment; thread-safe."""

    def __init__(self, begin: datetime) -> None:
        self._lock = threading.Lock()
        self._shift = begin - datetime.now(UTC)

    def __call__(self) -> datetime:
        with self._lock:
            return datetime.now(UTC) + self._shift

    def set(self, moment: datetime) -> None:
        """Set it, as a user or a time server does."""
        with self._lock:
            self._shift = moment - datetime.now(UTC)

    def forward(self, step: timedelta) -> None:
        """Let it jump forward."""
        with self._lock:
            self._shift += step
