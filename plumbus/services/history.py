"""Records without a snapshot are history: they and their logs stay for a while, and not too many of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from plumbus.events import Changed, EventBus, RunKind
from plumbus.model import Status
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs

FINISHED = frozenset(status for status in Status if status.finished)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(kw_only=True, slots=True)
class History:
    """`records`: the records of each kind of run. At most `count` of each kind stay, and none for longer than
    `days`. `forget` removes what else is kept of a run of that kind."""

    records: Mapping[RunKind, Documents[Any]]
    logs: RunLogs
    events: EventBus
    days: int
    count: int
    now: Callable[[], datetime]
    forget: Mapping[RunKind, Callable[[int], None]] = field(default_factory=dict)

    def expire(self) -> None:
        """Remove what is too old or too much, with its log. What waits, runs or has a snapshot stays."""
        for kind, records in self.records.items():
            old = self._expired(records)
            records.remove_all(old)
            for run_id in old:
                self.logs.delete(kind, run_id)
                if kind in self.forget:
                    self.forget[kind](run_id)
                self.events.publish(Changed(noun=kind, id=run_id, action='deleted'))

    def _expired(self, records: Documents[Any]) -> list[int]:
        ended = records.raw({'status': FINISHED})
        newest_first = sorted(
            ((since(raw), raw['id']) for raw in ended if not raw.get('backup_path')), reverse=True
        )
        oldest = self.now() - timedelta(days=self.days)
        return [
            run_id
            for place, (time, run_id) in enumerate(newest_first)
            if place >= self.count or time < oldest
        ]


def since(raw: Mapping[str, Any]) -> datetime:
    """Given a stored record, return since when it is nothing but history."""
    times = (raw.get('removed_at'), raw.get('end_time'), raw.get('created_at'))
    return next((datetime.fromisoformat(time) for time in times if time), NEVER)
