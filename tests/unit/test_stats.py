"""Numbers for the dashboard."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plumbus.backup.stats import GOOD, JUDGED, Figures

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Raw = dict[str, Any]


def backup(number: int, status: str, days: float = 0, job: int = 1, size: int = 100) -> Raw:
    path = f'backups/c/j/{number}' if status in GOOD else None
    end_time = None if status == 'running' else (NOW - timedelta(days=days)).isoformat()
    return {
        'id': number, 'job_id': job, 'status': status, 'end_time': end_time, 'size_bytes': size, 'disk_bytes': 10, 'backup_path': path
    }  # fmt: skip


def figures(backups: Iterable[Raw]) -> Figures:
    made = Figures()
    for raw in backups:
        made.added(raw['id'], raw)
    return made


def told(made: Figures) -> tuple[float, int, int, int]:
    return made.success_rate(NOW), made.size_bytes, made.disk_bytes, made.protected_bytes


def test_it_counts_what_there_is() -> None:
    backups = [
        backup(5, 'completed', size=300), backup(4, 'failed'), backup(3, 'warning', job=2), backup(2, 'cancelled'),
        backup(1, 'completed', days=40), backup(6, 'running'),
    ]  # fmt: skip
    assert told(figures(backups)) == (66.7, 500, 30, 400)


def test_it_tells_a_full_rate_when_nothing_ran_yet() -> None:
    assert told(Figures()) == (100.0, 0, 0, 0)


def test_thirty_days_are_thirty_days() -> None:
    assert figures([backup(1, 'failed', days=30)]).success_rate(NOW) == 0
    assert figures([backup(1, 'failed', days=30.00001)]).success_rate(NOW) == 100


def test_what_someone_spoilt_by_hand_does_no_harm() -> None:
    spoilt = [
        {},
        {'status': 'completed', 'end_time': 'yesterday', 'backup_path': 'x', 'size_bytes': 'many'},
        {'status': 'failed', 'end_time': 7},
    ]
    made = Figures()
    for number, raw in enumerate(spoilt):
        made.added(number, raw)
    for number, raw in enumerate(spoilt):
        made.removed(number, raw)
    assert told(made) == told(Figures())


BACKUPS = st.builds(
    backup,
    number=st.integers(1, 8),
    status=st.sampled_from(['running', 'completed', 'warning', 'failed', 'cancelled', 'interrupted']),
    days=st.sampled_from([0, 1, 29, 31]),
    job=st.integers(1, 3),
    size=st.integers(0, 5),
)


def counted(known: dict[int, Raw]) -> tuple[float, int, int, int]:
    """The same from all records at once."""
    recent = [
        raw
        for raw in known.values()
        if raw['status'] in JUDGED and NOW - datetime.fromisoformat(raw['end_time']) <= timedelta(days=30)
    ]
    kept = [raw for _, raw in sorted(known.items()) if raw['backup_path']]
    newest = {raw['job_id']: raw['size_bytes'] for raw in kept}
    good = sum(raw['status'] in GOOD for raw in recent)
    rate = round(100 * good / len(recent), 1) if recent else 100.0
    return rate, sum(raw['size_bytes'] for raw in kept), 10 * len(kept), sum(newest.values())


@given(st.lists(st.tuples(st.booleans(), BACKUPS), max_size=40))
def test_it_stays_right_whatever_comes_and_goes(steps: list[tuple[bool, Raw]]) -> None:
    made, known = Figures(), dict[int, Raw]()
    for stays, raw in steps:
        old = known.pop(raw['id'], None)
        if old:
            made.removed(raw['id'], old)
        if stays:
            known[raw['id']] = raw
            made.added(raw['id'], raw)
        assert told(made) == counted(known)
        assert sum(made.newest_sizes().values()) == made.protected_bytes


def test_it_tells_what_the_snapshots_took_day_by_day() -> None:
    removed = backup(2, 'completed', days=2) | {'backup_path': None, 'freed_bytes': 7}
    removed['removed_at'] = (NOW - timedelta(days=1)).isoformat()
    heir = backup(4, 'warning') | {'disk_bytes': 13, 'inherited_bytes': 3}
    made = figures([backup(1, 'completed', days=200), removed, backup(3, 'failed'), heir])
    trend = made.growth.trend(NOW, made.disk_bytes)
    assert len(trend) == 90
    assert [(one['day'], one['bytes']) for one in trend[-4:]] == [
        ('2026-11-20', 10), ('2026-11-21', 20), ('2026-11-22', 13), ('2026-11-23', 23)
    ]  # fmt: skip


def test_days_without_anything_before_the_first_backup_are_not_told() -> None:
    made = figures([backup(1, 'completed', days=2)])
    assert [one['bytes'] for one in made.growth.trend(NOW, 10)] == [10, 10, 10]
    made.removed(1, backup(1, 'completed', days=2))
    assert made.growth.trend(NOW, 0) == []
    assert made.growth.steps() == []
