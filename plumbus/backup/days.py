"""What became of the backups of each client on each of the last days, kept up to date with each change of a record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

KEPT = timedelta(days=32)  # a month; and time zones apart
WORST = ('failed', 'interrupted', 'warning', 'completed')  # a cancelled one was nobody's failure
Raw = Mapping[str, Any]
Place = tuple[int, date]  # of a client on a day


@dataclass(frozen=True, slots=True)
class DayResult:
    """Of one client and one day: how its worst backup ended, which one that is (the newest of equals), and how many there were."""

    status: str
    backup_id: int
    count: int


class Days:
    """Watches the records of backups. Whoever reads it holds the lock of the database. Days are those of the zone."""

    def __init__(self, zone: tzinfo, now: Callable[[], datetime]) -> None:
        self._zone, self._now = zone, now
        self.reset()

    def reset(self) -> None:
        """There are no records."""
        self._first = self._oldest()
        self._ranks: dict[Place, dict[int, int]] = {}
        self._results: dict[Place, DayResult] = {}
        self._changed: set[Place] = set()

    def added(self, item_id: int, document: Raw) -> None:
        """Given a record that is there from now on, count it in if it is one of the last days."""
        if str(document.get('start_time')) < self._first.isoformat():
            return  # nearly all of a long history: a look at the text is enough
        if place := self._place(document):
            self._ranks.setdefault(place, {})[item_id] = WORST.index(document['status'])
            self._changed.add(place)

    def removed(self, item_id: int, document: Raw) -> None:
        """Given a record as it was up to now, count it out."""
        place = self._place(document)
        if place in self._ranks and self._ranks[place].pop(item_id, None) is not None:
            self._changed.add(place)

    def results(self) -> dict[Place, DayResult]:
        """Return by client and day what became of the backups that were begun then; nothing for days without any."""
        if self._oldest() > self._first:
            self._first = self._oldest()
            for place in [place for place in self._ranks if place[1] < self._first]:
                self._ranks[place] = {}
                self._changed.add(place)
        for place in self._changed:
            self._sum_up(place)
        self._changed.clear()
        return dict(self._results)

    def _sum_up(self, place: Place) -> None:
        if ranks := self._ranks[place]:
            rank, number = min((rank, -item_id) for item_id, rank in ranks.items())
            self._results[place] = DayResult(WORST[rank], -number, len(ranks))
        else:
            del self._ranks[place]
            self._results.pop(place, None)

    def _place(self, document: Raw) -> Place | None:
        client_id, text = document.get('client_id'), document.get('start_time')
        if document.get('status') not in WORST or not isinstance(client_id, int) or not isinstance(text, str):
            return None
        try:
            return client_id, datetime.fromisoformat(text).astimezone(self._zone).date()
        except (ValueError, OverflowError):  # somebody spoilt it by hand
            return None

    def _oldest(self) -> date:
        return self._now().astimezone(self._zone).date() - KEPT
