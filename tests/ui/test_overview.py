"""What the dashboard concludes from clients, jobs and history."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pages.overview import Square, days, mark_late, overview, squares
from plumbus.backup.days import Days
from plumbus.model import Backup, Client, JobView, Status

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BERLIN = ZoneInfo('Europe/Berlin')


def client(number: int = 1, name: str = 'pi') -> Client:
    return Client(id=number, name=name, host='pi.local', username='pi')


def job(number: int = 1, client_id: int = 1, **more: Any) -> JobView:
    return JobView(id=number, client_id=client_id, name='home', source_paths=['/home'], **more)


def backup(
    status: str, *, ago: timedelta = timedelta(hours=1), job_id: int = 1, client_id: int = 1, **more: Any
) -> Backup:
    begun = NOW - ago
    return Backup(
        id=more.pop('id', 1),
        job_id=job_id,
        client_id=client_id,
        status=Status(status),
        start_time=begun,
        **more,
    )


def last(*backups: Backup) -> dict[int, Backup]:
    return {one.job_id: one for one in backups}


def squares_of(*backups: Backup) -> dict[int, dict[date, Square]]:
    known = Days(BERLIN, lambda: NOW)
    for one in backups:
        known.added(one.id, one.model_dump(mode='json'))
    return squares(known.results(), NOW.astimezone(BERLIN).date())


def test_it_says_that_all_is_well() -> None:
    made = overview(
        [client(), client(2, 'nas')],
        [job(), job(2, 2)],
        last(backup('completed'), backup('completed', job_id=2, client_id=2)),
    )
    assert made.verdict == 'All 2 clients are protected'
    assert made.tone == 'ok'
    assert made.concerns == []


def test_it_names_who_needs_attention_and_why() -> None:
    failed = backup('failed', error_message='No answer on port 22. Is it switched on?', id=7)
    made = overview(
        [client(), client(2, 'nas')], [job(), job(2, 2)], last(failed, backup('completed', job_id=2))
    )
    assert made.verdict == '1 of 2 clients is protected'
    assert made.summary == '1 needs attention: pi.'
    assert made.concerns[0].cause == 'No answer on port 22. Is it switched on?'
    assert made.concerns[0].target == '/backups/7'


def test_it_counts_a_warning_as_protected_but_tells_it() -> None:
    made = overview([client()], [job()], last(backup('warning', warnings=['/a: permission denied'])))
    assert made.verdict == 'Your client is protected'
    assert made.concerns[0].cause == '1 file could not be read.'


def test_it_does_not_call_safe_what_was_never_backed_up() -> None:
    assert overview([client()], [], {}).concerns[0].cause == 'Nothing is backed up from this client yet.'
    assert overview([client()], [job()], {}).concerns[0].cause == 'It has no backup yet.'
    assert (
        overview([client()], [job(enabled=False)], last(backup('completed'))).concerns[0].cause
        == 'All of its jobs are paused.'
    )


def test_it_notices_a_run_that_did_not_begin() -> None:
    late = job(overdue=True, overdue_since=NOW - timedelta(hours=2))
    assert 'overdue' in overview([client()], [late], last(backup('completed'))).concerns[0].cause


def test_it_orders_what_comes_next() -> None:
    jobs = [
        job(1, next_run=NOW + timedelta(hours=2)),
        job(2, next_run=NOW + timedelta(hours=1)),
        job(3),
        job(4, enabled=False, next_run=NOW),
    ]
    assert [one.id for _, one in overview([client()], jobs, {}).due] == [2, 1]


def test_it_shows_the_worst_backup_of_each_day_in_local_time() -> None:
    late_evening = datetime(2026, 11, 22, 23, 30, tzinfo=UTC) - NOW  # already the 23rd in Berlin
    rows = squares_of(
        backup('completed', id=1),
        backup('failed', ago=-late_evening, id=2),
        backup('warning', ago=timedelta(days=3), id=3),
    )[1]
    assert {day.day: (square.tone, square.backup_id) for day, square in rows.items()} == {
        23: ('fa', 2),
        20: ('wa', 3),
    }
    assert '2' in rows[NOW.date()].label


def test_it_forgets_what_is_older_than_thirty_days() -> None:
    assert squares_of(backup('failed', ago=timedelta(days=30))) == {}
    assert len(days(NOW.date())) == 30
    assert days(NOW.date())[-1] == NOW.date()


def test_a_damaged_snapshot_protects_nobody() -> None:
    made = overview([client()], [job()], last(backup('completed', verify_status='damaged', id=7)))
    assert made.verdict == 'Your client is not protected'
    assert 'damaged' in made.concerns[0].cause
    assert made.concerns[0].target == '/backups/7'


def test_a_shrunk_source_is_a_concern_until_somebody_calls_it_right() -> None:
    told = {'cause': 'shrunk', 'error_message': 'The source shrank from 900 files to 3.', 'warnings': ['x']}
    made = overview([client()], [job()], last(backup('warning', suspicious=True, **told)))
    assert made.concerns[0].cause == 'The source shrank from 900 files to 3.'
    assert overview([client()], [job()], last(backup('warning', suspicious=False, **told))).concerns == []


def test_an_overdue_job_makes_today_late_unless_something_worse_happened() -> None:
    late = [job(1, 1, overdue=True), job(2, 2, overdue=True), job(3, 3)]
    found = squares_of(backup('completed', client_id=1), backup('failed', client_id=2, id=2))
    mark_late(found, late, NOW.date())
    assert [(found[n][NOW.date()].tone, found[n][NOW.date()].job_id) for n in (1, 2)] == [
        ('late', 1),
        ('fa', None),
    ]
    assert 3 not in found
