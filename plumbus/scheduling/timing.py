"""From a cron expression to the times it fires and to words. Pure: no clock, no thread; croniter computes."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cron_descriptor import ExpressionDescriptor, Options
from croniter import croniter

from plumbus.errors import InvalidInput
from plumbus.scheduling.expression import MONTH_NAMES, WEEKDAY_NAMES, Expression, read

LOOKS_BACK = (0.05, 2, 9, 63, 400, 1500, 4000)  # days: hourly, daily, weekly, monthly, yearly, on 29 February
DESCRIBED = Options(locale_code='en_US', use_24hour_time_format=True)


def check(schedule: str, timezone: str | None = None) -> None:
    """Given a schedule and perhaps a time zone's name, raise InvalidInput naming each that cannot be used."""
    wrong: dict[str, str] = {}
    try:
        read(schedule)
    except InvalidInput as error:
        wrong.update(error.fields)
    if timezone is not None and not _known_zone(timezone):
        wrong['timezone'] = 'is not a known time zone; use one like Europe/Berlin'
    if wrong:
        raise InvalidInput(wrong)


def next_runs(schedule: str, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    """Given a schedule and the time zone it is read in, return the next `count` times later than `after`, in UTC.

    Daylight saving time as in cron(8): a job at a fixed time that the clock skips runs once right after the change, one
    in the doubled hour runs once; a job with a star as its minute or hour follows the clock. Raise InvalidInput if the
    schedule is no five-field cron expression or would never run.
    """
    return list(islice(_times(schedule, zone, after), count))


def last_run(schedule: str, zone: ZoneInfo, until: datetime) -> datetime | None:
    """Given a schedule and its time zone, return its last time up to `until`, in UTC; None if that was many years ago."""
    for days in LOOKS_BACK:
        earlier = takewhile(
            lambda moment: moment <= until, _times(schedule, zone, until - timedelta(days=days))
        )
        if last := deque(earlier, maxlen=1):
            return last[0]
    return None


@lru_cache(maxsize=5000)  # lists of very many jobs show it for each
def in_words(schedule: str | None) -> str:
    """Given a schedule, return it as a short English sentence; 'Manual' for None. What cannot be read comes back as is."""
    if schedule is None:
        return 'Manual'
    try:
        expression = read(schedule)
    except InvalidInput:
        return schedule
    days = _days_in_words(expression)
    clock_times = _clock_times(expression)
    if clock_times:
        return f'{days} at {clock_times}'
    pace = _pace_in_words(expression)
    return pace if days == 'Every day' else f'{pace}, {days[0].lower()}{days[1:]}'


# --- times ---


def _times(schedule: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    expression = read(schedule)
    times = _times_by_the_clock if expression.wildcard else _fixed_times
    return times(expression, zone, after.astimezone(UTC))


def _fixed_times(expression: Expression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    wall_times = _wall_times(expression, after.astimezone(zone).replace(tzinfo=None))
    last = after
    for wall_time in wall_times:
        moment = _moment(wall_time, zone)
        if moment > last:
            yield moment
            last = moment


def _times_by_the_clock(expression: Expression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    offset = _offset(zone, after)
    while True:
        wall_times = _wall_times(expression, (after + offset).replace(tzinfo=None))
        candidate = (next(wall_times) - offset).replace(tzinfo=UTC)
        change = _first_change(zone, offset, after, candidate)
        if change is None:
            yield candidate
            after = candidate
        else:
            after = change - timedelta(seconds=1)
            offset = _offset(zone, change)


def _wall_times(expression: Expression, after: datetime) -> Iterator[datetime]:
    """Return what the expression matches on a clock that knows no time zone, so without croniter's own idea of DST."""
    fields = (
        (expression.minutes, 60),
        (expression.hours, 24),
        (expression.days, 31),
        (expression.months, 12),
        (expression.weekdays, 7),
    )
    text = ' '.join('*' if len(values) == size else ','.join(map(str, values)) for values, size in fields)
    times = croniter(text, after, ret_type=datetime, day_or=expression.either_day)
    while True:
        yield times.get_next(datetime)


def _moment(wall_time: datetime, zone: ZoneInfo) -> datetime:
    """Given a time on the wall, return its moment: the first one if it comes twice, the end of the gap if it never does."""
    moment = wall_time.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall_time:
        return moment
    before_the_gap = wall_time.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _first_change(zone, _offset(zone, before_the_gap), before_the_gap, moment) or moment


def _first_change(zone: ZoneInfo, offset: timedelta, start: datetime, end: datetime) -> datetime | None:
    """Return the first second after `start` and up to `end` at which the zone is not `offset` from UTC, if there is one."""
    while start < end:
        stop = min(end, start + timedelta(days=1))
        if _offset(zone, stop) != offset:
            seconds = range(1, int((stop - start).total_seconds()) + 1)
            found = bisect_left(
                seconds, True, key=lambda s: _offset(zone, start + timedelta(seconds=s)) != offset
            )
            return (start + timedelta(seconds=found + 1)).replace(microsecond=0)
        start = stop
    return None


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# --- words ---


def _clock_times(expression: Expression) -> str:
    times = [f'{hour:02}:{minute:02}' for hour in expression.hours for minute in expression.minutes]
    every_few_hours = len(times) > 3 and expression.minutes == (0,) and _step(expression.hours, 24)
    return '' if len(times) > 6 or every_few_hours else _joined(times)


def _pace_in_words(expression: Expression) -> str:
    minutes, hours = expression.minutes, expression.hours
    if len(hours) == 24:
        step = _step(minutes, 60)
        if step and len(minutes) > 1:
            return 'Every minute' if step == 1 else f'Every {step} minutes'
        if minutes == (0,):
            return 'Every hour'
        if len(minutes) <= 6:
            return f'Every hour at minute{"s" if len(minutes) > 1 else ""} {_joined(minutes)}'
    elif minutes == (0,) and _step(hours, 24):
        return f'Every {_step(hours, 24)} hours'
    elif len(minutes) == 1 and _listed(hours) == f'{hours[0]} to {hours[-1]}':
        return f'Every hour from {hours[0]:02}:{minutes[0]:02} to {hours[-1]:02}:{minutes[0]:02}'
    text = f'{_compact(minutes, 60)} {_compact(hours, 24)} * * *'
    return str(ExpressionDescriptor(text, DESCRIBED).get_description())


def _days_in_words(expression: Expression) -> str:
    months = (
        '' if expression.every_month else _joined([MONTH_NAMES[month - 1] for month in expression.months])
    )
    weekdays = _weekdays_in_words(expression.weekdays)
    if expression.every_day_of_month:
        return f'Every {weekdays} in {months}' if months else f'Every {weekdays}'
    days = _listed(expression.days)
    if expression.every_weekday and len(expression.days) == len(expression.months) == 1:
        return f'Every year on {days} {months}'
    plural = 's' if len(expression.days) > 1 else ''
    if expression.every_weekday:
        which = f'day{plural} {days}'
    elif expression.either_day:
        which = f'day{plural} {days} and every {weekdays}'
    else:
        which = f'every {weekdays} among day{plural} {days}'
    return f'Every {months or "month"} on {which}'


def _weekdays_in_words(weekdays: Sequence[int]) -> str:
    if len(weekdays) == 7:
        return 'day'
    if tuple(weekdays) == (1, 2, 3, 4, 5):
        return 'weekday'
    return _joined([WEEKDAY_NAMES[day] for day in sorted(weekdays, key=lambda day: day or 7)])


def _listed(numbers: Sequence[int]) -> str:
    gaps = {after - before for before, after in pairwise(numbers)}
    if len(numbers) > 2 and gaps == {1}:
        return f'{numbers[0]} to {numbers[-1]}'
    if len(numbers) > 4 and len(gaps) == 1:
        return f'{numbers[0]}, {numbers[1]}, {numbers[2]} … {numbers[-1]}'
    return _joined(numbers)


def _joined(items: Sequence[object]) -> str:
    *first, last = map(str, items)
    return f'{", ".join(first)} and {last}' if first else last


def _step(numbers: Sequence[int], size: int) -> int:
    """Return n if the numbers are those of */n and n divides the size, so that the pace never breaks; else 0."""
    step = size // len(numbers)
    return step if tuple(numbers) == tuple(range(0, size, step)) and size % step == 0 else 0


def _compact(numbers: Sequence[int], size: int) -> str:
    step = _step(numbers, size)
    if step and len(numbers) > 1:
        return f'*/{step}' if step > 1 else '*'
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f'{numbers[0]}-{numbers[-1]}'
    return ','.join(map(str, numbers))
