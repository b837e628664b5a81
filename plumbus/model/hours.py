"""Quiet hours: hours of the day in which nothing planned begins, and what becomes of what runs. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints

QuietAction = Literal['continue', 'pause', 'limit']
SPAN = re.compile(r'([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)')
MOST_SPANS = 10
DAY = 24 * 60
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quiet:
    """It is quiet until then. `limit_kib` goes with the action `limit`."""

    until: datetime
    action: QuietAction = 'continue'
    limit_kib: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """`text` like '22:00-06:00, 12:00-13:00', read in `zone`; over midnight if the end is before the beginning."""

    text: str
    zone: ZoneInfo
    action: QuietAction = 'continue'
    limit_kib: int = 0

    def quiet(self, now: datetime) -> Quiet | None:
        """Given the time, return until when it is quiet, and None if it is not."""
        until = _quiet_until(self.text, self.zone, now.astimezone(UTC).replace(second=0, microsecond=0))
        return Quiet(until=until, action=self.action, limit_kib=self.limit_kib) if until else None


def strictest(quiet: list[Quiet]) -> Quiet | None:
    """Given what is quiet at one time for several reasons, return all of it in one: the latest end and the strictest action."""
    if not quiet:
        return None
    actions = {one.action for one in quiet}
    action: QuietAction = 'pause' if 'pause' in actions else 'limit' if 'limit' in actions else 'continue'
    limits = [one.limit_kib for one in quiet if one.action == 'limit']
    limit = min(limits) if action == 'limit' else 0
    return Quiet(until=max(one.until for one in quiet), action=action, limit_kib=limit)


def read_hours(text: str) -> Spans:
    """Given quiet hours as text, return them as minutes of the day. Raise ValueError with a sentence."""
    parts = [part.strip() for part in text.split(',')]
    if len(parts) > MOST_SPANS:
        raise ValueError(f'must not have more than {MOST_SPANS} parts')
    spans = tuple(_span(part) for part in parts)
    if len(_covered(spans)) == DAY:
        raise ValueError('would cover the whole day, so nothing would ever run; switch the job off instead')
    return spans


def _span(text: str) -> tuple[int, int]:
    found = SPAN.fullmatch(re.sub(r'\s*-\s*', '-', text))
    if not found:
        raise ValueError('must be hours like 22:00-06:00, or several of them: 08:00-12:00, 13:00-17:00')
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start == end:
        raise ValueError(f'begins and ends at the same time: {text}')
    return start, end


def _covered(spans: Spans) -> set[int]:
    return {
        minute % DAY
        for start, end in spans
        for minute in range(start, end if start < end else end + DAY)
    }  # fmt: skip


def _normal(text: str) -> str:
    spans = read_hours(text)
    return ', '.join(f'{_clock(start)}-{_clock(end)}' for start, end in spans)


def _clock(minutes: int) -> str:
    return f'{minutes // 60:02}:{minutes % 60:02}'


@lru_cache(maxsize=4096)
def _quiet_until(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Each span comes once a day, from a moment to a moment: where the clock is set in it, it is longer or shorter."""
    today = now.astimezone(zone).date()
    moments = []
    for days in (-1, 0, 1, 2):
        day = today + timedelta(days=days)
        for start, end in read_hours(text):
            last = day if start < end else day + timedelta(days=1)
            moments.append(
                (
                    _moment(datetime.combine(day, _time(start)), zone),
                    _moment(datetime.combine(last, _time(end)), zone),
                )
            )
    until = None
    for begin, end_moment in sorted(moments):  # one that follows another without a gap prolongs it
        if begin <= (until or now) < end_moment:
            until = end_moment
    return until


def _time(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


QuietText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_normal)]
