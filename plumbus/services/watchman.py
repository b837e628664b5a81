"""Looks each minute which jobs are overdue, and tells the bus of each that has become so or is so no more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from plumbus.cancellation import Cancellation
from plumbus.events import Changed, EventBus, Overdue
from plumbus.scheduling.background import Background

INTERVAL_S = 60.0


@dataclass(kw_only=True, slots=True)
class Watchman:
    """`overdue` returns the ids of jobs with the time since when each is overdue."""

    overdue: Callable[[], Mapping[int, datetime]]
    events: EventBus
    _known: dict[int, datetime] = field(default_factory=dict)
    _thread: Background = field(init=False)

    def __post_init__(self) -> None:
        self._thread = Background('watchman', self.look, INTERVAL_S)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, reason: str, timeout_s: float) -> None:
        """Look no more."""
        self._thread.stop(reason, timeout_s)

    def look(self, _cancellation: Cancellation | None = None) -> None:
        """Compare once with what was known."""
        before, self._known = self._known, dict(self.overdue())
        for job_id in sorted(before.keys() ^ self._known.keys()):
            self.events.publish(Overdue(job_id=job_id, since=self._known.get(job_id)))
            self.events.publish(Changed(noun='job', id=job_id, action='updated'))  # pages draw it anew
