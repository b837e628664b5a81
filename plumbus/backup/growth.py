"""How much the snapshots take, day by day: kept up to date with each change of a record, as the other figures are."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

GOOD = frozenset({'completed', 'warning'})
DAY_S = 86_400
SHOWN_DAYS = 90
Raw = Mapping[str, Any]


class Growth:
    """What came and went on each day (UTC). Whoever reads it holds the lock of the database."""

    def __init__(self) -> None:
        self._days: dict[int, int] = {}

    def count(self, document: Raw, sign: int) -> None:
        """Given a record of a backup, count it in (1) or out (-1)."""
        came = _day(document.get('end_time'))
        if document.get('status') not in GOOD or came is None:
            return
        stored = _bytes(document, 'disk_bytes') - _bytes(document, 'inherited_bytes')
        self._add(came, sign * stored)
        gone = None if document.get('backup_path') else _day(document.get('removed_at'))
        if gone is not None:
            self._add(gone, -sign * _bytes(document, 'freed_bytes', stored))

    def steps(self) -> list[tuple[datetime, int]]:
        """Return bytes by the day they came, or went (negative), oldest first."""
        return [
            (datetime.fromtimestamp(day * DAY_S, UTC), change) for day, change in sorted(self._days.items())
        ]

    def trend(self, now: datetime, stored: int) -> list[dict[str, Any]]:
        """Given what the snapshots take now, return what they took at the end of each of the last 90 days, from the first that had any.

        Counted back from now: of what lies far back the records may be gone.
        """
        if not self._days:
            return []
        first = int((now - timedelta(days=SHOWN_DAYS - 1)).timestamp()) // DAY_S
        total = stored - sum(change for day, change in self._days.items() if day >= first)
        told = []
        for day in range(max(first, min(self._days)), int(now.timestamp()) // DAY_S + 1):
            total += self._days.get(day, 0)
            told.append(
                {'day': f'{datetime.fromtimestamp(day * DAY_S, UTC):%Y-%m-%d}', 'bytes': max(0, total)}
            )
        return told

    def _add(self, day: int, change: int) -> None:
        kept = self._days.get(day, 0) + change
        if kept:
            self._days[day] = kept
        else:
            self._days.pop(day, None)


def _bytes(document: Raw, name: str, otherwise: int = 0) -> int:
    value = document.get(name)
    return value if isinstance(value, int) else otherwise


def _day(text: object) -> int | None:
    ended = seconds(text)
    return None if ended is None else int(ended) // DAY_S


def seconds(text: object) -> float | None:
    """Given a time as it is stored, return it in seconds (UTC); None also for what somebody spoilt by hand."""
    return _seconds(text) if isinstance(text, str) else None


@lru_cache(maxsize=2)  # several look at the same record, one after the other
def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
