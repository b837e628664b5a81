"""Which jobs should have run by now and have not: quick with very many, since jobs of one schedule are due together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plumbus.backup.standing import Standing, moment
from plumbus.errors import InvalidInput
from plumbus.scheduling.timing import last_run

OVERDUE_GRACE = timedelta(hours=1)


@dataclass(kw_only=True, slots=True)
class Overdue:
    """`zone` is the time zone of schedules that name none."""

    zone: ZoneInfo
    now: datetime
    _last: dict[tuple[str, str | None], datetime | None] = field(default_factory=dict)

    def ids(self, jobs: Iterable[Mapping[str, Any]], known: Mapping[int, Standing]) -> set[int]:
        """Given raw jobs and how they stand, return those whose next run after their last good one should have begun an hour
        ago or more."""
        return {raw['id'] for raw in jobs if self._is_overdue(raw, known.get(raw['id']))}

    def _is_overdue(self, raw: Mapping[str, Any], standing: Standing | None) -> bool:
        if not raw.get('enabled') or not raw.get('schedule'):
            return False
        times = (
            raw.get('created_at'),
            raw.get('planned_since'),
            standing.good.get('start_time') if standing else None,
        )
        since = max((time for text in times if (time := moment(text))), default=self.now)
        try:
            due = self._last_due(raw['schedule'], raw.get('timezone'))
        except InvalidInput:
            return True  # a schedule that nobody can read never runs
        return due is not None and due > since

    def _last_due(self, schedule: str, timezone: str | None) -> datetime | None:
        key = (schedule, timezone)
        if key not in self._last:
            self._last[key] = last_run(schedule, self._zone_of(timezone), self.now - OVERDUE_GRACE)
        return self._last[key]

    def _zone_of(self, timezone: str | None) -> ZoneInfo:
        try:
            return ZoneInfo(timezone) if timezone else self.zone
        except (ZoneInfoNotFoundError, ValueError):  # the machine's zones may have changed
            return self.zone
