"""The scheduler through the whole of 2026, a quarter of an hour at a time, in zones that change their clocks in three ways."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from plumbus.scheduling.scheduler import DueRun, Planned, Scheduler

STEP = timedelta(minutes=15)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


START, END = at('2026-01-01T00:00'), at('2027-01-01T00:00')
# When the clock was or will be changed (UTC), and the minutes by which it is ahead of UTC from then on.
CLOCKS = {
    'Europe/Berlin': [('2026-01-01T00:00', 60), ('2026-03-29T01:00', 120), ('2026-10-25T01:00', 60)],
    'America/New_York': [('2026-01-01T00:00', -300), ('2026-03-08T07:00', -240), ('2026-11-01T06:00', -300)],
    'Australia/Lord_Howe': [('2026-01-01T00:00', 660), ('2026-04-04T15:00', 630), ('2026-10-03T15:30', 660)],
}
# Worked out by hand with cron(8): what the clock skips runs right after it, what comes twice runs the first time (UTC).
# By local day: at 01:30, 02:15 and 02:30.
CHANGES = {
    'Europe/Berlin': {
        '2026-03-29': ('03-29 00:30', '03-29 01:00', '03-29 01:00'),  # 02:00 to 03:00 is skipped
        '2026-10-25': ('10-24 23:30', '10-25 00:15', '10-25 00:30'),  # 02:00 to 03:00 comes twice
    },
    'America/New_York': {
        '2026-03-08': ('03-08 06:30', '03-08 07:00', '03-08 07:00'),  # 02:00 to 03:00 is skipped
        '2026-11-01': ('11-01 05:30', '11-01 07:15', '11-01 07:30'),  # 01:00 to 02:00 comes twice
    },
    'Australia/Lord_Howe': {
        '2026-04-05': ('04-04 14:30', '04-04 15:45', '04-04 16:00'),  # 01:30 to 02:00 comes twice
        '2026-10-04': ('10-03 15:00', '10-03 15:30', '10-03 15:30'),  # 02:00 to 02:30 is skipped
    },
}
DAILY = {
    '30 1 * * *': timedelta(hours=1.5),
    '15 2 * * *': timedelta(hours=2.25),
    '30 2 * * *': timedelta(hours=2.5),
}


def ahead(zone: str, moment: datetime) -> timedelta:
    return timedelta(minutes=[minutes for since, minutes in CLOCKS[zone] if at(since) <= moment][-1])


def moments() -> Iterator[datetime]:
    """Each quarter of an hour of the year."""
    moment = START
    while moment < END:
        yield moment
        moment += STEP


def by_the_clock(zone: str) -> list[datetime]:
    """When the clock on the wall shows a full hour."""
    return [moment for moment in moments() if (moment + ahead(zone, moment)).minute == 0]


def daily(zone: str, place: int) -> list[datetime]:
    """When a job of each day runs: by the table above on the two days of a change, else by the clock of that day."""
    time_of_day = list(DAILY.values())[place]
    found = []
    for number in range(-1, 366):
        midnight = START + timedelta(days=number)
        changed = CHANGES[zone].get(f'{midnight:%Y-%m-%d}')
        if changed:
            found.append(at(f'2026-{changed[place].replace(" ", "T")}'))
        else:
            found.append(midnight + time_of_day - ahead(zone, max(midnight, START)))
    return [moment for moment in found if START <= moment < END]


class Walk:
    """A clock that a test sets, and what was started at its times."""

    def __init__(self, zone: str, schedules: Sequence[str]) -> None:
        self.now = START - STEP
        self.started: list[list[DueRun]] = [[] for _ in schedules]
        self.plans = [Planned(number, schedule, ZoneInfo(zone)) for number, schedule in enumerate(schedules)]

    def start(self, due: Sequence[DueRun]) -> None:
        for run in due:
            self.started[run.job_id].append(run)

    def uptime_s(self) -> float:
        return (self.now - START).total_seconds()

    def through_the_year(self) -> list[list[DueRun]]:
        """Let a scheduler look at each quarter of an hour. Return what it started of each schedule."""
        scheduler = Scheduler(lambda: self.now, lambda: self.plans, self.start, monotonic=self.uptime_s)
        scheduler.plan_all()
        for moment in moments():
            self.now = moment
            scheduler.tick()
        return self.started


@pytest.mark.parametrize('zone', CLOCKS)
def test_a_year_is_started_when_the_clock_on_the_wall_says(zone: str) -> None:
    hourly, *of_each_day = Walk(zone, ['0 * * * *', *DAILY]).through_the_year()
    assert [run.time for run in hourly] == by_the_clock(zone)
    for place, runs in enumerate(of_each_day):
        assert [run.time for run in runs] == daily(zone, place)
        assert len(runs) in {365, 366}
    assert not [run for runs in (hourly, *of_each_day) for run in runs if run.missed]
