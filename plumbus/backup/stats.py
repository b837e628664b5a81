"""Numbers for the dashboard and the API, kept up to date with each change of a record instead of read from all."""

import os
from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from plumbus.backup.growth import Growth, seconds

SUCCESS_WINDOW = timedelta(days=30)
GOOD = frozenset({'completed', 'warning'})
FAILED = frozenset({'failed', 'interrupted'})
ENDED = GOOD | FAILED | {'cancelled'}
JUDGED = GOOD | FAILED  # a cancelled one was nobody's failure and does not count
Raw = Mapping[str, Any]


class Figures:
    """Watches the records of backups. Whoever reads it holds the lock of the database."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """There are no records."""
        self.size_bytes = 0
        self.disk_bytes = 0
        self.protected_bytes = 0
        self.growth = Growth()
        self._kept: dict[int, dict[int, int]] = {}
        self._newest: dict[int, int] = {}
        self._ends: dict[bool, list[float]] = {True: [], False: []}

    def added(self, item_id: int, document: Raw) -> None:
        """Given a record that is there from now on, count it in."""
        self.growth.count(document, 1)
        if ended := _end_of(document):
            insort(self._ends[document['status'] in GOOD], ended)
        if document.get('status') in GOOD and document.get('backup_path'):
            self._count_kept(document, 1)
            job_id, size = _number(document, 'job_id'), _number(document, 'size_bytes')
            kept = self._kept.setdefault(job_id, {})
            kept[item_id] = size
            if item_id >= self._newest.get(job_id, 0):
                self.protected_bytes += size - kept.get(self._newest.get(job_id, 0), 0)
                self._newest[job_id] = item_id

    def removed(self, item_id: int, document: Raw) -> None:
        """Given a record as it was up to now, count it out."""
        self.growth.count(document, -1)
        if ended := _end_of(document):
            times = self._ends[document['status'] in GOOD]
            del times[bisect_left(times, ended)]
        if document.get('status') in GOOD and document.get('backup_path'):
            self._count_kept(document, -1)
            self._forget(item_id, _number(document, 'job_id'))

    def newest_sizes(self) -> dict[int, int]:
        """Return the size of the newest snapshot of each job that has one."""
        return {job_id: kept[self._newest[job_id]] for job_id, kept in self._kept.items()}

    def lately(self, now: datetime) -> tuple[int, int]:
        """Return how many of the backups that ended in the last 30 days were good ones, and how many failed."""
        since = (now - SUCCESS_WINDOW).timestamp()
        good, bad = (
            len(times) - bisect_left(times, since) for times in (self._ends[True], self._ends[False])
        )
        return good, bad

    def success_rate(self, now: datetime) -> float:
        """Return the share of good ones among the backups that ended in the last 30 days, in percent (100 if there are none)."""
        good, bad = self.lately(now)
        return round(100 * good / (good + bad), 1) if good + bad else 100.0

    def _count_kept(self, document: Raw, sign: int) -> None:
        self.size_bytes += sign * _number(document, 'size_bytes')
        self.disk_bytes += sign * _number(document, 'disk_bytes')

    def _forget(self, item_id: int, job_id: int) -> None:
        kept = self._kept[job_id]
        size = kept.pop(item_id)
        if self._newest[job_id] == item_id:
            newest = max(kept, default=0)
            self.protected_bytes += kept.get(newest, 0) - size
            self._newest[job_id] = newest
        if not kept:
            del self._kept[job_id], self._newest[job_id]


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


def _end_of(document: Raw) -> float | None:
    """When a run that says something ended."""
    return seconds(document.get('end_time')) if document.get('status') in JUDGED else None


def _number(document: Raw, name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) else 0
