"""Numbers for the dashboard."""

from datetime import UTC, datetime, timedelta

from plumbus.backup.stats import newest_of_each_job, summary
from plumbus.model import Backup, Job, Status

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def backup(number: int, status: Status, days: int = 0, job: int = 1, size: int = 100) -> Backup:
    path = f'backups/c/j/{number}' if status.good else None
    return Backup(
        id=number, client_id=1, job_id=job, status=status, end_time=NOW - timedelta(days=days), size_bytes=size, disk_bytes=10, backup_path=path
    )  # fmt: skip


def test_it_counts_what_there_is() -> None:
    jobs = [
        Job(id=1, client_id=1, name='a', source_paths=['/a']),
        Job(id=2, client_id=1, name='b', source_paths=['/b'], enabled=False),
    ]
    backups = [
        backup(5, Status.COMPLETED, size=300), backup(4, Status.FAILED), backup(3, Status.WARNING, job=2), backup(2, Status.CANCELLED),
        backup(1, Status.COMPLETED, days=40), backup(6, Status.RUNNING), backup(7, Status.QUEUED),
    ]  # fmt: skip
    told = summary(jobs, backups, 1, NOW)
    assert told['total_clients'] == 1
    assert (told['total_jobs'], told['enabled_jobs']) == (2, 1)
    assert (told['total_backups'], told['successful_backups'], told['failed_backups']) == (5, 3, 1)
    assert told['success_rate'] == 66.7
    assert told['total_size_bytes'] == 500
    assert told['protected_bytes'] == 400
    assert told['disk_bytes'] == 30


def test_it_tells_a_full_rate_when_nothing_ran_yet() -> None:
    assert summary([], [], 0, NOW)['success_rate'] == 100.0


def test_it_finds_the_newest_backup_of_each_job_in_any_order() -> None:
    backups = [backup(1, Status.COMPLETED), backup(3, Status.COMPLETED), backup(2, Status.COMPLETED, job=2)]
    assert {one.id for one in newest_of_each_job(backups)} == {2, 3}
