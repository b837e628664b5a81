"""Reads a five-field cron expression as Debian's cron (3.0pl1, entry.c) does, and says plainly what is wrong with it.

Stricter in one point: what that cron skips in silence or never runs (`0~30`, `22-2`, 30 February) is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from plumbus.errors import InvalidInput

PART = re.compile(
    r'(?P<first>\*|[0-9a-z]+)(-(?P<last>[0-9a-z]+))?(/(?P<step>[0-9]{1,4}))?', re.ASCII | re.IGNORECASE
)
MONTH_NAMES = (
    'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November',
    'December',
)  # fmt: skip
WEEKDAY_NAMES = ('Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday')
LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NICKNAMES = {
    '@hourly': '0 * * * *',
    '@daily': '0 0 * * *',
    '@midnight': '0 0 * * *',
    '@weekly': '0 0 * * 0',
    '@monthly': '0 0 1 * *',
    '@yearly': '0 0 1 1 *',
    '@annually': '0 0 1 1 *',
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Expression:
    """When a job runs. Weekdays count from 0 = Sunday to 6.

    `either_day`: days and weekdays are both restricted, so one of the two is enough. `wildcard`: minute or hour begins
    with a star, so the job follows the clock on the wall instead of being caught up when daylight saving time skips it.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either_day: bool
    wildcard: bool

    @property
    def every_day_of_month(self) -> bool:
        """Whether no day of the month is left out."""
        return len(self.days) == 31

    @property
    def every_weekday(self) -> bool:
        """Whether no day of the week is left out."""
        return len(self.weekdays) == 7

    @property
    def every_month(self) -> bool:
        """Whether no month is left out."""
        return len(self.months) == 12


@lru_cache(maxsize=4096)
def read(text: str) -> Expression:
    """Given a five-field cron expression, return what it means. Raise InvalidInput naming `schedule` and why."""
    fields = _five_fields(text)
    minutes, hours, days, months, weekdays = (
        field.read(part) for field, part in zip(FIELDS, fields, strict=True)
    )
    weekdays = tuple(sorted({day % 7 for day in weekdays}))
    # Debian's cron looks at the first character alone, so */2 counts as unrestricted too.
    either_day = not fields[2].startswith('*') and not fields[4].startswith('*')
    if either_day and (len(days) == 31 or len(weekdays) == 7):
        either_day, days, weekdays = False, tuple(range(1, 32)), tuple(range(7))
    if not either_day and not any(day <= LONGEST_MONTH[month - 1] for month in months for day in days):
        raise _wrong(
            f'{" ".join(fields)} would never run, because no such day exists; choose another day or month'
        )
    return Expression(
        text=' '.join(fields),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=either_day,
        wildcard=fields[0].startswith('*') or fields[1].startswith('*'),
    )


def _five_fields(text: str) -> list[str]:
    if any(char not in ' \t' and not '!' <= char <= '~' for char in text):
        raise _wrong('may hold only letters, digits and * , - / with spaces between the five fields')
    fields = text.split()
    if fields and fields[0].startswith('@'):
        meaning = NICKNAMES.get(fields[0].lower())
        instead = f'write {meaning} instead of {fields[0]}' if meaning else 'write it like 0 2 * * *'
        raise _wrong(f'must be a cron expression with five fields; {instead}')
    if len(fields) != 5:
        raise _wrong(
            'must have five fields (minute, hour, day of month, month, day of week), like 0 2 * * * for every day at '
            f'02:00; this has {len(fields)}'
        )
    return fields


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]

    def read(self, text: str) -> tuple[int, ...]:
        return tuple(sorted({value for part in text.split(',') for value in self._part(part, text)}))

    def _part(self, part: str, text: str) -> Iterator[int]:
        match = PART.fullmatch(part)
        if not match or (match['first'] == '*' and match['last']):
            raise _wrong(
                f'{text} cannot be read as {self.name}; use a number, a range like {self.low}-{self.low + 3}, '
                f'a list like {self.low},{self.low + 2}, or a step like */2'
            )
        first, last = self._ends(match)
        step = int(match['step'] or 1)
        if step < 1:
            raise _wrong(f'{part} has a step of 0; the smallest step is 1')
        if match['step'] and first == last and not match['last']:
            raise _wrong(f'{part} needs a range before the step; write {first}-{self.high}/{match["step"]}')
        return iter(range(first, last + 1, step))

    def _ends(self, match: re.Match[str]) -> tuple[int, int]:
        if match['first'] == '*':
            return self.low, self.high
        first = self._number(match['first'])
        last = self._number(match['last']) if match['last'] else first
        if first > last:
            raise _wrong(
                f'{match["first"]}-{match["last"]} as {self.name} runs backwards, so it would never run; write '
                f'{self._forwards(first, last)}'
            )
        return first, last

    def _number(self, text: str) -> int:
        number = self.names.get(text.lower())
        if number is None and text.isdigit() and len(text) <= 4:
            number = int(text)
        if number is None or not self.low <= number <= self.high:
            names = f' or {", ".join(self.names)}' if self.names else ''
            raise _wrong(f'{text} is no {self.name}; use {self.low} to {self.high}{names}')
        return number

    def _forwards(self, first: int, last: int) -> str:
        if self.high == 7 and (last == 0 or first == 7):
            return f'{first}-7' if last == 0 else f'0-{last}'
        ends = ((first, 6 if self.high == 7 else self.high), (self.low, last))
        return ','.join(str(low) if low == high else f'{low}-{high}' for low, high in ends)


def _wrong(why: str) -> InvalidInput:
    return InvalidInput({'schedule': why})


MONTHS = {name[:3].lower(): number for number, name in enumerate(MONTH_NAMES, start=1)}
WEEKDAYS = {name[:3].lower(): number for number, name in enumerate(WEEKDAY_NAMES)}
FIELDS = (
    _Field(name='minute', low=0, high=59, names={}),
    _Field(name='hour', low=0, high=23, names={}),
    _Field(name='day of month', low=1, high=31, names={}),
    _Field(name='month', low=1, high=12, names=MONTHS),
    _Field(name='day of week', low=0, high=7, names=WEEKDAYS),
)
