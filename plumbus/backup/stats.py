"""Numbers for the dashboard and the API, from records that were read once."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from plumbus.model import Backup, Job, Status

SUCCESS_WINDOW = timedelta(days=30)


def summary(jobs: Sequence[Job], backups: Iterable[Backup], clients: int, now: datetime) -> dict[str, Any]:
    """Given the records, return counts, rates (percent) and bytes. The success rate covers the last 30 days."""
    ended = [backup for backup in backups if backup.status.finished]
    good = [backup for backup in ended if backup.status.good]
    kept = [backup for backup in good if backup.backup_path]
    failed = sum(backup.status in {Status.FAILED, Status.INTERRUPTED} for backup in ended)
    total = sum(backup.size_bytes for backup in kept)
    return {
        'total_clients': clients,
        'total_jobs': len(jobs),
        'enabled_jobs': sum(job.enabled for job in jobs),
        'total_backups': len(ended),
        'successful_backups': len(good),
        'failed_backups': failed,
        'success_rate': success_rate(ended, now),
        'total_size_bytes': total,
        'total_size_gb': round(total / 10**9, 2),
        'protected_bytes': sum(backup.size_bytes for backup in newest_of_each_job(kept)),
        'disk_bytes': sum(backup.disk_bytes for backup in kept),
    }


def success_rate(ended: Iterable[Backup], now: datetime) -> float:
    """Given ended backups, return the share of good ones among those of the last 30 days, in percent (100 if none).

    A cancelled one was nobody's failure and does not count.
    """
    recent = [
        backup
        for backup in ended
        if backup.status is not Status.CANCELLED
        and backup.end_time
        and now - backup.end_time <= SUCCESS_WINDOW
    ]
    return round(100 * sum(backup.status.good for backup in recent) / len(recent), 1) if recent else 100.0


def newest_of_each_job(backups: Iterable[Backup]) -> list[Backup]:
    """Given backups, return the one with the highest id of each job."""
    newest: dict[int, Backup] = {}
    for backup in backups:
        known = newest.get(backup.job_id)
        if known is None or backup.id > known.id:
            newest[backup.job_id] = backup
    return list(newest.values())


def disk_space(folder: Path) -> dict[str, int]:
    """Given a folder, return free and total bytes of its disk."""
    status = os.statvfs(folder)
    return {
        'disk_free_bytes': status.f_bavail * status.f_frsize,
        'disk_total_bytes': status.f_blocks * status.f_frsize,
    }


def room(folder: Path) -> tuple[int, int]:
    """Given a folder, return free and total bytes of its disk; both 0 if it cannot be asked, as when it is not mounted."""
    try:
        space = disk_space(folder)
    except OSError:
        return 0, 0
    return space['disk_free_bytes'], space['disk_total_bytes']
