"""What a policy keeps and why: against tables worked out by hand, a simple second reading of the rules, and properties."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plumbus.backup.retention import Candidate, Verdict, decide
from plumbus.model import Retention

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo('Europe/Berlin')
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(times: Iterable[datetime], **fields: Any) -> list[Candidate]:
    return [Candidate(backup_id=number, time=time, **fields) for number, time in enumerate(times, 1)]


def hourly(first: str, last: str) -> list[Candidate]:
    hours = int((at(last) - at(first)) / HOUR) + 1
    return made(at(first) + number * HOUR for number in range(hours))


def kept_times(candidates: Sequence[Candidate], zone: ZoneInfo = BERLIN, **policy: int) -> list[str]:
    times = {one.backup_id: one.time for one in candidates}
    verdict = decide(Retention(**policy), candidates, zone, FAR)
    return [f'{times[one.backup_id]:%m-%d %H}' for one in verdict.keep]


def reasons(verdict: Verdict) -> dict[int, list[str]]:
    return {one.backup_id: one.reasons for one in verdict.keep}


# --- tables worked out by hand ---


def test_a_doubled_hour_is_one_hour() -> None:
    kept = kept_times(hourly('2026-10-24T00:00', '2026-10-25T12:00'), keep_hourly=24)
    # 02:00 comes twice in Berlin, at 00 and at 01 o'clock UTC: the later one counts.
    assert kept == [
        *(f'10-25 {hour:02}' for hour in range(12, 0, -1)),
        *(f'10-24 {hour:02}' for hour in range(23, 11, -1)),
    ]


def test_a_skipped_hour_is_none() -> None:
    kept = kept_times(hourly('2026-03-28T00:00', '2026-03-29T12:00'), keep_hourly=24)
    assert kept == [
        *(f'03-29 {hour:02}' for hour in range(12, -1, -1)),
        *(f'03-28 {hour:02}' for hour in range(23, 12, -1)),
    ]


def test_a_day_ends_at_midnight_of_the_zone_before_and_after_the_clock_is_changed() -> None:
    autumn = hourly('2026-10-22T00:00', '2026-10-26T22:00')
    spring = hourly('2026-03-26T00:00', '2026-03-30T21:00')
    assert kept_times(autumn, keep_daily=3) == ['10-26 22', '10-25 22', '10-24 21']
    assert kept_times(spring, keep_daily=3) == ['03-30 21', '03-29 21', '03-28 22']
    tokyo = kept_times(autumn, ZoneInfo('Asia/Tokyo'), keep_daily=3)
    assert tokyo == ['10-26 22', '10-26 14', '10-25 14']


def test_a_week_is_that_of_the_iso_calendar() -> None:
    noons = made(at('2026-12-14T12:00') + timedelta(days=number) for number in range(23))
    verdict = decide(Retention(keep_weekly=3), noons, BERLIN, FAR)
    assert list(reasons(verdict).values()) == [['weekly 2027-W01'], ['weekly 2026-W53'], ['weekly 2026-W52']]
    assert kept_times(noons, keep_weekly=3) == ['01-05 12', '01-03 12', '12-27 12']


def test_months_and_years_end_where_the_zone_says() -> None:
    ends = made(map(at, ['2025-12-31T10:59', '2025-12-31T11:00', '2026-01-31T10:59', '2026-01-31T11:00']))
    verdict = decide(Retention(keep_monthly=9, keep_yearly=9), ends, ZoneInfo('Pacific/Auckland'), FAR)
    assert reasons(verdict) == {
        4: ['monthly 2026-02', 'yearly 2026'],
        3: ['monthly 2026-01'],
        1: ['monthly 2025-12', 'yearly 2025'],
    }
    assert verdict.remove == [2]


def test_periods_without_a_snapshot_do_not_count() -> None:
    days = made(map(at, ['2024-02-03T02:00', '2025-07-08T02:00', '2026-11-20T02:00', '2026-11-23T02:00']))
    assert kept_times(days, keep_daily=3) == ['11-23 02', '11-20 02', '07-08 02']


def test_it_tells_every_reason() -> None:
    times = map(at, ['2026-11-22T01:00', '2026-11-22T02:00', '2026-11-23T01:00', '2026-11-23T02:00'])
    policy = Retention(keep_last=2, keep_hourly=1, keep_daily=2, keep_weekly=1, keep_monthly=1, keep_yearly=1)
    verdict = decide(policy, made(times), ZoneInfo('UTC'), FAR)
    assert reasons(verdict) == {
        4: [
            'last 1',
            'hourly 2026-11-23 02:00',
            'daily 2026-11-23',
            'weekly 2026-W48',
            'monthly 2026-11',
            'yearly 2026',
        ],
        3: ['last 2'],
        2: ['daily 2026-11-22'],
    }
    assert verdict.remove == [1]


def test_without_numbers_everything_is_kept() -> None:
    verdict = decide(Retention(), hourly('2026-11-22T00:00', '2026-11-23T00:00'), BERLIN, FAR)
    assert verdict.remove == []
    assert set(map(tuple, reasons(verdict).values())) == {('everything is kept',)}


def test_what_is_pinned_or_in_use_stays() -> None:
    day = at('2026-11-23T02:00')
    old = Candidate(backup_id=1, time=day - 3 * HOUR, pinned=True)
    used = Candidate(backup_id=2, time=day - 2 * HOUR, in_use=True)
    newest = Candidate(backup_id=3, time=day)
    verdict = decide(Retention(keep_last=1), [old, used, newest], BERLIN, FAR)
    assert reasons(verdict) == {3: ['last 1'], 2: ['in use'], 1: ['pinned']}


def test_a_suspicious_one_pushes_no_good_one_out() -> None:
    good = made(at('2026-11-20T02:00') + timedelta(days=number) for number in range(3))
    shrunk = [
        Candidate(backup_id=10 + number, time=good[-1].time + number * HOUR, good=False) for number in (1, 2)
    ]
    verdict = decide(Retention(keep_last=2), good + shrunk, BERLIN, FAR)
    newer = 'newer than the last good one'
    assert reasons(verdict) == {12: ['last 1', newer], 11: ['last 2', newer], 3: ['last 1'], 2: ['last 2']}


def test_a_suspicious_one_goes_by_the_usual_rules_once_a_good_one_is_newer() -> None:
    start = at('2026-11-20T02:00')
    shrunk = Candidate(backup_id=1, time=start, good=False)
    good = [Candidate(backup_id=number, time=start + number * HOUR) for number in range(2, 5)]
    assert reasons(decide(Retention(keep_last=2), [shrunk, *good[:1]], BERLIN, FAR))[1] == ['last 2']
    assert decide(Retention(keep_last=2), [shrunk, *good[:2]], BERLIN, FAR).remove == [1]


def test_without_any_good_one_all_stay() -> None:
    shrunk = made((at('2026-11-20T02:00') + number * HOUR for number in range(9)), good=False)
    assert decide(Retention(keep_last=1), shrunk, BERLIN, FAR).remove == []


def test_a_clock_that_was_wrong_costs_nothing() -> None:
    now = at('2026-11-23T02:00')
    future = [Candidate(backup_id=number, time=now + number * 1000 * HOUR) for number in (1, 2)]
    right = [Candidate(backup_id=number, time=now - (9 - number) * HOUR) for number in (3, 4)]
    before = Candidate(backup_id=5, time=at('1970-01-01T00:10'))
    verdict = decide(Retention(keep_last=1), [*future, *right, before], BERLIN, now)
    future_reason = ['dated in the future']
    assert reasons(verdict) == {2: future_reason, 1: future_reason, 4: ['last 1'], 5: ['last good one']}


# --- a year of hourly backups against a second, simple reading of the rules ---

# When the clock was or will be changed in 2026 (UTC) and the minutes by which it is ahead of UTC from then on.
CLOCKS = {
    'Europe/Berlin': [('2026-01-01T00:00', 60), ('2026-03-29T01:00', 120), ('2026-10-25T01:00', 60)],
    'America/New_York': [('2026-01-01T00:00', -300), ('2026-03-08T07:00', -240), ('2026-11-01T06:00', -300)],
    'Australia/Lord_Howe': [('2026-01-01T00:00', 660), ('2026-04-04T15:00', 630), ('2026-10-03T15:30', 660)],
}
POLICY = Retention(keep_last=3, keep_hourly=24, keep_daily=7, keep_weekly=5, keep_monthly=12, keep_yearly=2)


def on_the_wall(zone: str, time: datetime) -> datetime:
    """What a clock on the wall shows, worked out with the table alone."""
    minutes = [ahead for since, ahead in CLOCKS[zone] if at(since) <= time][-1]
    return time.replace(tzinfo=None) + timedelta(minutes=minutes)


def expected(walls: Sequence[datetime]) -> set[int]:
    """Given what the wall showed at snapshots 0, 1, 2, …, return which of them the policy keeps."""
    kept = set(range(len(walls))[-POLICY.keep_last :])
    for period, count in (
        (lambda wall: (wall.date(), wall.hour), POLICY.keep_hourly),
        (lambda wall: wall.date(), POLICY.keep_daily),
        (lambda wall: (wall.date() - date(2001, 1, 1)).days // 7, POLICY.keep_weekly),  # that was a Monday
        (lambda wall: (wall.year, wall.month), POLICY.keep_monthly),
        (lambda wall: wall.year, POLICY.keep_yearly),
    ):
        newest = {period(wall): number for number, wall in enumerate(walls)}
        kept |= set(sorted(newest.values())[-count:])
    return kept


@pytest.mark.parametrize('zone', CLOCKS)
def test_a_year_of_hourly_backups_pruned_each_hour_leaves_what_the_rules_say(zone: str) -> None:
    start = at('2026-01-01T00:00')
    walls: list[datetime] = []
    stay: list[Candidate] = []
    compared = 0
    for number in range(365 * 24):
        time = start + number * HOUR
        walls.append(on_the_wall(zone, time))
        stay.append(Candidate(backup_id=number, time=time))
        verdict = decide(POLICY, stay, ZoneInfo(zone), time)
        gone = set(verdict.remove)
        stay = [one for one in stay if one.backup_id not in gone]
        changed = any(abs(time - at(since)) < 2 * timedelta(days=1) for since, _ in CLOCKS[zone][1:])
        if changed or number % 163 == 0:
            compared += 1
            assert {one.backup_id for one in stay} == expected(walls), time
    assert compared > 200


# --- properties ---

ZONES = st.sampled_from(['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu']).map(
    ZoneInfo
)
START = at('2010-11-01T00:00')  # St. John's set its clock back at one minute past midnight then
MOMENTS = st.integers(0, 40_000).map(lambda minutes: START + timedelta(minutes=7 * minutes))
COUNTS = st.integers(0, 6)
POLICIES = st.builds(
    Retention,
    keep_last=COUNTS, keep_hourly=COUNTS, keep_daily=COUNTS, keep_weekly=COUNTS, keep_monthly=COUNTS, keep_yearly=COUNTS,
)  # fmt: skip
RARELY = st.integers(0, 9).map(lambda number: number == 0)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    times = draw(st.lists(MOMENTS, max_size=30))
    return [
        Candidate(
            backup_id=number,
            time=time,
            good=not draw(RARELY),
            pinned=draw(RARELY),
            in_use=draw(RARELY),
        )
        for number, time in enumerate(times, 1)
    ]


NOWS = st.one_of(st.just(FAR), MOMENTS)


def kept(verdict: Verdict) -> set[int]:
    return {one.backup_id for one in verdict.keep}


@settings(max_examples=300)
@given(candidates(), POLICIES, ZONES, NOWS)
def test_it_decides_about_each_one_and_never_too_much(
    snapshots: list[Candidate], policy: Retention, zone: ZoneInfo, now: datetime
) -> None:
    verdict = decide(policy, snapshots, zone, now)
    ids = {one.backup_id for one in snapshots}
    good = [one for one in snapshots if one.good]
    assert kept(verdict) | set(verdict.remove) == ids
    assert len(verdict.keep) + len(verdict.remove) == len(ids)
    assert all(one.reasons for one in verdict.keep)
    assert len(kept(verdict) & {one.backup_id for one in good}) >= min(policy.keep_last, len(good))
    assert kept(verdict) >= {one.backup_id for one in snapshots if one.pinned or one.in_use}
    if good:
        assert max(good, key=lambda one: (one.time, one.backup_id)).backup_id in kept(verdict)
        assert max(one.backup_id for one in good) in kept(verdict)
    if policy == Retention():
        assert not verdict.remove


@settings(max_examples=300)
@given(candidates(), POLICIES, ZONES, NOWS, st.randoms(use_true_random=False))
def test_it_is_idempotent_and_does_not_care_about_the_order(
    snapshots: list[Candidate], policy: Retention, zone: ZoneInfo, now: datetime, random: Any
) -> None:
    verdict = decide(policy, snapshots, zone, now)
    left = [one for one in snapshots if one.backup_id in kept(verdict)]
    again = decide(policy, left, zone, now)
    assert (again.keep, again.remove) == (verdict.keep, [])
    random.shuffle(snapshots)
    assert decide(policy, snapshots, zone, now) == verdict


@settings(max_examples=200)
@given(candidates(), POLICIES, ZONES, NOWS)
def test_what_is_not_good_or_pinned_changes_nothing_for_the_good_ones(
    snapshots: list[Candidate], policy: Retention, zone: ZoneInfo, now: datetime
) -> None:
    good = [one for one in snapshots if one.good]
    good_ids = {one.backup_id for one in good}
    assert kept(decide(policy, snapshots, zone, now)) & good_ids == kept(decide(policy, good, zone, now))
    unpinned = [Candidate(backup_id=one.backup_id, time=one.time, good=one.good) for one in snapshots]
    held = {one.backup_id for one in snapshots if one.pinned or one.in_use}
    assert kept(decide(policy, snapshots, zone, now)) == kept(decide(policy, unpinned, zone, now)) | held


@settings(max_examples=200)
@given(st.lists(MOMENTS, max_size=40, unique=True).map(sorted), POLICIES, ZONES)
@example([START + number * HOUR for number in range(40)], Retention(keep_daily=2), ZoneInfo('UTC'))
def test_pruning_after_every_backup_leaves_the_same_as_pruning_once(
    times: list[datetime], policy: Retention, zone: ZoneInfo
) -> None:
    every = made(times)
    stay: list[Candidate] = []
    for one in every:
        stay.append(one)
        verdict = decide(policy, stay, zone, one.time)
        stay = [other for other in stay if other.backup_id in kept(verdict)]
    assert {one.backup_id for one in stay} == kept(decide(policy, every, zone, FAR))


@given(st.lists(MOMENTS, max_size=40, unique=True), POLICIES, ZONES)
def test_a_larger_number_never_keeps_less(times: list[datetime], policy: Retention, zone: ZoneInfo) -> None:
    every = made(times)
    larger = Retention(**{name: count + 1 for name, count in policy.model_dump().items()})
    if policy != Retention():
        assert kept(decide(policy, every, zone, FAR)) <= kept(decide(larger, every, zone, FAR))


def test_newest_comes_first_in_what_stays_and_last_in_what_goes() -> None:
    verdict = decide(Retention(keep_last=5), hourly('2026-11-22T00:00', '2026-11-22T09:00'), BERLIN, FAR)
    ids = [one.backup_id for one in verdict.keep]
    assert all(first > second for first, second in pairwise(ids))
    assert verdict.remove == [1, 2, 3, 4, 5]
