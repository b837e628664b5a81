"""What quiet hours do to a backup that runs: it stops, to wait for their end, or begins again with a limit to its bandwidth.

Stopping loses nothing that has come: the next attempt goes on from it. A stopped rsync would lose its connection instead.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from plumbus.cancellation import Cancellation
from plumbus.model import Status
from plumbus.model.hours import Quiet

Asked = Callable[[], Quiet | None]
OTHER_PACE = 'stopped, because quiet hours have begun or are over'


@dataclass(kw_only=True, slots=True)
class Pace:
    """Of one execution. `cancellation` is what people ask; each attempt gets one of its own that hears that too."""

    cancellation: Cancellation
    asked: Asked
    _quiet: Quiet | None = None
    _current: Cancellation = field(default_factory=Cancellation)
    _settled: bool = False

    def begin(self) -> Cancellation:
        """Before an attempt: take the pace that goes now, and return what stops the attempt."""
        self._quiet, self._settled = self.asked(), False
        current = self._current = Cancellation(self.cancellation.witness)
        self.cancellation.on_cancel(
            lambda: current.cancel(self.cancellation.reason, self.cancellation.time_left_s)
        )
        return current

    def look(self) -> None:
        """Stop the attempt if another pace goes by now."""
        if not self._settled and _effect(self.asked()) != _effect(self._quiet):
            self._current.cancel(OTHER_PACE)

    def settle(self) -> None:
        """All is there, only the end is missing: it is not worth a stop any more."""
        self._settled = True

    @property
    def stopped(self) -> bool:
        """Whether the attempt was stopped for another pace, and for nothing else."""
        return self._current.reason == OTHER_PACE and not self.cancellation.requested

    def paused(self) -> dict[str, Any] | None:
        """Return the fields of a record that waits for the end of the quiet hours; None if the run may go on."""
        quiet = self.asked()
        if quiet is None or quiet.action != 'pause':
            return None
        reason = 'It goes on when the quiet hours are over.'
        return {'status': Status.QUEUED, 'start_time': None, 'queued_reason': reason}

    def bandwidth(self, limit_kib: int) -> int:
        """Given the limit of the job (0: none), return the one of this attempt."""
        own = self._quiet.limit_kib if self._quiet and self._quiet.action == 'limit' else 0
        return min(own, limit_kib) if own and limit_kib else own or limit_kib


def _effect(quiet: Quiet | None) -> tuple[str, int] | None:
    return (quiet.action, quiet.limit_kib) if quiet and quiet.action != 'continue' else None
