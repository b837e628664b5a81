"""Cron expressions as Debian's cron reads them: when they fire, how daylight saving time bends them, what they are called."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from plumbus.errors import InvalidInput
from plumbus.scheduling.timing import check, in_words, next_runs

BERLIN = ZoneInfo('Europe/Berlin')
WEDNESDAY = datetime(2026, 3, 4, 10, 20, tzinfo=UTC)

# Worked out by hand and by a walk over every minute; the syntax was put to Debian's own `crontab -n`.
FIRES = [
    ('* * * * *', '2026-03-04 10:21; 2026-03-04 10:22; 2026-03-04 10:23'),
    ('*/5 * * * *', '2026-03-04 10:25; 2026-03-04 10:30; 2026-03-04 10:35'),
    ('*/7 * * * *', '2026-03-04 10:21; 2026-03-04 10:28; 2026-03-04 10:35'),
    ('0 * * * *', '2026-03-04 11:00; 2026-03-04 12:00; 2026-03-04 13:00'),
    ('5 * * * *', '2026-03-04 11:05; 2026-03-04 12:05; 2026-03-04 13:05'),
    ('5,35 * * * *', '2026-03-04 10:35; 2026-03-04 11:05; 2026-03-04 11:35'),
    ('10-12 * * * *', '2026-03-04 11:10; 2026-03-04 11:11; 2026-03-04 11:12'),
    ('0-30/10 * * * *', '2026-03-04 10:30; 2026-03-04 11:00; 2026-03-04 11:10'),
    ('*/100 * * * *', '2026-03-04 11:00; 2026-03-04 12:00; 2026-03-04 13:00'),
    ('007 * * * *', '2026-03-04 11:07; 2026-03-04 12:07; 2026-03-04 13:07'),
    ('59 23 * * *', '2026-03-04 23:59; 2026-03-05 23:59; 2026-03-06 23:59'),
    ('0 0 * * *', '2026-03-05 00:00; 2026-03-06 00:00; 2026-03-07 00:00'),
    ('0 2 * * *', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-07 02:00'),
    ('30 2,14 * * *', '2026-03-04 14:30; 2026-03-05 02:30; 2026-03-05 14:30'),
    ('0 */6 * * *', '2026-03-04 12:00; 2026-03-04 18:00; 2026-03-05 00:00'),
    ('0 1-23/2 * * *', '2026-03-04 11:00; 2026-03-04 13:00; 2026-03-04 15:00'),
    ('0 8-18 * * *', '2026-03-04 11:00; 2026-03-04 12:00; 2026-03-04 13:00'),
    ('*/15 9-17 * * 1-5', '2026-03-04 10:30; 2026-03-04 10:45; 2026-03-04 11:00'),
    ('*,5 3 * * *', '2026-03-05 03:00; 2026-03-05 03:01; 2026-03-05 03:02'),
    ('5,* 3 * * *', '2026-03-05 03:00; 2026-03-05 03:01; 2026-03-05 03:02'),
    ('0 2 * * 0', '2026-03-08 02:00; 2026-03-15 02:00; 2026-03-22 02:00'),
    ('0 2 * * 7', '2026-03-08 02:00; 2026-03-15 02:00; 2026-03-22 02:00'),
    ('0 2 * * sun', '2026-03-08 02:00; 2026-03-15 02:00; 2026-03-22 02:00'),
    ('0 2 * * SUN', '2026-03-08 02:00; 2026-03-15 02:00; 2026-03-22 02:00'),
    ('0 2 * * Mon', '2026-03-09 02:00; 2026-03-16 02:00; 2026-03-23 02:00'),
    ('0 2 * * 1-5', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-09 02:00'),
    ('0 2 * * mon-fri', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-09 02:00'),
    ('0 2 * * mon,wed,fri', '2026-03-06 02:00; 2026-03-09 02:00; 2026-03-11 02:00'),
    ('30 2 * * 1,3,5', '2026-03-06 02:30; 2026-03-09 02:30; 2026-03-11 02:30'),
    ('0 2 * * 5-7', '2026-03-06 02:00; 2026-03-07 02:00; 2026-03-08 02:00'),
    ('0 2 * * 0-7', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-07 02:00'),
    ('0 2 * * 1-7/2', '2026-03-06 02:00; 2026-03-08 02:00; 2026-03-09 02:00'),
    ('0 2 * * */2', '2026-03-05 02:00; 2026-03-07 02:00; 2026-03-08 02:00'),
    ('0 2 * * */7', '2026-03-08 02:00; 2026-03-15 02:00; 2026-03-22 02:00'),
    ('0 2 * * mon-fri/2', '2026-03-06 02:00; 2026-03-09 02:00; 2026-03-11 02:00'),
    ('0 2 * * sat,sun', '2026-03-07 02:00; 2026-03-08 02:00; 2026-03-14 02:00'),
    ('0 2 * * 6,7', '2026-03-07 02:00; 2026-03-08 02:00; 2026-03-14 02:00'),
    ('0 2 * * thu-thu', '2026-03-05 02:00; 2026-03-12 02:00; 2026-03-19 02:00'),
    ('0 2 1 * *', '2026-04-01 02:00; 2026-05-01 02:00; 2026-06-01 02:00'),
    ('0 2 1,15 * *', '2026-03-15 02:00; 2026-04-01 02:00; 2026-04-15 02:00'),
    ('0 2 31 * *', '2026-03-31 02:00; 2026-05-31 02:00; 2026-07-31 02:00'),
    ('0 2 */2 * *', '2026-03-05 02:00; 2026-03-07 02:00; 2026-03-09 02:00'),
    ('0 2 */31 * *', '2026-04-01 02:00; 2026-05-01 02:00; 2026-06-01 02:00'),
    ('0 2 1-7 * *', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-07 02:00'),
    ('0 2 28-31 * *', '2026-03-28 02:00; 2026-03-29 02:00; 2026-03-30 02:00'),
    ('0 2 1 1 *', '2027-01-01 02:00; 2028-01-01 02:00; 2029-01-01 02:00'),
    ('0 2 1 jan *', '2027-01-01 02:00; 2028-01-01 02:00; 2029-01-01 02:00'),
    ('0 2 1 JAN,Jul *', '2026-07-01 02:00; 2027-01-01 02:00; 2027-07-01 02:00'),
    ('0 2 1 */3 *', '2026-04-01 02:00; 2026-07-01 02:00; 2026-10-01 02:00'),
    ('0 2 29 2 *', '2028-02-29 02:00; 2032-02-29 02:00; 2036-02-29 02:00'),
    ('0 2 30 1-3 *', '2026-03-30 02:00; 2027-01-30 02:00; 2027-03-30 02:00'),
    ('0 2 * jun-aug *', '2026-06-01 02:00; 2026-06-02 02:00; 2026-06-03 02:00'),
    ('0 2 * 6-8 1-5', '2026-06-01 02:00; 2026-06-02 02:00; 2026-06-03 02:00'),
    ('0 2 13 * 5', '2026-03-06 02:00; 2026-03-13 02:00; 2026-03-20 02:00'),
    ('30 4 1,15 * 5', '2026-03-06 04:30; 2026-03-13 04:30; 2026-03-15 04:30'),
    ('0 0 1-31 * 1', '2026-03-05 00:00; 2026-03-06 00:00; 2026-03-07 00:00'),
    ('0 0 13 * 0-6', '2026-03-05 00:00; 2026-03-06 00:00; 2026-03-07 00:00'),
    ('0 2 30 2 1', '2027-02-01 02:00; 2027-02-08 02:00; 2027-02-15 02:00'),
    ('0 2 1-7 * */7', '2026-04-05 02:00; 2026-05-03 02:00; 2026-06-07 02:00'),
    ('0 2 */2 * 1', '2026-03-09 02:00; 2026-03-23 02:00; 2026-04-13 02:00'),
    ('0 2 1 * */2', '2026-08-01 02:00; 2026-09-01 02:00; 2026-10-01 02:00'),
    ('0 2 29 2 */2', '2028-02-29 02:00; 2032-02-29 02:00; 2048-02-29 02:00'),
    ('0  2\t* * *', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-07 02:00'),
    (' 0 2 * * * ', '2026-03-05 02:00; 2026-03-06 02:00; 2026-03-07 02:00'),
    ('0 2 29-31 2 *', '2028-02-29 02:00; 2032-02-29 02:00; 2036-02-29 02:00'),
]

BAD_FIELDS = 'must have five fields (minute, hour, day of month, month, day of week), like 0 2 * * * for every day at 02:00'
REFUSED = [
    ('', f'{BAD_FIELDS}; this has 0'),
    ('   ', f'{BAD_FIELDS}; this has 0'),
    ('0 2 * *', f'{BAD_FIELDS}; this has 4'),
    ('0 2 * * * *', f'{BAD_FIELDS}; this has 6'),
    ('0 2 * * * root', f'{BAD_FIELDS}; this has 6'),
    ('@daily', 'must be a cron expression with five fields; write 0 0 * * * instead of @daily'),
    ('@Weekly', 'must be a cron expression with five fields; write 0 0 * * 0 instead of @Weekly'),
    ('@reboot', 'must be a cron expression with five fields; write it like 0 2 * * *'),
    ('60 * * * *', '60 is no minute; use 0 to 59'),
    ('0 24 * * *', '24 is no hour; use 0 to 23'),
    ('0 2 0 * *', '0 is no day of month; use 1 to 31'),
    ('0 2 32 * *', '32 is no day of month; use 1 to 31'),
    (
        '0 2 * 13 *',
        '13 is no month; use 1 to 12 or jan, feb, mar, apr, may, jun, jul, aug, sep, oct, nov, dec',
    ),
    ('0 2 * * 8', '8 is no day of week; use 0 to 7 or sun, mon, tue, wed, thu, fri, sat'),
    ('0 2 * * monday', 'monday is no day of week; use 0 to 7 or sun, mon, tue, wed, thu, fri, sat'),
    ('0 2 * * jan', 'jan is no day of week; use 0 to 7 or sun, mon, tue, wed, thu, fri, sat'),
    ('mon 2 * * *', 'mon is no minute; use 0 to 59'),
    ('0 2 L * *', 'L is no day of month; use 1 to 31'),
    ('0 2 15W * *', '15W is no day of month; use 1 to 31'),
    ('H 2 * * *', 'H is no minute; use 0 to 59'),
    ('1-99 * * * *', '99 is no minute; use 0 to 59'),
    ('9999999999999999999999 * * * *', '9999999999999999999999 is no minute; use 0 to 59'),
    ('5/15 * * * *', '5/15 needs a range before the step; write 5-59/15'),
    ('0 2 * * mon/2', 'mon/2 needs a range before the step; write 1-7/2'),
    ('*/0 * * * *', '*/0 has a step of 0; the smallest step is 1'),
    ('1-5/0 * * * *', '1-5/0 has a step of 0; the smallest step is 1'),
    ('0 22-2 * * *', '22-2 as hour runs backwards, so it would never run; write 22-23,0-2'),
    ('0 2 * * fri-sun', 'fri-sun as day of week runs backwards, so it would never run; write 5-7'),
    ('0 2 * * sat-tue', 'sat-tue as day of week runs backwards, so it would never run; write 6,0-2'),
    ('0 2 * * 7-2', '7-2 as day of week runs backwards, so it would never run; write 0-2'),
    ('0 2 * nov-feb *', 'nov-feb as month runs backwards, so it would never run; write 11-12,1-2'),
    ('0 2 30 2 *', '0 2 30 2 * would never run, because no such day exists; choose another day or month'),
    (
        '0 2 30-31 feb *',
        '0 2 30-31 feb * would never run, because no such day exists; choose another day or month',
    ),
    (
        '0 2 31 4,6,9,11 *',
        '0 2 31 4,6,9,11 * would never run, because no such day exists; choose another day or month',
    ),
    ('0 2 30 2 */2', '0 2 30 2 */2 would never run, because no such day exists; choose another day or month'),
    ('0 2\u00a0* * *', 'may hold only letters, digits and * , - / with spaces between the five fields'),
    ('\uff10 2 * * *', 'may hold only letters, digits and * , - / with spaces between the five fields'),
    ('0 2 * * *\n', 'may hold only letters, digits and * , - / with spaces between the five fields'),
    ('0 2 * * *\0', 'may hold only letters, digits and * , - / with spaces between the five fields'),
]
NOT_READ = [
    '1,,2',
    '1,',
    ',1',
    '1-',
    '-1',
    '*-5',
    '**',
    '*5',
    '1-5-7',
    '1-5/',
    '1-5/2/2',
    '*/x',
    '+5',
    '5.0',
    '0~30',
    '?',
    '1#2',
]

WORDS = [
    (None, 'Manual'),
    ('0 2 * * *', 'Every day at 02:00'),
    ('30 2 * * 1-5', 'Every weekday at 02:30'),
    ('30 2 * * mon,tue,wed,thu,fri', 'Every weekday at 02:30'),
    ('30 2 * * fri,mon,3', 'Every Monday, Wednesday and Friday at 02:30'),
    ('15 3 * * 1,5', 'Every Monday and Friday at 03:15'),
    ('0 2 * * 7', 'Every Sunday at 02:00'),
    ('0 2 * * 0,6', 'Every Saturday and Sunday at 02:00'),
    ('0 2,14 * * *', 'Every day at 02:00 and 14:00'),
    ('30 */6 * * *', 'Every day at 00:30, 06:30, 12:30 and 18:30'),
    ('* * * * *', 'Every minute'),
    ('*/15 * * * *', 'Every 15 minutes'),
    ('0,30 * * * *', 'Every 30 minutes'),
    ('0 * * * *', 'Every hour'),
    ('*/100 * * * *', 'Every hour'),
    ('5 * * * *', 'Every hour at minute 5'),
    ('5,35 * * * *', 'Every hour at minutes 5 and 35'),
    ('0 */6 * * *', 'Every 6 hours'),
    ('0 */2 * * 1-5', 'Every 2 hours, every weekday'),
    ('*/5 * * * sat', 'Every 5 minutes, every Saturday'),
    ('0 8-18 * * *', 'Every hour from 08:00 to 18:00'),
    ('30 8-18 * * 1-5', 'Every hour from 08:30 to 18:30, every weekday'),
    ('0 3 1 * *', 'Every month on day 1 at 03:00'),
    ('0 3 1,15 * *', 'Every month on days 1 and 15 at 03:00'),
    ('0 3 1-7 * *', 'Every month on days 1 to 7 at 03:00'),
    ('0 3 */2 * *', 'Every month on days 1, 3, 5 … 31 at 03:00'),
    ('0 3 1 1 *', 'Every year on 1 January at 03:00'),
    ('0 3 1 jan,jul *', 'Every January and July on day 1 at 03:00'),
    ('0 3 * 6 *', 'Every day in June at 03:00'),
    ('0 3 * 6-8 1-5', 'Every weekday in June, July and August at 03:00'),
    ('0 3 13 * 5', 'Every month on day 13 and every Friday at 03:00'),
    ('0 3 1-7 * */7', 'Every month on every Sunday among days 1 to 7 at 03:00'),
    ('*/15 9-17 * * 1-5', 'Every 15 minutes, between 09:00 and 17:59, every weekday'),
    ('*/7 * * * *', 'At 0, 7, 14, 21, 28, 35, 42, 49, and 56 minutes past the hour'),
    ('30 */2 * * *', 'At 30 minutes past the hour, every 2 hours'),
    ('what an old store may hold', 'what an old store may hold'),
]


@pytest.mark.parametrize(('schedule', 'expected'), FIRES)
def test_it_fires_as_cron_does(schedule: str, expected: str) -> None:
    runs = next_runs(schedule, ZoneInfo('UTC'), WEDNESDAY, 3)
    assert '; '.join(f'{run:%Y-%m-%d %H:%M}' for run in runs) == expected
    check(schedule)


@pytest.mark.parametrize(('schedule', 'why'), REFUSED)
def test_it_refuses_with_a_sentence(schedule: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(schedule)
    assert refused.value.fields == {'schedule': why}
    with pytest.raises(InvalidInput):
        next_runs(schedule, BERLIN, WEDNESDAY, 1)


@pytest.mark.parametrize('field', NOT_READ)
@pytest.mark.parametrize('place', range(5))
def test_it_refuses_what_cron_would_skip_or_misread(field: str, place: int) -> None:
    fields = ['1'] * 5
    fields[place] = field
    with pytest.raises(InvalidInput, match=r'cannot be read as|is no |needs a range'):
        check(' '.join(fields))


@pytest.mark.parametrize(('schedule', 'words'), WORDS)
def test_it_says_it_in_words(schedule: str | None, words: str) -> None:
    assert in_words(schedule) == words


@pytest.mark.parametrize(
    'timezone', ['Europe/Atlantis', '', '../etc/passwd', '/etc/passwd', 'Europe', 'x\0y']
)
def test_it_refuses_an_unknown_time_zone(timezone: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check('0 2 * *', timezone)
    assert refused.value.fields['timezone'] == 'is not a known time zone; use one like Europe/Berlin'
    assert 'this has 4' in refused.value.fields['schedule']


def test_it_accepts_known_time_zones() -> None:
    for timezone in ('Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires', None):
        check('0 2 * * *', timezone)


def test_it_reads_the_schedule_in_the_zone_and_answers_in_utc() -> None:
    [winter] = next_runs('0 2 * * *', BERLIN, datetime(2026, 1, 10, tzinfo=UTC), 1)
    [summer] = next_runs('0 2 * * *', BERLIN, datetime(2026, 7, 10, 3, tzinfo=BERLIN), 1)
    assert winter == datetime(2026, 1, 10, 1, tzinfo=UTC)
    assert summer == datetime(2026, 7, 11, 0, tzinfo=UTC)
    assert winter.tzinfo is UTC
    assert summer.tzinfo is UTC


def test_it_answers_with_times_later_than_the_given_one() -> None:
    on_the_dot = datetime(2026, 1, 10, 2, tzinfo=UTC)
    for schedule in ('0 2 * * *', '* 2 * * *'):
        just_before = on_the_dot - timedelta(microseconds=1)
        assert next_runs(schedule, ZoneInfo('UTC'), just_before, 1) == [on_the_dot]
        assert next_runs(schedule, ZoneInfo('UTC'), on_the_dot, 1)[0] > on_the_dot


def on_the_wall(schedule: str, day: str, zone: ZoneInfo = BERLIN) -> list[str]:
    """Return what fires on that day, as its wall clock shows it with the offset of the moment."""
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    runs = next_runs(schedule, zone, start - timedelta(seconds=1), 200)
    return [
        f'{local:%H:%M%z}' for local in (run.astimezone(zone) for run in runs) if local.date() == start.date()
    ]


def test_it_runs_a_job_of_the_skipped_hour_once_right_after_it() -> None:
    assert on_the_wall('30 2 * * *', '2026-03-29') == ['03:00+0200']
    assert on_the_wall('0,15,30,45 2 * * *', '2026-03-29') == ['03:00+0200']
    assert on_the_wall('0 2,3 * * *', '2026-03-29') == ['03:00+0200']
    assert on_the_wall('30 1-3 * * *', '2026-03-29') == ['01:30+0100', '03:00+0200', '03:30+0200']
    assert on_the_wall('30 2 * * *', '2026-03-28') == ['02:30+0100']
    assert on_the_wall('30 2 * * *', '2026-03-30') == ['02:30+0200']


def test_it_runs_a_job_of_the_doubled_hour_once() -> None:
    assert on_the_wall('30 2 * * *', '2026-10-25') == ['02:30+0200']
    assert on_the_wall('0,30 1-3 * * *', '2026-10-25') == [
        '01:00+0200', '01:30+0200', '02:00+0200', '02:30+0200', '03:00+0100', '03:30+0100',
    ]  # fmt: skip


def test_it_runs_a_job_of_every_hour_in_each_real_hour() -> None:
    spring, autumn = on_the_wall('0 * * * *', '2026-03-29'), on_the_wall('0 * * * *', '2026-10-25')
    assert len(spring) == 23
    assert len(autumn) == 25
    assert autumn[2:4] == ['02:00+0200', '02:00+0100']


def test_it_lets_a_star_job_follow_the_clock() -> None:
    assert on_the_wall('*/20 2 * * *', '2026-03-29') == []
    assert on_the_wall('*/20 2 * * *', '2026-10-25') == [
        '02:00+0200', '02:20+0200', '02:40+0200', '02:00+0100', '02:20+0100', '02:40+0100',
    ]  # fmt: skip


def test_it_goes_on_from_any_point_of_the_doubled_hour() -> None:
    second_pass = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    [fixed] = next_runs('30 2 * * *', BERLIN, second_pass, 1)
    [moving] = next_runs('30 * * * *', BERLIN, second_pass, 1)
    assert fixed == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)
    assert moving == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def cron_by_the_minute(
    hours: set[int], minutes: set[int], zone: ZoneInfo, start: datetime, wild: bool
) -> Iterator[datetime]:
    """Walk every real minute with the rules of cron(8), as slowly and plainly as possible."""
    shown: set[datetime] = set()
    before = start.astimezone(zone).replace(tzinfo=None)
    for number in range(1, 2 * 24 * 60 + 1):
        moment = start + timedelta(minutes=number)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        skipped = (
            before + timedelta(minutes=step) for step in range(1, int((wall - before).total_seconds() // 60))
        )
        candidates = {wall} if wild else {wall, *skipped} - shown
        if any(time.hour in hours and time.minute in minutes for time in candidates):
            yield moment
        shown.update(candidates)
        before = wall


CHANGES = [
    ('Europe/Berlin', '2026-03-28'), ('Europe/Berlin', '2026-10-24'), ('America/New_York', '2026-03-07'),
    ('America/New_York', '2026-10-31'), ('Australia/Lord_Howe', '2026-04-04'), ('Australia/Lord_Howe', '2026-10-03'),
    ('Europe/Dublin', '2026-10-24'), ('America/Havana', '2026-03-07'), ('America/Havana', '2026-10-31'),
    ('Africa/Casablanca', '2026-02-14'), ('Asia/Kathmandu', '2026-03-28'),
]  # fmt: skip


@pytest.mark.parametrize(('zone_name', 'day_before'), CHANGES)
@pytest.mark.parametrize(
    ('schedule', 'minutes', 'hours'),
    [
        ('0 0 * * *', {0}, {0}),
        ('30 1,2 * * *', {30}, {1, 2}),
        ('15,45 0-23 * * *', {15, 45}, set(range(24))),
        ('*/10 * * * *', set(range(0, 60, 10)), set(range(24))),
        ('15 */2 * * *', {15}, set(range(0, 24, 2))),
        ('* 2 * * *', set(range(60)), {2}),
    ],
)
def test_it_agrees_with_a_walk_over_every_minute(
    schedule: str, minutes: set[int], hours: set[int], zone_name: str, day_before: str
) -> None:
    zone = ZoneInfo(zone_name)
    start = datetime.fromisoformat(day_before).replace(tzinfo=zone).astimezone(UTC)
    expected = list(
        cron_by_the_minute(hours, minutes, zone, start, wild='*' in ' '.join(schedule.split()[:2]))
    )
    assert next_runs(schedule, zone, start, len(expected)) == expected
