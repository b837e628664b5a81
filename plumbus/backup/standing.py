"""Where each job stands, from the newest of its raw records: quick with very many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plumbus.model import Backup
from plumbus.store.documents import Documents
from plumbus.store.rows import decoded

Raw = Mapping[str, Any]
TOLD = (
    'id', 'status', 'cause', 'client_id', 'start_time', 'end_time', 'duration_s', 'size_bytes', 'transferred_bytes', 'file_count',
)  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Standing:
    """The newest backups of one job, as stored: that has ended, that says how the job is, that went well. A backup that was
    cancelled or interrupted says nothing about its job. `damaged`: the ids of its damaged snapshots, newest first."""

    ended: Raw = field(default_factory=dict)
    judged: Raw = field(default_factory=dict)
    good: Raw = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    @property
    def status(self) -> str | None:
        """How the job is: completed, warning or failed; None if nothing says so."""
        return self.judged.get('status')

    @property
    def last_good(self) -> datetime | None:
        """When its last good backup began."""
        return moment(self.good.get('start_time'))


def standings(backups: Documents[Backup]) -> dict[int, Standing]:
    """Return the standing of every job that has a backup which has ended."""
    ended, judged, good = (backups.newest_ids(column) for column in ('ended_of', 'judged_of', 'good_of'))
    told = {
        item_id: _part(decoded(text))
        for item_id, text in backups.texts({*ended.values(), *judged.values(), *good.values()}).items()
    }
    damaged = backups.newest_ids('damaged_of')
    return {
        job_id: Standing(
            ended=told.get(ended_id, {}),
            judged=told.get(judged.get(job_id, 0), {}),
            good=told.get(good.get(job_id, 0), {}),
            damaged=backups.ids({'damaged_of': job_id})[::-1] if job_id in damaged else [],
        )
        for job_id, ended_id in ended.items()
        if job_id is not None
    }


def moment(text: str | None) -> datetime | None:
    """Given a time as it is stored, return it."""
    return datetime.fromisoformat(text) if text else None


def _part(raw: Raw) -> Raw:
    # Of very many jobs whole records would fill the memory.
    return {name: raw.get(name) for name in TOLD}
