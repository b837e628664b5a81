"""What became of the backups of the last days, however the records change."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from plumbus.backup.days import WORST, DayResult, Days
from plumbus.model import Backup, Status
from plumbus.store.database import Database
from plumbus.store.documents import Documents

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)
BERLIN = ZoneInfo('Europe/Berlin')
Raw = dict[str, Any]


def backup(number: int, status: str, days: float = 0, client: int = 1) -> Raw:
    started = (NOW - timedelta(days=days)).isoformat()
    return {'id': number, 'client_id': client, 'status': status, 'start_time': started}


def results(*backups: Raw) -> dict[tuple[int, date], DayResult]:
    made = Days(BERLIN, lambda: NOW)
    for raw in backups:
        made.added(raw['id'], raw)
    return made.results()


def test_it_tells_the_worst_of_a_day_and_of_equals_the_newest() -> None:
    told = results(
        backup(1, 'failed'), backup(2, 'completed'), backup(3, 'failed'), backup(4, 'cancelled'), backup(5, 'warning', client=2)
    )  # fmt: skip
    assert told == {(1, TODAY): DayResult('failed', 3, 3), (2, TODAY): DayResult('warning', 5, 1)}


def test_a_day_is_one_of_the_time_zone() -> None:
    late = {**backup(1, 'completed'), 'start_time': '2026-11-22T23:30:00Z'}
    assert results(late).keys() == {(1, TODAY)}


def test_it_forgets_days_as_time_goes_by_and_never_knew_older_ones() -> None:
    now = NOW
    made = Days(BERLIN, lambda: now)
    for number, age in enumerate((0, 20, 31, 40), 1):
        made.added(number, backup(number, 'completed', age))
    assert {day for _, day in made.results()} == {TODAY - timedelta(days=age) for age in (0, 20, 31)}
    now = NOW + timedelta(days=20)
    assert {day for _, day in made.results()} == {TODAY}
    made.removed(2, backup(2, 'completed', 20))
    assert len(made.results()) == 1


def test_what_someone_spoilt_by_hand_does_no_harm() -> None:
    spoilt = [
        {},
        {'id': 2, 'status': 'failed', 'client_id': 1, 'start_time': 'yesterday'},
        {'id': 3, 'status': 'failed', 'client_id': 'x', 'start_time': NOW.isoformat()},
        {'id': 4, 'status': 'failed', 'client_id': 1, 'start_time': 7},
        {'id': 5, 'status': 'failed', 'client_id': 1, 'start_time': '9999-12-31T23:59:59Z'},
    ]
    made = Days(BERLIN, lambda: NOW)
    for number, raw in enumerate(spoilt):
        made.added(number, raw)
    for number, raw in enumerate(spoilt):
        made.removed(number, raw)
    assert made.results() == {}


BACKUPS = st.builds(
    backup,
    number=st.integers(1, 8),
    status=st.sampled_from(['running', 'cancelled', *WORST]),
    days=st.sampled_from([0, 1, 29, 50]),
    client=st.integers(1, 2),
)


@given(st.lists(BACKUPS, max_size=20), st.sets(st.integers(1, 8)))
def test_after_any_changes_it_tells_what_it_would_of_what_is_left(changes: list[Raw], gone: set[int]) -> None:
    made, stored = Days(BERLIN, lambda: NOW), dict[int, Raw]()
    for raw in changes:
        if old := stored.get(raw['id']):
            made.removed(raw['id'], old)
        made.results()
        made.added(raw['id'], raw)
        stored[raw['id']] = raw
    for number in gone & stored.keys():
        made.removed(number, stored.pop(number))
    assert made.results() == results(*stored.values())


def test_the_last_backup_of_a_job_is_one_that_has_ended_and_was_not_cancelled(tmp_path: Path) -> None:
    backups = Documents(Database(tmp_path / 'db'), 'backups', Backup)
    for status in ('completed', 'interrupted', 'cancelled', 'running'):
        backups.add(Backup(job_id=7, client_id=1, status=Status(status)))
    assert backups.newest_ids('tried_of') == {7: 2}
