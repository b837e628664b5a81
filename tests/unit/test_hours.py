"""Quiet hours: what can be said, when they are in each zone, and how several go together."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbus.errors import InvalidInput
from plumbus.model import Job, JobFields, checked
from plumbus.model.hours import Quiet, QuietHours, read_hours, strictest

BERLIN = ZoneInfo('Europe/Berlin')
NIGHT = '22:00-06:00'
JOB = {'client_id': 1, 'name': 'home', 'source_paths': ['/home']}


def until(text: str, now: str, zone: ZoneInfo = BERLIN) -> str | None:
    """Both times as the wall shows them."""
    moment = datetime.fromisoformat(now)
    found = QuietHours(text=text, zone=zone).quiet(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    return f'{found.until.astimezone(zone):%m-%d %H:%M}' if found else None


@pytest.mark.parametrize(
    ('now', 'expected'),
    [
        ('2026-11-23T21:59:59', None),
        ('2026-11-23T22:00:00', '11-24 06:00'),
        ('2026-11-23T23:59:59', '11-24 06:00'),
        ('2026-11-24T00:00:00', '11-24 06:00'),
        ('2026-11-24T05:59:59', '11-24 06:00'),
        ('2026-11-24T06:00:00', None),
        ('2026-11-24T12:00:00', None),
    ],
)
def test_a_night_goes_over_midnight(now: str, expected: str | None) -> None:
    assert until(NIGHT, now) == expected


def test_hours_of_the_day_and_several_of_them() -> None:
    text = '08:00-12:00, 13:00-17:30'
    moments = ['07:59', '08:00', '11:59', '12:00', '12:59', '13:00', '17:29', '17:30']
    found = [until(text, f'2026-11-23T{moment}') for moment in moments]
    morning, afternoon = '11-23 12:00', '11-23 17:30'
    assert found == [None, morning, morning, None, None, afternoon, afternoon, None]


def test_those_that_follow_each_other_are_one() -> None:
    assert until('22:00-00:00,00:00-03:00, 02:00-06:00', '2026-11-23T23:00') == '11-24 06:00'


def test_they_are_read_in_their_zone() -> None:
    assert until(NIGHT, '2026-11-23T21:30:00+00:00') == '11-24 06:00'
    assert until(NIGHT, '2026-11-23T21:30:00+00:00', ZoneInfo('America/New_York')) is None


@pytest.mark.parametrize(
    ('day', 'hours'),
    [('2026-03-28', 7), ('2026-03-29', 8), ('2026-10-24', 9), ('2026-10-25', 8)],
)
def test_a_night_in_which_the_clock_is_set_is_shorter_or_longer(day: str, hours: int) -> None:
    begin = datetime.fromisoformat(f'{day}T22:00').replace(tzinfo=BERLIN)
    found = QuietHours(text=NIGHT, zone=BERLIN).quiet(begin)
    assert found
    assert found.until - begin.astimezone(UTC) == timedelta(hours=hours)


def test_hours_that_come_twice_or_never_are_quiet_once_a_day() -> None:
    hours = QuietHours(text='02:00-02:30', zone=BERLIN)
    autumn, spring = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC)
    for start in (autumn, spring):
        quiet = [minute for minute in range(600) if hours.quiet(start + timedelta(minutes=minute))]
        assert len(quiet) == 30
        assert quiet == list(range(quiet[0], quiet[0] + 30))


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 60 * 24 * 365))
def test_it_is_quiet_as_the_wall_says_but_where_the_clock_is_set(start: int, end: int, minute: int) -> None:
    if start == end:
        return
    zone = ZoneInfo('Asia/Tokyo')  # never sets its clock
    text = f'{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}'
    now = datetime(2026, 1, 1, tzinfo=zone) + timedelta(minutes=minute)
    wall = now.hour * 60 + now.minute
    inside = start <= wall < end if start < end else (wall >= start or wall < end)
    assert (until(text, now.isoformat(), zone) is not None) is inside


@pytest.mark.parametrize(
    ('given_text', 'kept'),
    [('22:00-6:00', '22:00-06:00'), (' 8:00 - 12:00,13:00-17:00 ', '08:00-12:00, 13:00-17:00'), (None, None)],
)
def test_a_job_takes_hours_and_keeps_them_tidy(given_text: str | None, kept: str | None) -> None:
    assert checked(JobFields, {**JOB, 'quiet_hours': given_text}).quiet_hours == kept


@pytest.mark.parametrize(
    ('text', 'why'),
    [
        ('', 'must be hours like 22:00-06:00'),
        ('22-6', 'must be hours like 22:00-06:00'),
        ('24:00-06:00', 'must be hours like 22:00-06:00'),
        ('22:60-06:00', 'must be hours like 22:00-06:00'),
        ('22:00-06:00,', 'must be hours like 22:00-06:00'),
        ('22:00', 'must be hours like 22:00-06:00'),
        ('at night', 'must be hours like 22:00-06:00'),
        ('06:00-06:00', 'begins and ends at the same time: 06:00-06:00'),
        ('00:00-12:00, 12:00-00:00', 'would cover the whole day'),
        (','.join(['01:00-02:00'] * 11), 'must not have more than 10 parts'),
    ],
)
def test_it_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked(JobFields, {**JOB, 'quiet_hours': text})
    assert why in caught.value.fields['quiet_hours']


def test_of_several_the_strictest_and_the_latest_end_count() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    early, late = now + timedelta(hours=1), now + timedelta(hours=2)
    slow = Quiet(until=late, action='limit', limit_kib=500)
    slower = Quiet(until=early, action='limit', limit_kib=100)
    assert strictest([]) is None
    assert strictest([Quiet(until=early), slow]) == slow
    assert strictest([slow, slower]) == Quiet(until=late, action='limit', limit_kib=100)
    assert strictest([slow, Quiet(until=early, action='pause')]) == Quiet(until=late, action='pause')


def test_a_stored_job_without_any_has_none() -> None:
    assert Job(**JOB).quiet_hours is None
    assert read_hours('22:00-06:00') == ((1320, 360),)
