"""Between a cron expression and what a person picks: how often, which days, what time. Pure."""

import re
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal['manual', 'hourly', 'daily', 'weekly', 'monthly', 'custom']
MODES: dict[Mode, str] = {
    'manual': 'Manual', 'hourly': 'Hourly', 'daily': 'Daily', 'weekly': 'Weekly', 'monthly': 'Monthly', 'custom': 'Custom',
}  # fmt: skip
# cron counts the days of the week from Sunday = 0; people here begin with Monday.
WEEKDAYS = {1: 'Mo', 2: 'Tu', 3: 'We', 4: 'Th', 5: 'Fr', 6: 'Sa', 0: 'Su'}
WEEKDAY_NAMES = {
    1: 'Monday',
    2: 'Tuesday',
    3: 'Wednesday',
    4: 'Thursday',
    5: 'Friday',
    6: 'Saturday',
    0: 'Sunday',
}
SHORT = {'sun': 0, 'mon': 1, 'tue': 2, 'wed': 3, 'thu': 4, 'fri': 5, 'sat': 6}
CLOCK = re.compile(r'([01]?\d|2[0-3]):([0-5]\d)')


@dataclass(kw_only=True, slots=True)
class ScheduleForm:
    """What stands in the schedule editor. `time` is 'HH:MM'."""

    mode: Mode = 'daily'
    time: str = '02:00'
    minute: int = 0
    days: set[int] = field(default_factory=lambda: {1})
    day: int = 1
    cron: str = '0 2 * * *'


def cron_of(form: ScheduleForm) -> str | None:
    """Given the form, return its cron expression, or None for manual. Raise ValueError with a sentence if it is unfinished."""
    if form.mode == 'manual':
        return None
    if form.mode == 'custom':
        return ' '.join(form.cron.split())
    if form.mode == 'hourly':
        return f'{form.minute} * * * *'
    hour, minute = clock(form.time)
    if form.mode == 'weekly':
        if not form.days:
            raise ValueError('Choose at least one day of the week.')
        return f'{minute} {hour} * * {",".join(str(day) for day in sorted(form.days))}'
    return f'{minute} {hour} {form.day if form.mode == "monthly" else "*"} * *'


def form_of(cron: str | None) -> ScheduleForm:
    """Given a cron expression or None, return the form that means the same; what no mode can express is custom."""
    if not cron:
        return ScheduleForm(mode='manual')
    custom = ScheduleForm(mode='custom', cron=cron)
    parts = cron.split()
    if len(parts) != 5 or parts[3] != '*' or not parts[0].isdigit():
        return custom
    minute, hour, day, _, weekdays = parts
    if (hour, day, weekdays) == ('*', '*', '*'):
        return ScheduleForm(mode='hourly', minute=int(minute), cron=cron)
    if not hour.isdigit():
        return custom
    return _at_a_time(f'{int(hour):02}:{int(minute):02}', day, weekdays, cron) or custom


def clock(text: str) -> tuple[int, int]:
    """Given '2:30', return (2, 30). Raise ValueError with a sentence if it is no time of day."""
    found = CLOCK.fullmatch(text.strip())
    if not found:
        raise ValueError('Give a time of day like 02:30.')
    return int(found[1]), int(found[2])


def _at_a_time(time: str, day: str, weekdays: str, cron: str) -> ScheduleForm | None:
    if day == '*' and weekdays == '*':
        return ScheduleForm(mode='daily', time=time, cron=cron)
    if day.isdigit() and weekdays == '*':
        return ScheduleForm(mode='monthly', time=time, day=int(day), cron=cron)
    chosen = _weekdays(weekdays)
    return ScheduleForm(mode='weekly', time=time, days=chosen, cron=cron) if day == '*' and chosen else None


def _weekdays(text: str) -> set[int]:
    chosen: set[int] = set()
    for part in text.lower().split(','):
        first, _, last = part.partition('-')
        low, high = _weekday(first), _weekday(last or first)
        if low is None or high is None or low > high:
            return set()
        chosen.update(number % 7 for number in range(low, high + 1))
    return chosen


def _weekday(text: str) -> int | None:
    if text in SHORT:
        return SHORT[text]
    return int(text) if text.isdigit() and int(text) <= 7 else None
